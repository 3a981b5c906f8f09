"""The relay of blobs: whoever has an address reads that blob and nothing else, and needs no login."""

import gc
import http.client
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from tidewaiter.errors import RegistryAbsentError, RegistryDeniedError, RegistryError
from tidewaiter.fleet.blob_host import BlobHost
from tidewaiter.fleet.blob_relay import BlobRelay
from tidewaiter.model.cloud import Download
from tidewaiter.model.image import Digest, Reference
from tidewaiter.registry.client import RegistryClient
from tidewaiter.registry.credentials import Credential, OneLogin
from tidewaiter.registry.transport import Patience, Waiting
from tidewaiter.simulator.images import build_image, build_layer, sha256
from tidewaiter.simulator.registry import Login, SimulatedRegistry

IMAGE = build_image([build_layer({"data": bytes(range(256)) * 8000}, compression="")])
BLOB = IMAGE.layers[0].digest
CONTENT = IMAGE.blobs[BLOB]
WAITING = Waiting(Patience(connect=5, read=5), sleep=lambda _seconds: None)


@dataclass
class Clock:
    time: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


@dataclass
class World:
    """A registry that wants a login, a relay that has it, and a reader that has none."""

    registry: SimulatedRegistry
    relay: BlobRelay
    reader: BlobHost
    clock: Clock
    asked: list[Digest] = field(default_factory=list)

    def download(self, digest: Digest = BLOB) -> Download:
        self.asked.append(digest)
        return self.relay.download(Reference(registry=self.registry.host, repository="a/b"), digest)

    def read(self, digest: Digest = BLOB, size: int = len(CONTENT), first: Download | None = None) -> bytes:
        with self.reader.stream(lambda: self.download(digest), size, "the blob", first=first) as stream:
            return stream.read()


@pytest.fixture(params=["basic", "bearer"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    clock = Clock()
    keychain = OneLogin(Credential(username="ann", password="pw"))
    with (
        SimulatedRegistry(Login(scheme=request.param, username="ann", password="pw")) as registry,
        RegistryClient(keychain=keychain, waiting=WAITING) as client,
    ):
        registry.push("a/b", "v1", IMAGE)
        relay, reader = BlobRelay(client, now=clock.now), BlobHost(Waiting(WAITING.patience, WAITING.sleep, clock.now))
        yield World(registry, relay, reader, clock)
        relay.close()
        reader.close()


def status(url: str, method: str = "GET", **headers: str) -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    try:
        connection.request(method, parts.path, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_reader_without_a_login_gets_the_blob(world: World) -> None:
    assert world.read() == CONTENT
    assert len(world.asked) == 1


def test_an_address_tells_nothing_and_is_of_this_machine_alone(world: World) -> None:
    first, second = world.download(), world.download()
    assert first.url.startswith("http://127.0.0.1:")
    assert first.url != second.url
    assert len(urlsplit(first.url).path) >= 40
    assert not first.headers
    assert urlsplit(first.url).username is None
    assert not any(word in first.url for word in ("ann:pw", "a/b", BLOB.hex))  # "pw" alone is in one of a hundred


def test_a_lost_connection_is_taken_up_where_it_was_lost(world: World) -> None:
    world.registry.faults.drop_at, world.registry.faults.drops = 100_000, 2
    assert world.read() == CONTENT
    assert [each.headers["Range"] for each in world.registry.asked_for("/blobs/") if "Range" in each.headers]
    assert len(world.asked) == 1


def test_a_blob_that_comes_without_a_length_is_read_to_its_end(world: World) -> None:
    world.registry.faults.unsized = True
    assert world.read() == CONTENT


def test_a_redirect_is_followed_without_the_login(world: World) -> None:
    with SimulatedRegistry() as storage:
        storage.push("a/b", "v1", IMAGE)
        storage.faults.refuse_authorization = True
        world.registry.faults.redirect = storage.url
        assert world.read() == CONTENT


@pytest.mark.parametrize("path", ["/", "/x", "/../v2/", "/v2/"])
def test_what_is_no_address_is_refused(world: World, path: str) -> None:
    parts = urlsplit(world.download().url)
    assert status(f"{parts.scheme}://{parts.netloc}{path}") == 403


def test_an_address_is_good_for_its_blob_and_nothing_behind_it(world: World) -> None:
    url = world.download().url
    assert status(url) == 200
    assert [status(url + more) for more in ("/", "/../other", "x")] == [403, 403, 403]
    assert status(url, "POST") == 501


def test_an_address_ends_after_its_time_and_a_reader_asks_for_another(world: World) -> None:
    old = world.download()
    assert old.expires == world.clock.time + timedelta(minutes=15)
    world.clock.time += timedelta(minutes=16)
    assert status(old.url) == 403
    assert world.read(first=old) == CONTENT


def test_who_is_refused_and_asks_again_is_told_why(world: World) -> None:
    missing = sha256(b"it is not there")
    with pytest.raises(RegistryAbsentError, match=f"the registry has no blob {missing} in a/b"):
        world.read(missing)
    assert len(world.asked) == 2
    assert world.download(missing).url, "it was told once"


def test_why_is_forgotten_after_a_while(world: World) -> None:
    missing = sha256(b"it is not there")
    assert status(world.download(missing).url) == 403
    world.clock.time += timedelta(minutes=2)
    assert world.download(missing).url


def test_a_login_that_is_withdrawn_is_told_and_shown_nowhere(world: World) -> None:
    assert world.read() == CONTENT
    world.registry.login = Login(scheme="basic", username="ann", password="another")
    with pytest.raises(RegistryDeniedError) as refused:
        world.read()
    assert "pw" not in str(refused.value)


def test_many_read_at_the_same_time(world: World) -> None:
    read: list[bytes] = []
    threads = [threading.Thread(target=lambda: read.append(world.read())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read == [CONTENT] * 8


def test_the_end_of_the_relay_ends_what_is_being_read(world: World) -> None:
    url = world.download().url
    world.registry.faults.pause = 0.05
    with world.reader.stream(world.download, len(CONTENT), "the blob") as stream:
        assert stream.read(1000) == CONTENT[:1000]
        world.relay.close()
        world.relay.close()
        with pytest.raises(RegistryError):
            stream.read()
    with pytest.raises(OSError, match=r"."):
        status(url)
    with pytest.raises(RegistryError, match="not asked any more"):
        world.download()


def test_nothing_listens_before_the_first_address() -> None:
    before = threading.active_count()
    with RegistryClient(keychain=OneLogin(None)) as client:
        relay = BlobRelay(client)
        relay.close()
    gc.collect()
    assert threading.active_count() <= before

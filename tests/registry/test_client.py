"""Pulling from a registry that asks who comes, loses connections, and sends elsewhere."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tidewaiter.errors import LimitError, MalformedError, RegistryDeniedError, RegistryError
from tidewaiter.model.image import Reference
from tidewaiter.registry.client import RegistryClient
from tidewaiter.simulator.images import Built, sha256
from tidewaiter.simulator.registry import Login, SimulatedRegistry

CEILING = 4 << 20
Connect = Callable[..., RegistryClient]
Make = Callable[..., Any]


def pulled(client: RegistryClient, reference: Reference, content: bytes, size: int | None = None) -> bytes:
    with client.blob(reference, sha256(content), len(content) if size is None else size) as stream:
        return stream.read()


def authorizations(registry: SimulatedRegistry, part: str = "/v2/") -> list[str]:
    return [asked.headers["Authorization"] for asked in registry.asked_for(part) if "Authorization" in asked.headers]


class TestManifests:
    def test_a_tag_and_a_digest_lead_to_the_same_bytes(
        self, registry: SimulatedRegistry, connect: Connect, image: Built
    ) -> None:
        client = connect()
        by_tag = client.manifest(client.reference(registry.push("a/b", "v1", image)), ceiling=CEILING)
        by_digest = client.manifest(client.reference(registry.push("a/b", "", image)), ceiling=CEILING)
        assert by_tag == by_digest == (image.document, image.media_type)

    def test_the_bytes_count_and_not_what_a_header_says_of_them(
        self, registry: SimulatedRegistry, connect: Connect, image: Built
    ) -> None:
        client = connect()
        registry.faults.lying_digest = True
        content, _ = client.manifest(client.reference(registry.push("a/b", "", image)), ceiling=CEILING)
        assert content == image.document

    def test_other_bytes_than_the_digest_s_are_refused(
        self, registry: SimulatedRegistry, connect: Connect, image: Built
    ) -> None:
        client = connect()
        registry.faults.corrupt.add(image.digest)
        with pytest.raises(MalformedError, match="wrong digest"):
            client.manifest(client.reference(registry.push("a/b", "", image)), ceiling=CEILING)

    def test_a_manifest_beyond_the_ceiling_is_not_taken_in(
        self, registry: SimulatedRegistry, connect: Connect, image: Built
    ) -> None:
        client = connect()
        with pytest.raises(LimitError) as caught:
            client.manifest(client.reference(registry.push("a/b", "v1", image)), ceiling=len(image.document) - 1)
        assert caught.value.limit == "manifest_bytes"

    def test_an_image_that_is_not_there_is_named(self, registry: SimulatedRegistry, connect: Connect) -> None:
        client = connect()
        with pytest.raises(RegistryError, match=r"has no image v9 in a/b \(MANIFEST_UNKNOWN: simulated") as caught:
            client.manifest(client.reference(f"{registry.host}/a/b:v9"), ceiling=CEILING)
        assert caught.value.where == registry.host
        assert not caught.value.retry

    def test_tags_are_listed_over_several_pages(
        self, registry: SimulatedRegistry, connect: Connect, image: Built
    ) -> None:
        for tag in ("v3", "v1", "v2", "v5", "v4"):
            reference = registry.push("a/b", tag, image)
        client = connect()
        assert list(client.tags(client.reference(reference))) == ["v1", "v2", "v3", "v4", "v5"]
        assert len(registry.asked_for("tags/list")) == 3


class TestLogins:
    def test_a_token_is_fetched_once_and_used_for_all(
        self, registry: SimulatedRegistry, connect: Connect, image: Built
    ) -> None:
        registry.login = Login()
        client = connect()
        reference = client.reference(registry.push("a/b", "v1", image))
        client.manifest(reference, ceiling=CEILING)
        for layer in image.layers:
            assert pulled(client, reference, layer.stored) == layer.stored
        (asked,) = registry.asked_for("/token")
        assert "service=simulated" in asked.path
        assert "scope=repository%3Aa%2Cb%3Apull" in asked.path
        assert "Authorization" not in asked.headers

    def test_many_threads_that_are_refused_fetch_one_token(
        self, registry: SimulatedRegistry, connect: Connect, image: Built
    ) -> None:
        registry.login = Login()
        client = connect()
        reference = client.reference(registry.push("a/b", "v1", image))
        blob = image.layers[0].stored
        with ThreadPoolExecutor(8) as pool:
            contents = list(pool.map(lambda _: pulled(client, reference, blob), range(16)))
        assert contents == [blob] * 16
        assert len(registry.asked_for("/token")) == 1

    def test_a_password_goes_to_the_realm_and_not_to_the_registry(
        self, registry: SimulatedRegistry, storage: SimulatedRegistry, connect: Connect, keys: Make, image: Built
    ) -> None:
        storage.login = Login(username="ann", password="pw")
        storage.tokens = registry.tokens
        registry.login = Login(realm=f"{storage.url}/token")
        client = connect(keys(registry, username="ann", password="pw"))
        client.manifest(client.reference(registry.push("a/b", "v1", image)), ceiling=CEILING)
        assert [header[:6] for header in authorizations(storage, "/token")] == ["Basic "]
        assert [header[:7] for header in authorizations(registry)] == ["Bearer "]

    def test_a_wrong_password_is_told_with_what_to_do(
        self, registry: SimulatedRegistry, connect: Connect, keys: Make, image: Built
    ) -> None:
        registry.login = Login(username="ann", password="right")
        client = connect(keys(registry, username="ann", password="hunter2"))
        reference = client.reference(registry.push("a/b", "v1", image))
        with pytest.raises(RegistryDeniedError, match=f"'ann' from a test .* `docker login {registry.host}`") as caught:
            client.manifest(reference, ceiling=CEILING)
        assert "hunter2" not in str(caught.value)

    def test_without_credentials_the_user_is_told_to_log_in(
        self, registry: SimulatedRegistry, connect: Connect, image: Built
    ) -> None:
        registry.login = Login(scheme="basic", username="ann", password="pw")
        client = connect()
        reference = client.reference(registry.push("a/b", "v1", image))
        with pytest.raises(RegistryDeniedError, match="No credentials for it were found: run `docker login"):
            client.manifest(reference, ceiling=CEILING)

    def test_basic_credentials_are_sent_when_they_are_asked_for(
        self, registry: SimulatedRegistry, connect: Connect, keys: Make, image: Built
    ) -> None:
        registry.login = Login(scheme="basic", username="ann", password="pw")
        client = connect(keys(registry, username="ann", password="pw"))
        content, _ = client.manifest(client.reference(registry.push("a/b", "v1", image)), ceiling=CEILING)
        assert content == image.document
        assert "Authorization" not in registry.asked_for("manifests")[0].headers

    def test_an_identity_token_is_traded(
        self, registry: SimulatedRegistry, connect: Connect, keys: Make, image: Built
    ) -> None:
        registry.login = Login(username="ann", password="unknown", identity_token="long-lived")
        client = connect(keys(registry, identity_token="long-lived"))
        content, _ = client.manifest(client.reference(registry.push("a/b", "v1", image)), ceiling=CEILING)
        assert content == image.document
        assert registry.asked_for("/token")[0].method == "POST"

    def test_a_token_that_expires_in_the_middle_is_renewed(
        self, registry: SimulatedRegistry, connect: Connect, image: Built
    ) -> None:
        registry.login = Login(uses=2)
        client = connect()
        reference = client.reference(registry.push("a/b", "v1", image))
        for _ in range(5):
            client.manifest(reference, ceiling=CEILING)
        assert len(registry.asked_for("/token")) == 3

    def test_a_token_that_is_never_good_ends_with_a_refusal(
        self, registry: SimulatedRegistry, connect: Connect, image: Built
    ) -> None:
        registry.login = Login(uses=0)
        client = connect()
        reference = client.reference(registry.push("a/b", "v1", image))
        with pytest.raises(RegistryDeniedError, match="the registry refuses a/b"):
            client.manifest(reference, ceiling=CEILING)
        assert len(registry.asked_for("manifests")) == 3

    @pytest.mark.parametrize("realm", ["http://example.org/token", "ftp://127.0.0.1/", "https://u:p@example.org/", "x"])
    def test_no_secret_goes_to_a_realm_where_anyone_may_listen(
        self, registry: SimulatedRegistry, connect: Connect, keys: Make, image: Built, realm: str
    ) -> None:
        registry.login = Login(realm=realm)
        client = connect(keys(registry, username="ann", password="pw"))
        reference = client.reference(registry.push("a/b", "v1", image))
        with pytest.raises(RegistryError, match="no https address"):
            client.manifest(reference, ceiling=CEILING)

    def test_credentials_are_looked_for_only_when_they_are_asked_for(
        self, registry: SimulatedRegistry, connect: Connect, keys: Make, image: Built
    ) -> None:
        keychain = keys(registry, username="ann", password="pw")
        client = connect(keychain)
        client.manifest(client.reference(registry.push("a/b", "v1", image)), ceiling=CEILING)
        assert keychain.asked == []

    def test_a_secret_that_the_registry_repeats_is_not_told(
        self, registry: SimulatedRegistry, connect: Connect, keys: Make
    ) -> None:
        registry.login = Login(scheme="basic", username="ann", password="simulated")
        client = connect(keys(registry, username="ann", password="simulated"))
        with pytest.raises(RegistryError, match=r"\(MANIFEST_UNKNOWN: \(secret\): manifest unknown\)"):
            client.manifest(client.reference(f"{registry.host}/a/b:v9"), ceiling=CEILING)


class TestBlobs:
    def test_nothing_is_sent_before_the_first_read(
        self, registry: SimulatedRegistry, connect: Connect, image: Built
    ) -> None:
        client = connect()
        reference = client.reference(registry.push("a/b", "v1", image))
        blob = image.layers[0].stored
        with client.blob(reference, sha256(blob), len(blob)) as stream:
            assert registry.asked == []
            assert stream.read(4) + stream.read() == blob

    @pytest.mark.parametrize(
        ("drop_at", "starts"),
        [(0, [0, 0, 0, 0]), (1, [0, 1, 2, 3]), (100_001, [0, 100_001, 200_002, 300_003]), (600_000, [0, 600_000])],
    )
    def test_a_lost_connection_goes_on_at_its_byte(
        self, registry: SimulatedRegistry, connect: Connect, image: Built, drop_at: int, starts: list[int]
    ) -> None:
        registry.faults.drop_at, registry.faults.drops = drop_at, 3
        client = connect()
        blob = image.layers[1].stored
        content = pulled(client, client.reference(registry.push("a/b", "v1", image)), blob)
        assert hashlib.sha256(content).digest() == hashlib.sha256(blob).digest()
        ranges = [asked.headers.get("Range", "bytes=0-") for asked in registry.asked_for("blobs")]
        assert ranges == [f"bytes={start}-" for start in starts]

    def test_a_registry_that_ignores_ranges_is_read_up_to_the_place(
        self, registry: SimulatedRegistry, connect: Connect, image: Built
    ) -> None:
        registry.faults.drop_at, registry.faults.drops, registry.faults.ignore_range = 100_000, 2, True
        client = connect()
        blob = image.layers[1].stored
        assert pulled(client, client.reference(registry.push("a/b", "v1", image)), blob) == blob
        assert [asked.headers.get("Range") for asked in registry.asked_for("blobs")][1] == "bytes=100000-"

    def test_a_part_that_starts_elsewhere_is_refused(
        self, registry: SimulatedRegistry, connect: Connect, image: Built
    ) -> None:
        registry.faults.drop_at, registry.faults.drops, registry.faults.wrong_range = 100_000, 1, True
        client = connect()
        reference = client.reference(registry.push("a/b", "v1", image))
        with pytest.raises(MalformedError, match="goes on with other bytes"):
            pulled(client, reference, image.layers[1].stored)

    def test_a_connection_that_is_always_lost_ends_with_an_error(
        self, registry: SimulatedRegistry, connect: Connect, image: Built, clock: Any
    ) -> None:
        registry.faults.drop_at, registry.faults.drops = 0, 1_000
        client = connect()
        reference = client.reference(registry.push("a/b", "v1", image))
        with pytest.raises(RegistryError, match="6 times after byte 0") as caught:
            pulled(client, reference, image.layers[1].stored)
        assert caught.value.retry
        assert len(clock.pauses) == 5

    def test_more_bytes_than_were_promised_are_not_taken_in(
        self, registry: SimulatedRegistry, connect: Connect, image: Built
    ) -> None:
        registry.faults.endless = True
        client = connect()
        reference = client.reference(registry.push("a/b", "v1", image))
        with pytest.raises(MalformedError, match="were promised"):
            pulled(client, reference, image.layers[1].stored)

    @pytest.mark.parametrize("difference", [-1, 1])
    def test_a_blob_of_another_size_than_promised_is_refused_at_once(
        self, registry: SimulatedRegistry, connect: Connect, image: Built, difference: int
    ) -> None:
        client = connect()
        reference = client.reference(registry.push("a/b", "v1", image))
        blob = image.layers[1].stored
        with pytest.raises(
            MalformedError, match=f"it has {len(blob)} bytes, and {len(blob) + difference} were promised"
        ):
            pulled(client, reference, blob, len(blob) + difference)
        assert len(registry.asked_for("blobs")) == 1

    def test_a_blob_that_was_refused_stays_refused_however_often_it_is_read(
        self, registry: SimulatedRegistry, connect: Connect, image: Built
    ) -> None:
        client = connect()
        reference = client.reference(registry.push("a/b", "v1", image))
        blob = image.layers[1].stored
        with client.blob(reference, sha256(blob), len(blob) + 1) as stream:
            for _ in range(2):
                with pytest.raises(MalformedError, match="were promised"):
                    stream.read(10)
        assert len(registry.asked_for("blobs")) == 1

    def test_the_address_of_a_blob_is_where_the_registry_redirects_to(
        self, registry: SimulatedRegistry, storage: SimulatedRegistry, connect: Connect, image: Built
    ) -> None:
        client = connect()
        reference = client.reference(registry.push("a/b", "v1", image))
        digest = image.layers[1].digest
        assert client.address(reference, digest) == (f"{registry.url}/v2/a/b/blobs/{digest}", {})
        registry.faults.redirect = storage.url
        address, headers = client.address(reference, digest)
        assert address.startswith(f"{storage.url}/v2/a/b/blobs/{digest}?")
        assert headers == {}

    def test_an_address_within_the_registry_comes_with_its_login_and_one_elsewhere_without(
        self, registry: SimulatedRegistry, storage: SimulatedRegistry, connect: Connect, keys: Make, image: Built
    ) -> None:
        registry.login = Login(scheme="basic", username="me", password="secret")
        client = connect(keys(registry, username="me", password="secret"))
        reference = client.reference(registry.push("a/b", "v1", image))
        _, headers = client.address(reference, image.layers[1].digest)
        assert list(headers) == ["Authorization"]
        registry.faults.redirect = storage.url
        _, headers = client.address(reference, image.layers[1].digest)
        assert headers == {}

    def test_a_blob_that_is_not_there_has_no_address(
        self, registry: SimulatedRegistry, connect: Connect, image: Built
    ) -> None:
        client = connect()
        reference = client.reference(registry.push("a/b", "v1", image))
        with pytest.raises(RegistryError, match="has no blob"):
            client.address(reference, sha256(b"none"))

    def test_an_end_before_the_promised_size_is_a_lost_connection(
        self, registry: SimulatedRegistry, connect: Connect, image: Built
    ) -> None:
        registry.faults.drop_at, registry.faults.drops, registry.faults.unsized = 100_000, 2, True
        client = connect()
        blob = image.layers[1].stored
        assert pulled(client, client.reference(registry.push("a/b", "v1", image)), blob) == blob
        assert len(registry.asked_for("blobs")) == 3

    def test_a_stream_without_a_length_and_an_end_is_cut(
        self, registry: SimulatedRegistry, connect: Connect, image: Built
    ) -> None:
        registry.faults.unsized = registry.faults.endless = True
        client = connect()
        reference = client.reference(registry.push("a/b", "v1", image))
        with pytest.raises(MalformedError, match="it has more than the"):
            pulled(client, reference, image.layers[1].stored)

    def test_a_token_is_renewed_when_a_pull_goes_on(
        self, registry: SimulatedRegistry, connect: Connect, image: Built
    ) -> None:
        registry.login = Login(uses=1)
        registry.faults.drop_at, registry.faults.drops = 100_000, 4
        client = connect()
        blob = image.layers[1].stored
        assert pulled(client, client.reference(registry.push("a/b", "v1", image)), blob) == blob
        assert len(registry.asked_for("/token")) == 5

    def test_a_blob_that_is_not_there_is_named(self, registry: SimulatedRegistry, connect: Connect) -> None:
        client = connect()
        with pytest.raises(RegistryError, match=f"has no blob {sha256(b'')} in a/b"):
            pulled(client, client.reference(f"{registry.host}/a/b"), b"")


class TestRedirects:
    def test_the_authorization_does_not_follow_to_another_port(
        self, registry: SimulatedRegistry, storage: SimulatedRegistry, connect: Connect, image: Built
    ) -> None:
        registry.login = Login()
        registry.faults.redirect = storage.url
        storage.push("a/b", "", image)
        storage.faults.refuse_authorization = True
        storage.faults.drop_at, storage.faults.drops = 100_000, 1
        client = connect()
        blob = image.layers[1].stored
        assert pulled(client, client.reference(registry.push("a/b", "v1", image)), blob) == blob
        assert authorizations(registry, "blobs")
        assert [asked.headers.get("Range") for asked in storage.asked_for("blobs")] == [None, "bytes=100000-"]

    def test_a_storage_that_asks_to_log_in_gets_nothing(
        self, registry: SimulatedRegistry, storage: SimulatedRegistry, connect: Connect, keys: Make, image: Built
    ) -> None:
        registry.login = storage.login = Login(scheme="basic", username="ann", password="pw")
        registry.faults.redirect = storage.url
        client = connect(keys(registry, username="ann", password="pw"))
        reference = client.reference(registry.push("a/b", "v1", image))
        with pytest.raises(RegistryDeniedError):
            pulled(client, reference, image.layers[0].stored)
        assert authorizations(storage) == []

    def test_redirects_in_a_circle_end(
        self, registry: SimulatedRegistry, storage: SimulatedRegistry, connect: Connect, image: Built
    ) -> None:
        registry.faults.redirect, storage.faults.redirect = storage.url, registry.url
        client = connect()
        reference = client.reference(registry.push("a/b", "v1", image))
        with pytest.raises(RegistryError, match="redirects do not end"):
            pulled(client, reference, image.layers[0].stored)

    @pytest.mark.parametrize("target", ["http://example.org/secret", "http://user:secret@127.0.0.1/"])
    def test_a_redirect_to_where_anyone_may_listen_is_refused(
        self, registry: SimulatedRegistry, connect: Connect, image: Built, target: str
    ) -> None:
        registry.faults.redirect_to = target
        client = connect()
        reference = client.reference(registry.push("a/b", "v1", image))
        with pytest.raises(RegistryError, match="anyone may listen") as caught:
            pulled(client, reference, image.layers[0].stored)
        assert "secret" not in str(caught.value)


class TestPatience:
    @pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
    def test_a_passing_trouble_is_waited_for(
        self, registry: SimulatedRegistry, connect: Connect, image: Built, clock: Any, status: int
    ) -> None:
        registry.faults.answers = [(status, {}), (status, {})]
        client = connect()
        content, _ = client.manifest(client.reference(registry.push("a/b", "v1", image)), ceiling=CEILING)
        assert content == image.document
        assert [0.25 <= clock.pauses[0] <= 0.5, 0.5 <= clock.pauses[1] <= 1.0] == [True, True]

    def test_the_registry_says_how_long_to_wait(
        self, registry: SimulatedRegistry, connect: Connect, image: Built, clock: Any
    ) -> None:
        registry.faults.answers = [(429, {"Retry-After": "7"}), (503, {"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"})]
        client = connect()
        client.manifest(client.reference(registry.push("a/b", "v1", image)), ceiling=CEILING)
        assert clock.pauses == [7, 0]

    def test_too_long_a_wait_is_told_and_not_waited(
        self, registry: SimulatedRegistry, connect: Connect, image: Built, clock: Any
    ) -> None:
        registry.faults.answers = [(429, {"Retry-After": "3600"})]
        client = connect()
        reference = client.reference(registry.push("a/b", "v1", image))
        with pytest.raises(RegistryError, match="come back in 3600 seconds") as caught:
            client.manifest(reference, ceiling=CEILING)
        assert caught.value.retry
        assert clock.pauses == []

    def test_a_trouble_that_does_not_pass_is_told(
        self, registry: SimulatedRegistry, connect: Connect, image: Built
    ) -> None:
        registry.faults.answers = [(429, {})] * 6
        client = connect()
        reference = client.reference(registry.push("a/b", "v1", image))
        with pytest.raises(RegistryError, match="too many requests") as caught:
            client.manifest(reference, ceiling=CEILING)
        assert caught.value.retry
        assert len(registry.asked_for("manifests")) == 6

    def test_a_registry_that_is_not_there_is_not_waited_for_long(self, connect: Connect, clock: Any) -> None:
        with SimulatedRegistry() as gone:
            host = gone.host
        client = connect()
        with pytest.raises(RegistryError, match="does not answer: connection refused") as caught:
            client.manifest(client.reference(f"{host}/a/b"), ceiling=CEILING)
        assert caught.value.where == host
        assert len(clock.pauses) == 1

    def test_a_registry_that_answers_slowly_is_read_to_the_end(
        self, registry: SimulatedRegistry, connect: Connect, image: Built
    ) -> None:
        registry.faults.pause = 0.01
        client = connect()
        blob = image.layers[1].stored
        assert pulled(client, client.reference(registry.push("a/b", "v1", image)), blob) == blob

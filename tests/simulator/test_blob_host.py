"""The simulated storage gives blobs at signed addresses until they expire, and fails as it is told."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import urllib3

from tidewaiter.simulator.blob_host import BlobHost
from tidewaiter.simulator.content import Content
from tidewaiter.simulator.images import sha256
from tidewaiter.simulator.service import Clock

BYTES = bytes(range(256)) * 1024
DIGEST = sha256(BYTES)


class Storage:
    """A blob host with one blob, and its address."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.content = Content()
        self.content.hold(DIGEST, BYTES)
        self.host = BlobHost(self.clock, self.content)

    @property
    def address(self) -> str:
        return self.host.address("123456789012", "eu-west-1", DIGEST)


@pytest.fixture
def storage() -> Iterator[Storage]:
    storage = Storage()
    yield storage
    storage.host.close()
    storage.content.close()


@pytest.fixture
def http() -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager(retries=False, timeout=5) as http:
        yield http


def test_a_signed_address_gives_the_blob(storage: Storage, http: urllib3.PoolManager) -> None:
    assert http.request("GET", storage.address).data == BYTES
    assert http.request("HEAD", storage.address).headers["Content-Length"] == str(len(BYTES))


def test_an_address_says_until_when_it_is_good(storage: Storage, http: urllib3.PoolManager) -> None:
    storage.host.lifetime = timedelta(minutes=5)
    address = storage.address
    assert "X-Amz-Expires=300&" in address
    storage.clock.advance(timedelta(minutes=4))
    assert http.request("GET", address).status == 200
    storage.clock.advance(timedelta(minutes=1))
    answer = http.request("GET", address)
    assert (answer.status, b"Request has expired" in answer.data) == (403, True)
    assert http.request("GET", storage.address).status == 200


def test_all_addresses_can_be_made_to_expire(storage: Storage, http: urllib3.PoolManager) -> None:
    address = storage.address
    storage.host.expire_all()
    assert b"Request has expired" in http.request("GET", address).data
    assert http.request("GET", storage.address).status == 200


@pytest.mark.parametrize(("old", "new"), [("X-Amz-Expires=3600", "X-Amz-Expires=9999"), (DIGEST.hex, "0" * 64)])
def test_an_address_that_was_changed_is_refused(
    storage: Storage, http: urllib3.PoolManager, old: str, new: str
) -> None:
    answer = http.request("GET", storage.address.replace(old, new))
    assert (answer.status, b"SignatureDoesNotMatch" in answer.data) == (403, True)


def test_an_address_without_a_signature_is_refused(storage: Storage, http: urllib3.PoolManager) -> None:
    assert http.request("GET", storage.address.partition("?")[0]).status == 403


def test_a_login_beside_the_signature_is_refused_and_counted(storage: Storage, http: urllib3.PoolManager) -> None:
    answer = http.request("GET", storage.address, headers={"Authorization": "Basic x"})
    assert (answer.status, b"Only one auth mechanism" in answer.data) == (400, True)
    assert storage.host.refused_authorizations == 1
    assert storage.host.fetches == []


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [("bytes=100-", BYTES[100:]), ("bytes=100-199", BYTES[100:200]), ("bytes=0-99999999", BYTES)],
)
def test_a_part_is_given(storage: Storage, http: urllib3.PoolManager, wanted: str, expected: bytes) -> None:
    answer = http.request("GET", storage.address, headers={"Range": wanted})
    assert (answer.status, answer.data) == (206, expected)
    assert answer.headers["Content-Range"].endswith(f"/{len(BYTES)}")
    assert storage.host.bytes_served == len(expected)


def test_a_part_behind_the_end_is_refused(storage: Storage, http: urllib3.PoolManager) -> None:
    answer = http.request("GET", storage.address, headers={"Range": f"bytes={len(BYTES)}-"})
    assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{len(BYTES)}")


def test_a_connection_is_dropped_at_the_chosen_byte_so_many_times(storage: Storage, http: urllib3.PoolManager) -> None:
    storage.host.faults.drop_at, storage.host.faults.drops = 1000, 1
    with pytest.raises(urllib3.exceptions.HTTPError):
        http.request("GET", storage.address)
    assert storage.host.fetches[0].sent == 1000
    rest = http.request("GET", storage.address, headers={"Range": "bytes=1000-"})
    assert rest.data == BYTES[1000:]
    assert storage.host.bytes_served == len(BYTES)


def test_answers_can_be_replaced(storage: Storage, http: urllib3.PoolManager) -> None:
    storage.host.faults.answers += [(503, {"Retry-After": "1"}), (500, {})]
    assert [http.request("GET", storage.address).status for _ in range(3)] == [503, 500, 200]
    assert [fetch.status for fetch in storage.host.fetches_of(DIGEST)] == [503, 500, 200]


def test_bytes_can_be_damaged(storage: Storage, http: urllib3.PoolManager) -> None:
    storage.host.faults.corrupt.add(DIGEST)
    assert http.request("GET", storage.address).data == bytes([BYTES[0] ^ 1]) + BYTES[1:]
    rest = http.request("GET", storage.address, headers={"Range": "bytes=1-"})
    assert rest.data == BYTES[1:]


def test_a_blob_in_a_file_is_served_as_one_in_memory(
    storage: Storage, http: urllib3.PoolManager, tmp_path: Path
) -> None:
    file = tmp_path / "blob"
    file.write_bytes(BYTES)
    storage.content.hold(DIGEST, file)
    assert http.request("GET", storage.address).data == BYTES
    assert http.request("GET", storage.address, headers={"Range": "bytes=7-8"}).data == BYTES[7:9]
    storage.host.faults.corrupt.add(DIGEST)
    assert http.request("GET", storage.address).data == bytes([BYTES[0] ^ 1]) + BYTES[1:]


def test_a_blob_that_is_nowhere_is_not_found(storage: Storage, http: urllib3.PoolManager) -> None:
    address = storage.host.address("123456789012", "eu-west-1", sha256(b"nowhere"))
    assert http.request("GET", address).status == 404


def test_who_has_all_bytes_finds_them_counted(storage: Storage, http: urllib3.PoolManager) -> None:
    for number in range(1, 20):
        http.request("GET", storage.address)
        assert storage.host.bytes_served == number * len(BYTES)
    assert len(storage.host.fetches_of(DIGEST)) == 19


def test_files_of_uploads_are_deleted_at_the_end() -> None:
    content = Content()
    upload = content.upload()
    upload.append([b"some", b"thing"])
    digest = content.finish(upload)
    file = content.find(digest)
    assert isinstance(file, Path)
    assert (digest, file.read_bytes(), content.size(digest)) == (sha256(b"something"), b"something", 9)
    content.close()
    assert not file.parent.exists()

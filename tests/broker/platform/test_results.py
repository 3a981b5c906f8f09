"""What an agent delivers is read under ceilings, and is what was asked for."""

from collections.abc import Callable
from dataclasses import replace
from struct import pack

import msgspec
import pytest
import zstandard

from tidewaiter.broker.messages import Result
from tidewaiter.broker.platform import results
from tidewaiter.broker.platform.results import Told, read_result
from tidewaiter.errors import LimitError, MalformedError, TidewaiterError
from tidewaiter.inventory.encoding import encode_inventory
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.image import Digest, ImageIdentity, Layer
from tidewaiter.model.package import Inventory, Location, Package

DIGEST, OTHER = Digest("sha256", "a" * 64), Digest("sha256", "b" * 64)
FAILURE = Gap(stage=Stage.IMAGE, why=Why.LIMIT, subject="app", detail="It is too large.")
INVENTORY = Inventory(image=ImageIdentity(reference="app", digest=DIGEST))
LEFT_OUT = replace(INVENTORY, gaps=(replace(FAILURE, why=Why.FILTERED),))
PACKED = encode_inventory(INVENTORY)
STRANGE = encode_inventory(Inventory(image=ImageIdentity(reference="b", digest=OTHER)))


def body(packed: bytes = PACKED, **changes: object) -> bytes:
    result = Result(job="job", digest=DIGEST, size=len(packed), layers_read=3, bytes_pulled=4, fingerprint="f2")
    return msgspec.json.encode(msgspec.structs.replace(result, **changes)) + b"\n" + packed


def read(content: bytes) -> Told:
    return read_result([content[:7], content[7:]], job="job", digest=DIGEST, fingerprints={"f1", "f2"})


def bomb(size: int) -> bytes:
    """Few bytes that promise to unpack to many."""
    packer = zstandard.ZstdCompressor().compressobj(size=size)
    return PACKED[:2] + packer.compress(b"x") + packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)


def layered(layer: Layer) -> bytes:
    """An inventory with a package in this layer."""
    package = Package(purl="p", type="deb", name="n", version="1", locations=(Location(path="x", layer=layer),))
    return encode_inventory(replace(INVENTORY, packages=(package,)))


def listing(at: int, member: bytes, count: int = 500_001) -> bytes:
    """An inventory whose list at this place has so many members."""
    lists = [msgspec.msgpack.encode(each) for each in msgspec.msgpack.decode(unpacked(PACKED))]
    lists[at] = b"\xdd" + pack(">I", count) + member * count
    return PACKED[:2] + zstandard.compress(b"\x9a" + b"".join(lists))


def unpacked(packed: bytes) -> bytes:
    return zstandard.decompress(packed[2:])


def unpromised() -> bytes:
    """Bytes that do not say what they unpack to."""
    packer = zstandard.ZstdCompressor().compressobj()
    return PACKED[:2] + packer.compress(b"x") + packer.flush()


def test_a_result_has_its_inventory() -> None:
    told = read(body())
    assert told.inventory == INVENTORY
    assert (told.result.layers_read, told.result.bytes_pulled) == (3, 4)


def test_a_failure_has_none() -> None:
    told = read(body(b"", failure=FAILURE))
    assert (told.inventory, told.result.failure) == (None, FAILURE)


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"", MalformedError, "begin with a line"),
        (b"{}", MalformedError, "begin with a line"),
        (b" " * (2 << 20), MalformedError, "begin with a line"),
        (b"{}\n", MalformedError, "not as agreed"),
        (b"\xff\n", MalformedError, "not as agreed"),
        (b"[" * 100_000 + b"\n", MalformedError, "not as agreed"),
        (body(job="another"), MalformedError, "another job"),
        (body(digest=OTHER), MalformedError, "another job"),
        (body(fingerprint="f3"), MalformedError, "other extractors"),
        (body(fingerprint=""), MalformedError, "other extractors"),
        (body(layers_read=-1), MalformedError, "cannot be"),
        (body(bytes_pulled=1 << 62), MalformedError, "cannot be"),
        (body(b"", failure=replace(FAILURE, detail="\0")), MalformedError, "cannot be"),
        (body(b"", failure=replace(FAILURE, why=Why.FILTERED)), MalformedError, "only the platform"),
        (body(layered(Layer(index=1 << 63, digest=DIGEST))), MalformedError, "cannot be"),
        (body(layered(Layer(index=-1, digest=DIGEST))), MalformedError, "cannot be"),
        (body(layered(Layer(index=0, digest=DIGEST, size=1 << 63))), MalformedError, "cannot be"),
        (body(layered(Layer(index=0, digest=Digest("sha256", "../x")))), MalformedError, "without a digest"),
        (body(encode_inventory(LEFT_OUT)), MalformedError, "only the platform"),
        (body() + b"x", MalformedError, "promised"),
        (body()[:-1], MalformedError, "promised"),
        (body(b""), MalformedError, "neither"),
        (body(failure=FAILURE), MalformedError, "both"),
        (body(b"xx"), MalformedError, "unpacked"),
        (body(b"xxno frame"), MalformedError, "unpacked"),
        (body(PACKED[:-8] + bytes(8)), MalformedError, "read"),
        (body(b"\x63\x00" + PACKED[2:]), MalformedError, "version"),
        (body(STRANGE), MalformedError, "that of"),
        (body(bomb((128 << 20) + 1)), LimitError, "unpacks to more"),
        (body(b"\x01\x01" + bomb((32 << 20) + 1)[2:]), LimitError, "unpacks to more"),
        (body(listing(7, b"\x9e" + b"\xa0" * 13 + b"\xa0")), LimitError, "500001 packages"),
        (body(listing(8, b"\x94\xa0\xa0\xa0\xa0")), LimitError, "500001 gaps"),
        (body(listing(3, b"\x00")), LimitError, "500001 own layers"),
        (body(listing(9, b"\x91" * 9000 + b"\x90", count=1)), MalformedError, "cannot be read"),
        (body(b"\x01\x01" + listing(9, b"\x91" * 9000 + b"\x90", count=1)[2:]), MalformedError, "cannot be read"),
        (body(unpromised()), LimitError, "unpacks to more"),
    ],
)  # fmt: skip
def test_what_is_no_result_of_this_job_is_an_error(content: bytes, error: type[TidewaiterError], words: str) -> None:
    with pytest.raises(error, match=words):
        read(content)


def test_no_more_is_read_than_the_ceiling() -> None:
    given = 0

    def endless() -> Callable[[], bytes]:
        def chunk() -> bytes:
            nonlocal given
            given += 1 << 20
            return b"{" * (1 << 20)

        return chunk

    with pytest.raises(LimitError, match="more than"):
        read_result(iter(endless(), b""), job="job", digest=DIGEST, fingerprints={"f1", "f2"})
    assert given <= results.STORED_MOST + (2 << 20)

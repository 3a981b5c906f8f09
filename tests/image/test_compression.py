"""Compressed layers: what is inside, in bounded chunks, whatever the media type said."""

import bz2
import gzip
import io
import lzma
import struct
from collections.abc import Callable

import pytest
import zstandard

from tidewaiter.errors import LimitError, MalformedError
from tidewaiter.image.compression import CHUNK, unpacked

DATA = b"".join(struct.pack("<I", number * number % 65_521) for number in range(300_000))
WINDOW = 128 << 20


class Dripping:
    """A source that gives fewer bytes than asked for, as sockets do."""

    def __init__(self, data: bytes, portion: int) -> None:
        self._stream = io.BytesIO(data)
        self._portion = portion

    def read(self, size: int, /) -> bytes:
        return self._stream.read(min(size, self._portion))


def unpack(data: bytes, *, portion: int = 1 << 20, window_bytes: int = WINDOW) -> bytes:
    stream = unpacked(Dripping(data, portion), window_bytes=window_bytes)
    chunks = []
    while chunk := stream.chunk():
        assert len(chunk) <= CHUNK
        chunks.append(chunk)
    return b"".join(chunks)


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def zstd_of_unknown_size(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_content_size=False).compress(data)


PACKERS = pytest.mark.parametrize(
    "pack", [gzip.compress, zstd, zstd_of_unknown_size, lzma.compress, bz2.compress], ids=lambda pack: pack.__name__
)


@PACKERS
@pytest.mark.parametrize("portion", [1 << 20, 1000, 7])
def test_each_compression_is_known_by_its_first_bytes(pack: Callable[[bytes], bytes], portion: int) -> None:
    assert unpack(pack(DATA), portion=portion) == DATA


def test_what_is_not_compressed_passes_as_it_is() -> None:
    assert unpack(DATA) == DATA
    assert unpack(b"") == b""
    assert unpack(b"\x1f") == b"\x1f"


@PACKERS
@pytest.mark.parametrize("portion", [1 << 20, 7])
def test_several_members_follow_each_other(pack: Callable[[bytes], bytes], portion: int) -> None:
    assert unpack(pack(b"one") + pack(b"") + pack(DATA) + pack(b"two"), portion=portion) == b"one" + DATA + b"two"


def test_a_layer_may_have_a_gzip_member_for_each_of_its_files() -> None:
    members = [struct.pack("<I", number) * 50 for number in range(3000)]
    assert unpack(b"".join(map(gzip.compress, members))) == b"".join(members)


@pytest.mark.parametrize("padding", [1, 511, 300_000])
def test_gzip_may_be_padded_with_zeros(padding: int) -> None:
    assert unpack(gzip.compress(DATA) + bytes(padding)) == DATA
    assert unpack(gzip.compress(b"a") + bytes(padding) + gzip.compress(b"b")) == b"ab"


def test_zstd_may_hold_frames_to_skip() -> None:
    skip = struct.pack("<II", 0x184D2A53, 100) + b"x" * 100
    empty = struct.pack("<II", 0x184D2A50, 0)
    assert unpack(skip + zstd(DATA) + empty + zstd(b"more") + skip, portion=11) == DATA + b"more"


@PACKERS
@pytest.mark.parametrize("cut", [1, 4, 9, 5000])
def test_a_stream_that_is_cut_off_is_malformed(pack: Callable[[bytes], bytes], cut: int) -> None:
    with pytest.raises(MalformedError, match="cut off"):
        unpack(pack(DATA)[:-cut])


@PACKERS
def test_a_damaged_stream_is_malformed(pack: Callable[[bytes], bytes]) -> None:
    damaged = bytearray(pack(DATA))
    if pack is zstd_of_unknown_size:
        del damaged[10:14]
    damaged[len(damaged) // 2] ^= 0xFF
    damaged[-6] ^= 0xFF
    with pytest.raises(MalformedError):
        unpack(bytes(damaged))


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bz2.compress, zstd])
def test_other_bytes_behind_the_compressed_ones_are_malformed(pack: Callable[[bytes], bytes]) -> None:
    with pytest.raises(MalformedError):
        unpack(pack(DATA) + b"garbage that is no member")


def test_a_long_history_is_beyond_the_ceiling() -> None:
    long_history = zstandard.ZstdCompressionParameters(window_log=25)
    packer = zstandard.ZstdCompressor(compression_params=long_history).compressobj()
    for packed in (packer.compress(DATA) + packer.flush(), lzma.compress(DATA, preset=9)):
        with pytest.raises(LimitError) as caught:
            unpack(packed, window_bytes=1 << 20)
        assert caught.value.limit == "window_bytes"

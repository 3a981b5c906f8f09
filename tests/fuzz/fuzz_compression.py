"""Fuzz target: compressed streams, sound ones with bytes changed and any bytes."""

import bz2
import gzip
import io
import lzma

import zstandard

from tidewaiter.errors import LimitError, MalformedError
from tidewaiter.image.compression import CHUNK, unpacked

_TEXT = b"".join(b"line %d\n" % number for number in range(3000))

SEEDS = (
    gzip.compress(_TEXT),
    gzip.compress(_TEXT[:50]) + gzip.compress(b"") + bytes(100),
    zstandard.ZstdCompressor(write_checksum=True).compress(_TEXT),
    zstandard.ZstdCompressor(write_content_size=False).compress(_TEXT[:500]) * 2,
    b"\x53\x2a\x4d\x18\x04\0\0\0skip" + zstandard.compress(_TEXT[:100]),
    lzma.compress(_TEXT),
    bz2.compress(_TEXT),
)
_MOST = 64 << 20


def fuzz_one(data: bytes) -> None:
    """A stream ends, or is malformed or beyond a limit, in bounded chunks."""
    stream = unpacked(io.BytesIO(data), window_bytes=8 << 20)
    total = 0
    try:
        while chunk := stream.chunk():
            assert len(chunk) <= CHUNK
            total += len(chunk)
            if total > _MOST:
                return
    except (MalformedError, LimitError):
        return

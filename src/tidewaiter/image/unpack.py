"""Archives that are compressed as a whole, as by `docker save | gzip`: unpacked once to a file without a name."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from tidewaiter.errors import LimitError, MalformedError, SourceError, UnsupportedError
from tidewaiter.image.archive import starts_tar
from tidewaiter.image.compression import CHUNK, Unpacked, unpacked
from tidewaiter.image.extent import Extent
from tidewaiter.image.limits import Limits
from tidewaiter.image.tar import BLOCK

_ZEROS = bytes(CHUNK)


@contextmanager
def plain_file(path: str, where: str, limits: Limits) -> Iterator[str]:
    """The path of the archive in plain: its own, or that of an unpacked copy which vanishes with the block.

    The copy never has a name in a folder, so that nothing is left even when the process is killed; it is reached
    through /proc. Raises SourceError for what is no tar inside, MalformedError, LimitError, and UnsupportedError where
    there is no /proc.
    """
    compression = Extent(file=path, offset=0, size=os.path.getsize(path), where=where).compression()
    if not compression:
        yield path
        return
    import tempfile

    with tempfile.TemporaryFile(prefix="tidewaiter-") as copy:
        link = f"/proc/self/fd/{copy.fileno()}"
        if not os.path.exists(link):
            raise UnsupportedError(f"it is compressed with {compression}", where=where, advice="Unpack it first.")
        with open(path, "rb", buffering=0) as packed:
            ceiling = _Ceiling(os.fstat(packed.fileno()).st_size, where, limits)
            _copy(_chunks(unpacked(packed, window_bytes=limits.window_bytes), where), copy, where, ceiling)
        yield link


class _Ceiling:
    """How large the copy of an archive of `stored` bytes may become."""

    def __init__(self, stored: int, where: str, limits: Limits) -> None:
        self._stored = stored
        self._where = where
        self._limits = limits

    def check(self, size: int) -> None:
        """Raises LimitError for a copy of `size` bytes that is too large, or for these stored bytes."""
        limits = self._limits
        if size > limits.archive_bytes:
            what = f"it unpacks to more than {limits.archive_bytes:,} bytes"
            raise LimitError(what, limit="archive_bytes", where=self._where)
        if size > limits.ratio_floor and size > limits.ratio * self._stored:
            what = f"it unpacks to more than {limits.ratio:,} times its stored size"
            raise LimitError(what, limit="ratio", where=self._where)


def _copy(chunks: Iterator[bytes], copy: BinaryIO, where: str, ceiling: _Ceiling) -> None:
    """Writes the chunks; those of nothing but zeros become holes, so that a bomb of them takes no disk."""
    size = 0
    for chunk in chunks:
        if not size and not starts_tar(chunk):
            raise SourceError("not an image: it is no tar archive inside its compression", where=where)
        size += len(chunk)
        ceiling.check(size)
        try:
            _write(chunk, copy, size)
        except OSError as error:
            advice = "Unpack it first, or let TMPDIR name a folder on a larger disk."
            raise SourceError(f"it cannot be unpacked: {error.strerror}", where=where, advice=advice) from error
    copy.flush()


def _write(chunk: bytes, copy: BinaryIO, end: int) -> None:
    if _ZEROS.startswith(chunk):
        copy.truncate(end)
        copy.seek(end)
    else:
        copy.write(chunk)


def _chunks(stream: Unpacked, where: str) -> Iterator[bytes]:
    """What is inside; the first chunk holds a whole header, if there is one."""
    try:
        start = b""
        while len(start) < BLOCK and (chunk := stream.chunk()):
            start += chunk
        yield start
        while chunk := stream.chunk():
            yield chunk
    except (MalformedError, LimitError) as error:
        error.where = error.where or where
        raise

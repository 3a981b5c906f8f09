"""Archives that are compressed as a whole, as by `docker save | gzip`: unpacked once to a file without a name."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from tidewaiter.errors import LimitError, MalformedError, SourceError, UnsupportedError
from tidewaiter.image.archive import starts_tar
from tidewaiter.image.extent import Extent
from tidewaiter.image.limits import Limits

_CHUNK = 1 << 20


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


@contextmanager
def plain_file(path: str, where: str, limits: Limits) -> Iterator[str]:
    """The path of the archive in plain: its own, or that of an unpacked copy which vanishes with the block.

    The copy never has a name in a folder, so that nothing is left even when the process is killed; it is reached
    through /proc. Raises MalformedError, LimitError, UnsupportedError where /proc is missing.
    """
    compression = Extent(file=path, offset=0, size=Path(path).stat().st_size, where=where).compression()
    if not compression:
        yield path
        return
    with tempfile.TemporaryFile(prefix="tidewaiter-") as copy:
        link = f"/proc/self/fd/{copy.fileno()}"
        if not Path(link).exists():
            raise UnsupportedError(f"it is compressed with {compression}", where=where, advice="Unpack it first.")
        with Path(path).open("rb") as packed:
            _copy(_decompressed(packed, compression), copy, where, limits.archive_bytes)
        yield link


def _decompressed(packed: BinaryIO, compression: str) -> _Readable:
    """A stream of the plain bytes; broken ones raise what the format's library raises."""
    match compression:
        case "gzip":
            from isal import igzip

            stream: _Readable = igzip.IGzipFile(fileobj=packed)  # type: ignore[no-untyped-call]  # the library's own signature has no types
        case "zstd":
            import zstandard

            stream = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
        case "xz":
            import lzma

            stream = lzma.LZMAFile(packed)  # noqa: SIM115  the caller closes the file below it
        case _:
            import bz2

            stream = bz2.BZ2File(packed)
    return stream


def _copy(source: _Readable, copy: BinaryIO, where: str, ceiling: int) -> None:
    """Writes what `source` gives; runs of zeros become holes, so that a bomb of them takes no disk."""
    size = 0
    while chunk := _read(source, where):
        if not size and not starts_tar(chunk):
            raise SourceError("not an image: it is no tar archive inside its compression", where=where)
        size += len(chunk)
        if size > ceiling:
            raise LimitError(f"it unpacks to more than {ceiling} bytes", limit="archive_bytes", where=where)
        try:
            copy.truncate(size) if chunk == bytes(len(chunk)) else copy.write(chunk)
            copy.seek(size)
        except OSError as error:
            advice = f"Unpack it first, or point TMPDIR to a larger disk than that of {tempfile.gettempdir()}."
            raise SourceError(f"it cannot be unpacked: {error.strerror}", where=where, advice=advice) from error
    copy.flush()


def _read(source: _Readable, where: str) -> bytes:
    try:
        return source.read(_CHUNK)
    except Exception as error:  # each library has errors of its own, and only decompression runs here
        raise MalformedError(f"its compression is broken: {error}", where=where) from error

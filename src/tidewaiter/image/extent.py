"""Bytes that lie in a file: where, how many, and how to read them."""

import io
import os
import re
from dataclasses import dataclass

from tidewaiter.errors import SourceError
from tidewaiter.image.manifest import check_size

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_XZ = b"\xfd7zXZ\x00"
_BZIP2 = b"BZh"
_MAGICS = {_GZIP: "gzip", _ZSTD: "zstd", _XZ: "xz", _BZIP2: "bzip2"}
_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")  # a zstd frame without data; pzstd begins with one


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """`size` bytes of `file` from `offset`; `where` is what messages call them."""

    file: str
    offset: int
    size: int
    where: str

    def open(self) -> "ExtentReader":
        """A stream over exactly these bytes, with a file handle of its own."""
        return ExtentReader(self)

    def read(self, ceiling: int, *, limit: str) -> bytes:
        """All bytes at once. Raises LimitError with the name `limit` when there are more than `ceiling`."""
        check_size(self.size, ceiling, limit=limit, where=self.where)
        with self.open() as stream:
            return stream.read()

    def compression(self) -> str:
        """How the bytes are compressed, by their first ones: gzip, zstd, xz, bzip2, or "" for not at all."""
        with self.open() as stream:
            start = stream.read(8)
        if _SKIPPABLE.match(start):
            return "zstd"
        return next((name for magic, name in _MAGICS.items() if start.startswith(magic)), "")


class ExtentReader(io.FileIO):
    """The bytes of an extent as a stream. Fewer bytes than promised end it early: the reader checks hash and size."""

    def __init__(self, extent: Extent) -> None:
        try:
            super().__init__(extent.file, "rb")
            self.seek(extent.offset)
        except OSError as error:
            raise SourceError(f"it cannot be read: {error.strerror}", where=extent.where) from error
        self._left = extent.size

    def read(self, size: int | None = -1) -> bytes:
        """Up to `size` bytes, all that are left for -1."""
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        content = os.read(self.fileno(), wanted) if wanted else b""
        while size is not None and size < 0 and len(content) < wanted:
            more = os.read(self.fileno(), wanted - len(content))
            if not more:
                break
            content += more
        self._left -= len(content)
        return content

"""The header of an rpm package as a database stores it: an index of tags and a store of their values.

The layout is that of a package file's header without its magic: two numbers (entries of the index, bytes of the store),
the index of 16 bytes an entry (tag, type, offset, count), the store. All numbers are big-endian.
https://rpm-software-management.github.io/rpm/manual/format_header.html
"""

import struct
import sys
from array import array
from enum import IntEnum

from tidewaiter.errors import MalformedError


class Tag(IntEnum):
    """The tags that are read.

    https://rpm-software-management.github.io/rpm/manual/tags.html
    """

    NAME = 1000
    VERSION = 1001
    RELEASE = 1002
    EPOCH = 1003
    VENDOR = 1011
    LICENSE = 1014
    ARCH = 1022
    FILEMODES = 1030
    SOURCERPM = 1044
    DIRINDEXES = 1116
    BASENAMES = 1117
    DIRNAMES = 1118
    MODULARITYLABEL = 5096


_PREFIX = struct.Struct(">II")
_ENTRY = struct.Struct(">IIII")
_MAX_ENTRIES = 0xFFFF  # rpm's own ceiling
_MAX_TEXT = 1 << 16  # bytes; the longest licence text of a distribution's package is below a tenth of it
_MAX_VALUES = 1 << 20  # the largest packages hold some fifty thousand files

_INT16, _INT32 = 3, 4
_STRING, _STRING_ARRAY, _I18N_STRING = 6, 8, 9
_TEXT_TYPES = frozenset((_STRING, _STRING_ARRAY, _I18N_STRING))
_ARRAY_CODES = {_INT16: "H", _INT32: "I"}


def _numbers(code: str, data: bytes) -> "array[int]":
    values = array(code, data)
    if sys.byteorder == "little":
        values.byteswap()
    return values


class Header:
    """One package's header. Values are looked up and decoded only when asked for.

    A tag that stands twice has the value of its last entry: rpm appends what it sets at installation behind the
    immutable region. Raises MalformedError for an index or a value that is not within the blob.
    """

    __slots__ = ("_blob", "_end", "_entries", "_store", "_text_left")

    def __init__(self, blob: bytes) -> None:
        if len(blob) < _PREFIX.size:
            raise MalformedError(f"a header of {len(blob)} bytes is too short")
        entries, size = _PREFIX.unpack_from(blob)
        store = _PREFIX.size + entries * _ENTRY.size
        if not 0 < entries <= _MAX_ENTRIES or store + size > len(blob):
            raise MalformedError(f"not a header: {entries} entries and {size} bytes do not fit in {len(blob)}")
        self._blob = blob
        tags = _numbers("I", blob[_PREFIX.size : store])[::4]
        self._entries = dict(zip(tags, range(_PREFIX.size, store, _ENTRY.size), strict=True))
        self._store = store
        self._end = store + size
        self._text_left = size

    def text(self, tag: Tag) -> str:
        """The tag's text, the first where there are several; "" where the package has none. Wrong UTF-8 is replaced."""
        entry = self._entry(tag)
        if entry is None:
            return ""
        kind, start, _ = entry
        if kind not in _TEXT_TYPES:
            raise MalformedError(f"{tag.name} has type {kind}, not text")
        end = self._blob.find(b"\0", start, min(self._end, start + _MAX_TEXT))
        if end < 0 or end - start > self._text_left:
            raise MalformedError(f"{tag.name} does not end within the header")
        self._text_left -= end - start  # sound texts never overlap: a small header cannot ask for much memory
        return self._blob[start:end].decode("utf-8", "replace")

    def number(self, tag: Tag) -> int | None:
        """The tag's first number, None where the package has none."""
        values = self.numbers(tag, first=True)
        return values[0] if values else None

    def numbers(self, tag: Tag, *, first: bool = False) -> "array[int]":
        """The tag's 16 or 32 bit numbers, unsigned; only one of them with `first`. Empty where the package has none."""
        entry = self._entry(tag)
        if entry is None:
            return array("I")
        kind, start, count = entry
        code = _ARRAY_CODES.get(kind)
        if code is None:
            raise MalformedError(f"{tag.name} has type {kind}, not a number")
        end = start + (1 if first and count else count) * (2 if kind == _INT16 else 4)
        if count > _MAX_VALUES or end > self._end:
            raise MalformedError(f"{tag.name} does not end within the header")
        return _numbers(code, self._blob[start:end])

    def names(self, tag: Tag) -> list[bytes]:
        """The tag's texts as stored. Empty where the package has none."""
        entry = self._entry(tag)
        if entry is None:
            return []
        kind, start, count = entry
        if kind not in _TEXT_TYPES or count > min(_MAX_VALUES, self._end - start):
            raise MalformedError(f"{tag.name} has type {kind} and {count} values")
        names = self._blob[start : self._end].split(b"\0", count)
        if len(names) <= count:
            raise MalformedError(f"{tag.name} does not end within the header")
        del names[count:]
        return names

    def _entry(self, tag: Tag) -> tuple[int, int, int] | None:
        """Type, place in the blob and count of a tag's value."""
        at = self._entries.get(tag)
        if at is None:
            return None
        _, kind, offset, count = _ENTRY.unpack_from(self._blob, at)
        start = self._store + offset
        if start >= self._end:
            raise MalformedError(f"{tag.name} lies outside of the header")
        return kind, start, count

"""The entries of a tar stream, read header by header without a look at the payload of what nobody wants.

Formats: v7, ustar and pax (https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13), GNU
(https://www.gnu.org/software/tar/manual/html_node/Standard.html). Where readers differ, this one sees what container
runtimes see (Go's archive/tar), and says so where that is not enough.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol
from zlib import adler32

from tidewaiter.errors import LimitError, MalformedError
from tidewaiter.image.numbers import decimal, number

if TYPE_CHECKING:  # files with holes are rare
    from tidewaiter.image.sparse import Extents

BLOCK = 512
_ZEROS = bytes(BLOCK)
_SPACES = 8 * 0x20
_USTAR = b"ustar\0"
_STAR = b"tar\0"
_OLD_SPARSE, _DUMP = b"S", b"D"

FILE, DIRECTORY, SYMLINK, HARDLINK, OTHER = "f", "d", "l", "h", "o"
_SPECIAL = ""
_KINDS = [FILE] * 256  # an unknown kind is read as a regular file: POSIX
for _flag, _kind in zip(b"123456", (HARDLINK, SYMLINK, OTHER, OTHER, DIRECTORY, OTHER), strict=True):
    _KINDS[_flag] = _kind
for _flag in b"\0xgXLKSVD":
    _KINDS[_flag] = _SPECIAL
_HEADER_ONLY = frozenset((DIRECTORY, SYMLINK, HARDLINK, OTHER))
_LINKS = frozenset((SYMLINK, HARDLINK))
_OVERRIDES = frozenset((b"path", b"linkpath", b"size"))
_SPARSE = b"GNU.sparse."
_HOLES = frozenset((_SPARSE + b"offset", _SPARSE + b"numbytes"))
_LONGEST_LENGTH = 20
_BYTES_A_RECORD = 100


class Bytes(Protocol):
    """Where tar bytes come from."""

    def block(self, after: int, padding: int) -> bytes:
        """The 512 bytes that follow after `after` more; none where the stream ends before them.

        The last `padding` of the bytes in between may be missing. Raises MalformedError where anything else is cut off.
        """
        ...

    def take(self, size: int) -> bytes:
        """The next `size` bytes. Raises MalformedError where the stream ends before."""
        ...


Entry = tuple[str, bytes, int, bytes]
"""Kind, name as written, size of the file with its holes, target of the link. A plain tuple: a layer has many."""


class Entries:
    """Iterates over the entries. `payload()` gives the bytes of the entry that was yielded last.

    Iteration raises MalformedError where the stream is no tar or ends early, and LimitError for a pax header or long
    name of more than `extension_bytes`. `doubts` are sentences on what container runtimes read in another way;
    `ended` tells that the archive said where it ends.
    """

    def __init__(self, source: Bytes, *, extension_bytes: int) -> None:
        self.doubts: list[str] = []
        self.ended = False
        self._source = source
        self._ceiling = extension_bytes
        self._left = 0
        self._padding = 0
        self._extents: Extents | None = None
        self._size = 0
        self._global: dict[bytes, bytes] = {}
        self._local: dict[bytes, bytes] = {}
        self._long: dict[bytes, bytes] = {}
        self._extended = False

    def __iter__(self) -> Iterator[Entry]:
        block = self._source.block
        while header := block(self._left, self._padding):
            if not _checks(header) and self._ends(header):
                return
            kind = _KINDS[header[156]]
            if self._extended or not kind:
                yield from self._special(header, kind)
            elif kind == FILE:
                self._size = size = _size(header)
                self._padding = padding = -size & 511
                self._left = size + padding
                name = header[:100].partition(b"\0")[0]
                yield kind, _prefix(header) + name if header[345] else name, size, b""
            else:
                self._left = self._padding = self._size = 0
                yield kind, _name(header), 0, _text(header[157:257]) if kind in _LINKS else b""

    def payload(self) -> bytes:
        """The content of the entry's file, holes as zeros."""
        if self._extents is not None:
            from tidewaiter.image.sparse import spread

            content, used = spread(self._extents, self._left - self._padding, self._source.take)
            self._left -= used
            return content
        content = self._source.take(self._size)
        self._left -= self._size
        return content

    def _special(self, header: bytes, kind: str) -> Iterator[Entry]:
        """The entry of a header that is not read at a glance; none for one that only says something of others."""
        match header[156:157]:
            case b"x" | b"X":
                self._say(local=_records(self._extension(header), self._ceiling))
            case b"g":
                self._say_for_all(_records(self._extension(header), self._ceiling))
            case b"L":
                self._say(long={b"path": _text(self._extension(header))})
            case b"K":
                self._say(long={b"linkpath": _text(self._extension(header))})
            case b"V":
                self._left = self._padding = 0
            case flag:
                yield self._overridden(header, flag, kind)
                self._extents = None

    def _overridden(self, header: bytes, flag: bytes, kind: str) -> Entry:
        said = {**self._global, **self._local, **self._long}
        self._local, self._long, self._extended = {}, {}, bool(self._global)
        name = said.get(_SPARSE + b"name") or said.get(b"path") or _name(header)
        kind = kind or _kind_by_name(flag, name)
        size = decimal(said[b"size"]) if said.get(b"size") else number(header[124:136])
        self._size = size = 0 if kind in _HEADER_ONLY and flag != _DUMP else size
        self._padding = -size & (BLOCK - 1)
        self._left = size + self._padding
        if kind == FILE and (flag == _OLD_SPARSE or any(name.startswith(_SPARSE) for name in said)):
            self._sparse(header, flag, said)
        link = said.get(b"linkpath") or _text(header[157:257])
        return kind, name, self._size, link if kind in _LINKS else b""

    def _sparse(self, header: bytes, flag: bytes, said: dict[bytes, bytes]) -> None:
        """Note where the data of a file with holes belongs, and how large it is with them."""
        from tidewaiter.image.sparse import old_gnu_extents, pax_extents

        found = old_gnu_extents(header, self._source, self._ceiling) if flag == _OLD_SPARSE else pax_extents(said)
        self._extents = found
        if found is not None:
            self._size = found.size

    def _extension(self, header: bytes) -> bytes:
        """The content of a header's extension, which says something of the entries that follow."""
        size = number(header[124:136])
        if size > self._ceiling:
            raise LimitError(f"a tar header is extended by {size} bytes", limit="extension_bytes")
        content = self._source.take(size)
        self._left = self._padding = -size & (BLOCK - 1)
        return content

    def _say(self, *, local: dict[bytes, bytes] | None = None, long: dict[bytes, bytes] | None = None) -> None:
        self._local = local if local is not None else self._local
        self._long.update(long or {})
        self._extended = True

    def _say_for_all(self, records: dict[bytes, bytes]) -> None:
        if records or self._local or self._long:
            self.doubts.append("it has a global pax header that names or sizes entries: runtimes ignore it")
        self._global.update(records)
        self._extended = bool(self._global or self._local or self._long)

    def _ends(self, header: bytes) -> bool:
        """Whether the archive ends here, at two blocks of zeros, or one that is the last; else the sum is checked."""
        if header != _ZEROS:
            _check_slowly(header)
            return False
        if self._source.block(0, 0) not in (_ZEROS, b""):
            raise MalformedError("it has a block of zeros, and then goes on: what follows was not read")
        self.ended = True
        return True


def _checks(header: bytes) -> bool:
    """Whether the sum of the bytes is the one that the header names, in the usual spelling: six digits, NUL, space.

    Adler-32 holds the sum of all bytes, plus one, in its lower half. The sum of the eight that spell it, which count as
    spaces (256), is 255 plus their number modulo 255. So nothing is left over. What is too large is checked slowly.
    """
    try:
        named = int(header[148:154], 8)
    except ValueError:
        return False
    return not (adler32(header) - int.from_bytes(header[148:156], "big") % 255 - named) & 0xFFFF


def _check_slowly(header: bytes) -> None:
    """The same for every spelling, and for the sum of signed bytes that some old programs wrote."""
    rest = header[:148] + header[156:]
    total = sum(rest) + _SPACES
    signed = total - 256 * sum(byte >> 7 for byte in rest)
    if number(header[148:156]) not in (total, signed):
        raise MalformedError("it is not a tar, or is damaged: a header has a wrong checksum")


def _size(header: bytes) -> int:
    digits = header[124:135]
    try:
        return int(digits, 8) if digits.isdigit() and not header[135] else number(header[124:136])
    except ValueError:  # an 8 or a 9
        return number(header[124:136])


def _kind_by_name(flag: bytes, name: bytes) -> str:
    """v7 had no directories but by a slash at the end."""
    return DIRECTORY if flag == _DUMP or (flag == b"\0" and name.endswith(b"/")) else FILE


def _name(header: bytes) -> bytes:
    name = _text(header[:100])
    return _prefix(header) + name if header[345] else name


def _prefix(header: bytes) -> bytes:
    if header[257:263] != _USTAR:
        return b""
    return _text(header[345:476] if header[508:512] == _STAR else header[345:500]) + b"/"


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _records(content: bytes, ceiling: int) -> dict[bytes, bytes]:
    """The records of a pax header that bear on names, sizes and holes. Raises MalformedError.

    Raises LimitError for more records than one a hundred bytes of the ceiling: each costs time.
    """
    found: dict[bytes, bytes] = {}
    holes: list[bytes] = []
    for count, (key, value) in enumerate(_split(content)):
        if count > ceiling // _BYTES_A_RECORD:
            raise LimitError("a pax header has too many records", limit="extension_bytes")
        if key in _HOLES:
            holes.append(value)
        elif key in _OVERRIDES or key.startswith(_SPARSE):
            found[key] = value
    if holes:  # version 0.0: the map of 0.1 in other words
        found[_SPARSE + b"map"] = b",".join(holes)
    return found


def _split(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(content):
        space = content.find(b" ", at, at + _LONGEST_LENGTH)
        end = at + decimal(content[at : max(space, at)])
        key, equals, value = content[space + 1 : end - 1].partition(b"=")
        if not equals or end <= space or content[end - 1 : end] != b"\n":
            raise MalformedError("it has a broken pax header")
        yield key, value
        at = end

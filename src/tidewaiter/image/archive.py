"""A tar file as a folder of extents: only its headers are read, hopping from one to the next.

Headers: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13 (ustar, pax) and
https://www.gnu.org/software/tar/manual/html_node/Standard.html (long names, base-256 sizes).
"""

import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tidewaiter.errors import LimitError, MalformedError, SourceError
from tidewaiter.image.extent import Extent
from tidewaiter.image.limits import Limits

HEADER_BYTES = 512
_LONGEST_EXTENSION = 1 << 20
_LONGEST_NUMBER = 20
_MOST_LINKS = 40
_HEADER_ONLY = tuple(bytes([kind]) for kind in b"123456")
_REGULAR = (b"0", b"7", b"\0")


class Files(Protocol):
    """Files by their names below one root: a folder's, or an archive's members."""

    @property
    def where(self) -> str:
        """What messages call the root."""
        ...

    def find(self, path: str) -> Extent | None:
        """The regular file at `path`, through links; None where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Folder:
    """The files below a folder. Symbolic links are followed: the folder is the user's own."""

    where: str

    def find(self, path: str) -> Extent | None:
        """The regular file at `path`."""
        file = Path(self.where, path)
        if ".." in path.split("/") or not file.is_file():
            return None
        return Extent(file=str(file), offset=0, size=file.stat().st_size, where=f"{self.where}: {path}")


@dataclass(frozen=True, slots=True)
class _Member:
    kind: bytes
    offset: int
    size: int
    target: str


class Archive:
    """The members of a tar file.

    `file` is the tar, `where` what messages call it. Raises MalformedError for what is no tar or ends early, and
    LimitError.
    """

    def __init__(self, file: str, where: str, limits: Limits) -> None:
        self.where = where
        self._file = file
        self._members: dict[str, _Member] = {}
        try:
            with Path(file).open("rb", buffering=0) as stream:
                self._index(_Headers(stream.fileno(), where), limits.archive_members)
        except OSError as error:
            raise SourceError(f"it cannot be read: {error.strerror}", where=where) from error

    def __iter__(self) -> Iterator[str]:
        """The names of the members, clean: without `./`, a leading slash, or any `..`."""
        return iter(self._members)

    def find(self, path: str) -> Extent | None:
        """The bytes of the regular member at `path`, through symbolic and hard links inside the archive."""
        name: str | None = clean(path)
        for _ in range(_MOST_LINKS):
            member = self._members.get(name) if name else None
            if name is None or member is None:
                return None
            if member.kind in _REGULAR:
                where = f"{self.where}: {path}"
                return Extent(file=self._file, offset=member.offset, size=member.size, where=where)
            name = _destination(name, member)
        raise MalformedError("its links lead in a circle", where=f"{self.where}: {path}")

    def _index(self, headers: "_Headers", ceiling: int) -> None:
        for number, (name, member) in enumerate(headers.members()):
            if number >= ceiling:
                raise LimitError(
                    f"it has more than {ceiling} members, and an archive of images has fewer",
                    limit="archive_members",
                    where=self.where,
                )
            path = clean(name)
            if path is not None:
                self._members[path] = member


def starts_tar(content: bytes) -> bool:
    """Whether the content starts with a tar header, by its checksum, or with the end of an empty archive."""
    block = content[:HEADER_BYTES]
    written = block[148:156].strip(b" \0").partition(b"\0")[0].rstrip(b" ")
    if len(block) < HEADER_BYTES or written.translate(None, b"01234567"):
        return False
    return not any(block) or int(written or b"0", 8) == sum(block) - sum(block[148:156]) + 8 * 0x20


def clean(name: str) -> str | None:
    """The name without `./`, double and leading slashes; None if it leads upwards."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return None if ".." in parts else "/".join(parts)


def _destination(name: str, member: _Member) -> str | None:
    if member.kind == b"1":
        return clean(member.target)
    if member.kind != b"2":
        return None
    return clean(posixpath.normpath(posixpath.join(posixpath.dirname(name), member.target)))


class _Headers:
    """The headers of one open tar, read with pread."""

    def __init__(self, handle: int, where: str) -> None:
        self._handle = handle
        self._end = os.fstat(handle).st_size
        self._where = where

    def members(self) -> Iterator[tuple[str, _Member]]:
        """Each member with its name as written, in the archive's order."""
        if not starts_tar(os.pread(self._handle, HEADER_BYTES, 0)):
            raise SourceError("not an image: it is no tar archive", where=self._where)
        offset = 0
        extension: dict[str, str] = {}
        while block := self._header(offset):
            kind = block[156:157]
            size = self._size(block, extension, offset)
            start, offset = offset + HEADER_BYTES, offset + HEADER_BYTES + -(-size // HEADER_BYTES) * HEADER_BYTES
            if start + size > self._end:
                raise MalformedError(f"it ends early, inside the member {_name(block)!r}", where=self._where)
            if kind in (b"x", b"L", b"K"):
                extension |= self._extension(kind, start, size)
            elif kind != b"g":
                target = extension.get("linkpath", _text(block[157:257]))
                yield extension.get("path", _name(block)), _Member(kind, start, size, target)
                extension = {}

    def _size(self, block: bytes, extension: dict[str, str], offset: int) -> int:
        """How many bytes of content follow the header."""
        if block[156:157] in _HEADER_ONLY:
            return 0
        written = extension.get("size", "")
        if not written:
            return _number(block[124:136], self._at(offset))
        if not written.isdecimal() or len(written) > _LONGEST_NUMBER:
            raise MalformedError("it has a pax size that is no size", where=self._at(offset))
        return int(written)

    def _at(self, offset: int) -> str:
        return f"{self._where}: the header at byte {offset}"

    def _header(self, offset: int) -> bytes:
        """The header at `offset`, or nothing at the end of the archive."""
        block = os.pread(self._handle, HEADER_BYTES, offset)
        if not block or block == bytes(HEADER_BYTES):
            return b""
        if len(block) < HEADER_BYTES:
            raise MalformedError("it ends inside a header", where=self._at(offset))
        if not starts_tar(block):
            raise MalformedError("it is not a tar header: wrong checksum", where=self._at(offset))
        return block

    def _extension(self, kind: bytes, start: int, size: int) -> dict[str, str]:
        if size > _LONGEST_EXTENSION:
            raise MalformedError(f"it has an extension of {size} bytes", where=self._at(start - HEADER_BYTES))
        content = os.pread(self._handle, size, start)
        if kind == b"x":
            return dict(_records(content, self._at(start)))
        return {"path" if kind == b"L" else "linkpath": _text(content)}


def _records(content: bytes, where: str) -> Iterator[tuple[str, str]]:
    """The records `LENGTH KEY=VALUE` and a line feed of a pax header."""
    while content:
        length, _, _ = content[:20].partition(b" ")
        size = int(length) if length.isdigit() else 0
        record = content[len(length) + 1 : size]
        if not record.endswith(b"\n") or size > len(content):
            raise MalformedError("it has a broken pax record", where=where)
        key, _, value = record[:-1].partition(b"=")
        yield key.decode("utf-8", "replace"), value.decode("utf-8", "surrogateescape")
        content = content[size:]


def _number(field: bytes, where: str) -> int:
    """An octal or base-256 field. Raises MalformedError, also for a negative one."""
    if field[0] & 0x80:
        value = int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
        if field[0] & 0x40:
            raise MalformedError("it has a negative number", where=where)
        return value
    digits = field.strip(b" \0").partition(b"\0")[0].rstrip(b" ")
    if digits.translate(None, b"01234567"):
        raise MalformedError("it is not a tar header: a number is not octal", where=where)
    return int(digits or b"0", 8)


def _name(block: bytes) -> str:
    name = _text(block[:100])
    prefix = _text(block[345:500]) if block[257:263] == b"ustar\0" else ""
    return f"{prefix}/{name}" if prefix else name


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")

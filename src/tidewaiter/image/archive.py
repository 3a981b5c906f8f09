"""A tar file as a folder of extents: only its headers are read, hopping from one to the next."""

import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from tidewaiter.errors import LimitError, MalformedError, SourceError
from tidewaiter.image.extent import Extent
from tidewaiter.image.limits import Limits
from tidewaiter.image.tar import BLOCK, FILE, HARDLINK, SYMLINK, Entries

_MOST_LINKS = 40

# The files that tell what an archive or a folder is: an OCI layout, a docker-archive.
INDEX = "index.json"
MANIFEST = "manifest.json"


class Files(Protocol):
    """Files by their names below one root: a folder's, or an archive's members."""

    @property
    def where(self) -> str:
        """What messages call the root."""
        ...

    @property
    def vouches(self) -> bool:
        """Whether it is one file that vouches for what is in it, so that plain layers need not be hashed."""
        ...

    def find(self, path: str) -> Extent | None:
        """The regular file at `path`, through links; None where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Folder:
    """The files below a folder. Symbolic links are followed: the folder is the user's own."""

    where: str

    @property
    def vouches(self) -> bool:
        """Never: its files came one by one, each under a name that promises its hash."""
        return False

    def find(self, path: str) -> Extent | None:
        """The regular file at `path`."""
        file = os.path.join(self.where, path)
        if ".." in path.split("/") or not os.path.isfile(file):
            return None
        return Extent(file=file, offset=0, size=os.stat(file).st_size, where=f"{self.where}: {path}")


@dataclass(frozen=True, slots=True)
class _Member:
    kind: str
    offset: int
    size: int
    target: str


class Archive:
    """The members of a tar file.

    `file` is the tar, `where` what messages call it. `ended` tells that it says where it ends. Raises SourceError for
    what is no tar, MalformedError for one that is damaged or ends early, and LimitError.
    """

    def __init__(self, file: str, where: str, limits: Limits) -> None:
        self.where = where
        self._file = file
        self._members: dict[str, _Member] = {}
        self.ended = False
        try:
            with open(file, "rb", buffering=0) as stream:
                self._index(_Hops(stream.fileno()), limits)
        except OSError as error:
            raise SourceError(f"it cannot be read: {error.strerror}", where=where) from error
        except (MalformedError, LimitError) as error:
            error.where = error.where or where
            raise

    @property
    def vouches(self) -> bool:
        """Always: it was written in one go, and is one file."""
        return True

    def __iter__(self) -> Iterator[str]:
        """The names of the members, clean: without `./`, a leading slash, or any `..`."""
        return iter(self._members)

    def find(self, path: str) -> Extent | None:
        """The bytes of the regular member at `path`, through symbolic and hard links inside the archive."""
        name = clean(path)
        for _ in range(_MOST_LINKS):
            member = self._members.get(name) if name else None
            if name is None or member is None:
                return None
            if member.kind == FILE:
                where = f"{self.where}: {path}"
                return Extent(file=self._file, offset=member.offset, size=member.size, where=where)
            name = _destination(name, member)
        raise MalformedError("its links lead in a circle", where=f"{self.where}: {path}")

    def _index(self, hops: "_Hops", limits: Limits) -> None:
        if not starts_tar(os.pread(hops.handle, BLOCK, 0)):
            raise SourceError("not an image: it is no tar archive", where=self.where)
        entries = Entries(hops, extension_bytes=limits.extension_bytes)
        for number, (kind, name, size, target) in enumerate(entries):
            if number >= limits.archive_members:
                what = f"it has more than {limits.archive_members} members, and an archive of images has fewer"
                raise LimitError(what, limit="archive_members")
            path = clean(os.fsdecode(name))
            if path is not None:  # of two members with one name the last counts, as it does when they are unpacked
                self._members[path] = _Member(kind, hops.at, size, os.fsdecode(target))
        self.ended = entries.ended


class _Hops:
    """An open tar from which single blocks are read; `at` is where the last one ended. As `tar.Bytes`."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self.at = 0
        self._end = os.fstat(handle).st_size

    def block(self, after: int, padding: int) -> bytes:
        if self.at + after - padding > self._end:
            raise MalformedError("it ends early, inside a member")
        self.at += after
        block = os.pread(self.handle, BLOCK, self.at)
        if block and len(block) < BLOCK:
            raise MalformedError("it ends early, inside a header")
        self.at += BLOCK
        return block

    def take(self, size: int) -> bytes:
        content = os.pread(self.handle, size, self.at)
        if len(content) < size:
            raise MalformedError("it ends early, inside a header")
        self.at += size
        return content


def starts_tar(content: bytes) -> bool:
    """Whether the content starts with a tar header, by its checksum. One without any members is none."""
    block = content[:BLOCK]
    written = block[148:156].strip(b" \0").partition(b"\0")[0].rstrip(b" ")
    if len(block) < BLOCK or written.translate(None, b"01234567"):
        return False
    return int(written or b"0", 8) == sum(block) - sum(block[148:156]) + 8 * 0x20


def clean(name: str) -> str | None:
    """The name without `./`, double and leading slashes; None if it leads upwards."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return None if ".." in parts else "/".join(parts)


def _destination(name: str, member: _Member) -> str | None:
    """Where a link leads: a hard link names a member, a symbolic one is relative to its own folder."""
    if member.kind == HARDLINK:
        return clean(member.target)
    if member.kind != SYMLINK:
        return None
    return clean(posixpath.normpath(posixpath.join(posixpath.dirname(name), member.target)))

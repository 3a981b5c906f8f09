"""Folders of published advisories: zip archives and plain files, at any depth.

https://google.github.io/osv.dev/data/#data-dumps
"""

import hashlib
import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath

from tidewaiter.errors import FeedError
from tidewaiter.feeds.feed import Document, RecordError

Wants = Callable[[str], bool]
Warn = Callable[[str], None]

_MIB = 1 << 20

# What the standard library raises for an archive that is broken, encrypted, or packed in a way that it does not know.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    IndexError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """What is read at most: bytes of one record; records and their bytes together, of one archive."""

    record_bytes: int = 16 * _MIB
    records: int = 4_000_000
    unpacked_bytes: int = 64 * 1024 * _MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A zip archive of records. `name` is its path below the folder; `digest` and `size` are of its stored bytes."""

    name: str
    digest: str
    size: int
    path: Path

    def documents(self, wants: Wants, warn: Warn, ceilings: Ceilings) -> Iterator[Document]:
        """Its records, in the archive's order. Raises FeedError if it is broken or beyond a ceiling."""
        with _readable(self.path):
            archive = zipfile.ZipFile(self.path)
        with archive:
            with _readable(self.path):
                members = [member for member in archive.infolist() if not member.is_dir()]
            self._measure([member for member in members if wants(member.filename)], ceilings)
            for member in members:
                path = f"{self.name}/{printable(member.filename)}"
                if wants(member.filename):
                    yield Document(
                        path=path, size=member.compress_size, read=partial(self._read, archive, member, ceilings)
                    )
                else:
                    warn(f"{path}: not read: not a file of advisories")

    def _measure(self, records: list[zipfile.ZipInfo], ceilings: Ceilings) -> None:
        size = sum(record.file_size for record in records)
        for what, value, ceiling in (
            ("records", len(records), ceilings.records),
            ("bytes unpacked", size, ceilings.unpacked_bytes),
        ):
            if value > ceiling:
                raise FeedError(f"{value} {what}, more than the {ceiling} that are read", where=str(self.path))

    def _read(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, ceilings: Ceilings) -> bytes:
        """The declared size is the most that zipfile unpacks, and the checksum holds it to it."""
        _check_size(member.file_size, ceilings)
        with _readable(self.path):
            return archive.read(member)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loose:
    """The plain files of one folder. `name` is `npm/*`; `digest` and `size` are of their names and bytes together."""

    name: str
    digest: str
    size: int
    paths: tuple[Path, ...]

    def documents(self, wants: Wants, warn: Warn, ceilings: Ceilings) -> Iterator[Document]:  # noqa: ARG002 - all are wanted
        """Its files, by name."""
        folder = self.name.removesuffix("*")
        for path in self.paths:
            with _readable(path):
                size = path.stat().st_size
            yield Document(
                path=folder + printable(path.name), size=size, read=partial(self._read, path, size, ceilings)
            )

    def _read(self, path: Path, size: int, ceilings: Ceilings) -> bytes:
        _check_size(size, ceilings)
        with _readable(path), path.open("rb") as stream:
            return stream.read(size)


Source = Archive | Loose


def sources(folders: Iterable[Path], wants: Wants, warn: Warn) -> tuple[Source, ...]:
    """All that the folders hold, in an order that depends on nothing but names and bytes.

    Files of another kind are named to `warn`. Raises FeedError for what is no folder, or can not be read.
    """
    found = [source for folder in folders for source in _sources(folder, wants, warn)]
    return tuple(sorted(found, key=lambda source: (source.name, source.digest)))


def printable(name: str) -> str:
    """A file's name for a message: without control characters, which a terminal would obey."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in name)


def _sources(folder: Path, wants: Wants, warn: Warn) -> Iterator[Source]:
    if not folder.is_dir():
        raise FeedError("there is no such folder", where=str(folder))
    for place, inner, names in os.walk(folder, onerror=_raise):
        for name in inner:
            if Path(place, name).is_symlink():
                warn(f"{printable(str(Path(place, name)))}: not read: a symbolic link to a folder")
        yield from _in_folder(Path(place), PurePath(place).relative_to(folder), sorted(names), wants, warn)


def _raise(error: OSError) -> None:
    raise FeedError(f"cannot be read: {error.strerror}", where=str(error.filename)) from None


def _in_folder(place: Path, below: PurePath, names: list[str], wants: Wants, warn: Warn) -> Iterator[Source]:
    loose = []
    for name in names:
        path = place / name
        if not path.is_file():
            warn(f"{printable(str(path))}: not read: not a regular file")
        elif path.suffix.lower() == ".zip":
            yield _archive(path, (below / name).as_posix())
        elif wants(name):
            loose.append(path)
        else:
            warn(f"{printable(str(path))}: not read: neither a zip archive nor a file of advisories")
    if loose:
        yield _loose(tuple(loose), (below / "*").as_posix())


def _archive(path: Path, name: str) -> Archive:
    with _readable(path), path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return Archive(name=printable(name), digest=f"sha256:{digest}", size=path.stat().st_size, path=path)


def _loose(paths: tuple[Path, ...], name: str) -> Loose:
    together = hashlib.sha256()
    size = 0
    for path in paths:
        with _readable(path), path.open("rb") as stream:
            together.update(f"{path.name}\0".encode(errors="surrogateescape"))
            together.update(hashlib.file_digest(stream, "sha256").digest())
            size += stream.tell()
    return Loose(name=printable(name), digest=f"sha256:{together.hexdigest()}", size=size, paths=paths)


def _check_size(size: int, ceilings: Ceilings) -> None:
    if size > ceilings.record_bytes:
        raise RecordError(f"{size} bytes, more than the {ceilings.record_bytes} that a record may have")


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise FeedError(f"cannot be read: {str(error) or type(error).__name__}", where=str(path)) from error

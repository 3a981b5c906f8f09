"""A folder on disk that is a root file system: nothing outside of it is opened, wherever its links lead."""

import os
import stat
from collections.abc import Iterator
from itertools import islice

from tidewaiter.inventory.allowance import Allowance
from tidewaiter.inventory.gap_list import GapList
from tidewaiter.inventory.walk import Collector, Interest, file_gap
from tidewaiter.model.gap import Gap, Why
from tidewaiter.model.package import FileInventory

_MOST_LINKS = 40  # as the kernel: path_resolution(7)


def read_folder(
    folder: str, interest: Interest, *, entries: int, roots: int, file_bytes: int, allowance: Allowance
) -> tuple[tuple[FileInventory, ...], tuple[Gap, ...]]:
    """What all wanted files of a root file system say, those behind links too, and what could not be looked at.

    `entries` is the most names that are looked at, `roots` the most root file systems (its own, and chroots),
    `file_bytes` the largest file; all ceilings are the caller's.
    """
    collector = Collector(interest, where="", file_bytes=file_bytes, allowance=allowance)
    return _Folder(folder, interest, collector, entries=entries, roots=roots).read()


class _Folder:
    """A root file system that is read once."""

    def __init__(self, folder: str, interest: Interest, collector: Collector, *, entries: int, roots: int) -> None:
        self._folder = folder
        self._interest = interest
        self._entries = entries
        self._roots = roots
        self._collector = collector
        self._gaps: list[Gap] = []
        self._missed = GapList()
        self._dead_ends: list[tuple[str, str, str]] = []
        self._read: set[tuple[str, str]] = set()

    def read(self) -> tuple[tuple[FileInventory, ...], tuple[Gap, ...]]:
        links = []
        for path, is_link in self._names():
            if is_link:
                links.append(path)
            elif self._interest(path):
                self._take(path, path)
        wanted = {path: self._interest.root(path) for path in links if self._interest(path)}
        roots, too_many = self._interest.roots((file.path for file in self._collector.files), self._roots)
        self._gaps += too_many
        for root in roots:
            wanted.update((path, root) for _, path in self._interest.well_known(root))
        for path, root in sorted(wanted.items()):
            self._follow(path, root)
        self._note_dead_ends()
        return self._collector.files, (*self._gaps, *self._missed.gaps(), *self._collector.gaps)

    def _names(self) -> Iterator[tuple[str, bool]]:
        """Every regular file and symbolic link, folder by folder; True for links."""
        pending, count = [""], 0
        while pending:
            folder = pending.pop()
            for entry in self._scan(folder):
                count += 1
                if count > self._entries:
                    self._note(Why.LIMIT, folder, f"more than {self._entries:,} names (limit entries)")
                    return
                path = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_dir(follow_symlinks=False):
                    pending.append(path)
                elif entry.is_symlink() or entry.is_file(follow_symlinks=False):
                    yield path, entry.is_symlink()
                elif self._interest(path):
                    self._special(path)

    def _scan(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self._on_disk(folder)) as entries:
                return sorted(islice(entries, self._entries + 1), key=lambda entry: entry.name)
        except OSError as error:
            self._denied(folder, error)
            return []

    def _on_disk(self, path: str) -> str:
        return f"{self._folder}/{path}"

    def _follow(self, path: str, root: str) -> None:
        """Read what a path leads to, a file or a whole folder, if it is not where it seems to be."""
        real = self._resolve(path, root)
        if real is None or real == path:
            return
        if os.path.isdir(self._on_disk(real)):
            for entry in self._scan(real):
                if entry.is_file(follow_symlinks=False) and self._interest(f"{path}/{entry.name}"):
                    self._take(f"{real}/{entry.name}", f"{path}/{entry.name}")
        elif self._interest(path):
            self._take(real, path)

    def _resolve(self, path: str, root: str) -> str | None:
        """Where a path leads without ever leaving `root`; None if nothing is there. A dead end of a link is a gap."""
        base = root.split("/") if root else []
        pending, place = path.split("/")[::-1], list[str]()
        own, links = len(pending), 0
        while pending:
            of_link = len(pending) > own
            part = pending.pop()
            own = min(own, len(pending))
            if part == "..":
                place = place[:-1] if len(place) > len(base) else place
                continue
            here = "/".join([*place, part])
            target = self._link(here)
            if target is None:
                if not os.path.lexists(self._on_disk(here)):
                    if of_link:
                        self._dead_ends.append(
                            (path, root, f"it leads through a symbolic link to {here}, which is not there")
                        )
                    return None
                place.append(part)
                continue
            links += 1
            if links > _MOST_LINKS:
                self._dead_ends.append((path, root, "its symbolic links lead in a circle"))
                return None
            place = list(base) if target.startswith("/") else place
            pending += [piece for piece in reversed(target.split("/")) if piece not in ("", ".")]
        return "/".join(place)

    def _note_dead_ends(self) -> None:
        """A database that is only a dead end is a gap; of files that name a release, one that is there is enough."""
        named = {self._interest.root(file.path) for file in self._collector.files if file.extraction.distro is not None}
        for path, root, reason in self._dead_ends:
            if not (root in named and self._interest.names_release(path)):
                self._note(Why.MALFORMED, path, reason)

    def _link(self, path: str) -> str | None:
        try:
            return os.readlink(self._on_disk(path))
        except OSError:
            return None

    def _take(self, real: str, path: str) -> None:
        """Read the file that really lies at `real`, under the name `path`."""
        named = {(extractor.name, real) for extractor in self._interest(path)}
        if named <= self._read:
            return
        self._read |= named
        try:
            if not stat.S_ISREG(os.lstat(self._on_disk(real)).st_mode):  # not opened: that alone may do something
                self._special(path)
                return
            handle = os.open(self._on_disk(real), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            with open(handle, "rb") as file:
                size = os.fstat(handle).st_size
                if self._collector.wants(path, size):
                    self._collector.take(path, file.read(size))
        except OSError as error:
            self._denied(path, error)

    def _special(self, path: str) -> None:
        self._note(Why.MALFORMED, path, "it is a device, a pipe or a socket, and a file was expected: not read")

    def _denied(self, path: str, error: OSError) -> None:
        self._note(Why.DENIED, path or "/", f"it cannot be read ({error.strerror}), run as a user who may")

    def _note(self, why: Why, path: str, detail: str) -> None:
        self._missed.add(file_gap(why, path, "", detail))

"""Which names of an image's layers can matter for some paths: most do not, and are never looked at one by one."""

import posixpath
from collections.abc import Iterable, Iterator, Sequence

from tidewaiter.image.paths import raw
from tidewaiter.model.package import LayerTree

_MOST_PATHS = 100_000
_MOST_ROUNDS = 40
_LONGEST = 1 << 14
_SLICE = 1 << 20
_LETTERS = (b"f", b"d", b"l", b"h")
_INDEFINITE = frozenset(("", ".", ".."))


def paths_that_matter(paths: Iterable[str], trees: Sequence[LayerTree]) -> tuple[frozenset[str], bool]:
    """The paths, all folders above them, and whatever symbolic links of any layer may make of them.

    That is where a path leads if one of its folders is a link, and by which other name a link reaches a folder of it (a
    whiteout may use that name). The second value tells whether that came to an end within bounds: hostile links
    can make it endless.
    """
    growth = _Growth(paths)
    for _ in range(_MOST_ROUNDS):
        before = growth.size
        for tree in trees:
            for link, target in tree.symlinks:
                growth.pass_link(link, target)
        if growth.size == before:
            return frozenset(growth.names), True
        if growth.size > _MOST_PATHS:
            break
    return frozenset(growth.names), False


class _Growth:
    """Paths that matter, growing by links. `names` has their folders too."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.names: set[str] = set()
        self._paths: set[str] = set()
        self._last_parts: set[str] = set(_INDEFINITE)
        for path in paths:
            self._add(path)

    @property
    def size(self) -> int:
        return len(self._paths)

    def pass_link(self, link: str, target: str) -> None:
        """Add what this link makes of the paths that are known so far."""
        if link in self.names:
            self._substitute(link, _destination(link, target))
        last = target[target.rfind("/") + 1 :]
        if last in self._last_parts:
            destination = _destination(link, target)
            if destination in self.names:
                self._substitute(destination, link)

    def _substitute(self, start: str, other: str) -> None:
        """For every path below (or at) `start` add the one that begins with `other` instead."""
        if not start or self.size > _MOST_PATHS:
            return
        below = f"{start}/"
        for path in [path for path in self._paths if path == start or path.startswith(below)]:
            self._add(other + path[len(start) :])

    def _add(self, path: str) -> None:
        path = path.strip("/")
        if path in self._paths or not path or len(path) > _LONGEST:
            return
        self._paths.add(path)
        while path and path not in self.names:
            self.names.add(path)
            path, _, last = path.rpartition("/")
            self._last_parts.add(last)


def _destination(link: str, target: str) -> str:
    """Where a link leads, if nothing on the way is itself a link; "" for the root."""
    path = posixpath.normpath(posixpath.join("/", posixpath.dirname(link), target))
    return path.strip("/")


class Records:
    """The records of a layer's names that matter, in the layer's order."""

    def __init__(self, names: Iterable[str]) -> None:
        self._wanted = frozenset(letter + raw(name) for name in names for letter in _LETTERS)

    def of(self, tree: LayerTree) -> Iterator[bytes]:
        """A letter and a path each. A slice of the names at a time, so that a million of them take no room."""
        wanted = self._wanted
        for names in _slices(tree.entries):
            yield from [record for record in names.split(b"\0") if record in wanted]


def _slices(entries: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(entries):
        end = entries.find(b"\0", start + _SLICE)
        end = len(entries) if end < 0 else end
        yield entries[start:end]
        start = end + 1


def names_below(folder: str, trees: Sequence[LayerTree]) -> Iterator[str]:
    """The names that any layer has below a folder, in the layers' own spelling; some more than once."""
    needle = raw(folder) + b"/"
    for tree in trees:
        at = tree.entries.find(needle)
        while at >= 0:
            if at == 1 or tree.entries[at - 2 : at - 1] == b"\0":
                end = tree.entries.find(b"\0", at)
                yield tree.entries[at : end if end >= 0 else None].decode("utf-8", "surrogateescape")
            at = tree.entries.find(needle, at + 1)

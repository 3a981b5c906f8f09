"""Which names of an image's layers can matter for some paths: most do not, and are never looked at one by one."""

import posixpath
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from tidewaiter.image.below import Below, slices
from tidewaiter.image.paths import raw
from tidewaiter.model.package import LayerTree

_MOST_ROUNDS = 40
_MOST_WORK = 5_000_000  # paths looked at: less than a second
_WORK_OF_A_NAME = 100
_DEEPEST = 100  # folders; a path that links make deeper than this will not end at all
_LETTERS = (b"f", b"d", b"l", b"h")
_INDEFINITE = frozenset(("", ".", ".."))


def paths_that_matter(paths: Iterable[str], trees: Sequence[LayerTree]) -> tuple[frozenset[str], bool]:
    """The paths, all folders above them, and whatever symbolic links of any layer may make of them.

    That is where a path leads if one of its folders is a link, the file that a hard link is another name of; and by
    which other name a link reaches a folder of it, if a layer has names below that one (a whiteout may be among them).
    The second value tells whether that came to an end within bounds: hostile links can make it endless.
    """
    growth = _Growth(paths, trees)
    for _ in range(_MOST_ROUNDS):
        before = growth.size
        for tree in trees:
            for link, target in tree.symlinks:
                growth.pass_link(link, target)
            for link, target in tree.hardlinks:
                growth.pass_hardlink(link, target)
        if growth.size == before or growth.work > _MOST_WORK:
            return frozenset(growth.names), growth.work <= _MOST_WORK
    return frozenset(growth.names), False


class _Growth:
    """Paths that matter, growing by links. `names` has their folders too, `work` counts what it cost."""

    def __init__(self, paths: Iterable[str], trees: Sequence[LayerTree]) -> None:
        self.names: set[str] = set()
        self.work = 0
        self._trees = trees
        self._paths: set[str] = set()
        self._last_parts: set[str] = set(_INDEFINITE)
        self._done: dict[tuple[str, str], int] = {}
        self._written_through = Below(trees, lambda: {link for tree in trees for link, _ in tree.symlinks})
        self._hidden_through: frozenset[str] | None = None
        for path in paths:
            self._add(path)

    @property
    def size(self) -> int:
        """How many paths are known so far."""
        return len(self._paths)

    def pass_link(self, link: str, target: str) -> None:
        """Add what this link makes of the paths that are known so far."""
        if link in self.names:
            self._substitute(link, _destination(link, target))
        if target[target.rfind("/") + 1 :] in self._last_parts:
            destination = _destination(link, target)
            if (not destination or destination in self.names) and self._has_names_below(link):
                self._substitute(destination, link)

    def pass_hardlink(self, link: str, target: str) -> None:
        """Add the file that a path of interest is another name of."""
        if link in self.names:
            self._add(target)

    def _has_names_below(self, link: str) -> bool:
        """Whether a layer writes, or hides, something through the link: most links are never used like that."""
        return link in self._written_through or link in self._marked()

    def _marked(self) -> frozenset[str]:
        """The links that whiteouts hide something through."""
        if self._hidden_through is None:
            links = {link for tree in self._trees for link, _ in tree.symlinks}
            marks = {mark for tree in self._trees for mark in (*tree.whiteouts, *tree.opaques)}
            self._hidden_through = frozenset(link for mark in marks for link in _folders(mark) if link in links)
        return self._hidden_through

    def _substitute(self, start: str, other: str) -> None:
        """For every path below (or at) `start` add the one that begins with `other` instead."""
        if self.work > _MOST_WORK or self._done.get((start, other)) == self.size:
            return
        self.work += self.size
        self._done[start, other] = self.size
        below = f"{start}/" if start else ""
        for path in [path for path in self._paths if path == start or path.startswith(below)]:
            self._add(f"{other}/{path[len(below) :]}")

    def _add(self, path: str) -> None:
        path = path.strip("/")
        if path in self._paths or not path:
            return
        if path.count("/") > _DEEPEST:
            self.work = _MOST_WORK + 1
            return
        self._paths.add(path)
        while path and path not in self.names:
            self.names.add(path)
            self.work += _WORK_OF_A_NAME
            path = path.rpartition("/")[0]
            self._last_parts.add(path.rpartition("/")[2])


def _folders(path: str) -> Iterator[str]:
    """The path and the folders above it, not deeper than paths of interest are."""
    parts = path.split("/", _DEEPEST + 1)[: _DEEPEST + 1]
    return accumulate(parts, lambda folder, part: f"{folder}/{part}")


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
        for names in slices(tree.entries):
            yield from [record for record in names.split(b"\0") if record in wanted]

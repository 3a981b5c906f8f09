"""Layers laid over each other, as container runtimes unpack them: only for the paths that are asked for.

https://github.com/opencontainers/image-spec/blob/main/layer.md#applying-changesets
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tidewaiter.image.below import Below, names_below
from tidewaiter.image.interest import Records, paths_that_matter
from tidewaiter.image.paths import text
from tidewaiter.model.package import LayerTree

_MOST_LINKS = 40  # as the kernel: path_resolution(7)
_NO_STEP = frozenset(("", ".", ".."))


class Origin(NamedTuple):
    """A file as one layer spells it: the layer's place among the trees, and the path."""

    layer: int
    path: str


@dataclass(frozen=True, slots=True)
class File:
    """A path leads to a file: `path` is where it is in the end, `versions` what the layers put there, lowest first."""

    path: str
    versions: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class Folder:
    """A path leads to a folder, which is at `path` in the end."""

    path: str


@dataclass(frozen=True, slots=True)
class DeadEnd:
    """A path leads through symbolic links to nothing, or in a circle. `reason` is a sentence without the full stop."""

    reason: str


Lead = File | Folder | DeadEnd | None


class _Node:
    """A name in the image. `versions` are the files that were here since something else was here or nothing."""

    __slots__ = ("children", "hardlink", "kind", "name", "parent", "target", "versions")

    def __init__(self, name: str, parent: "_Node | None") -> None:
        self.name = name
        self.parent = parent
        self.kind = "d"
        self.target = ""
        self.children: dict[str, _Node] = {}
        self.versions: list[Origin] = []
        self.hardlink: Origin | None = None

    def path(self) -> str:
        parts, node = [], self
        while node.parent is not None:
            parts.append(node.name)
            node = node.parent
        return "/".join(reversed(parts))

    def child(self, name: str) -> "_Node":
        if name not in self.children:
            self.children[name] = _Node(name, self)
        return self.children[name]

    def become(self, kind: str) -> None:
        """Be of another kind; what was here and below is gone."""
        self.kind = kind
        self.children = {}
        self.target = ""
        self.hardlink = None
        self.versions = []

    def put(self, origin: Origin) -> None:
        """Be this file; the versions that lower layers had stay known if a file replaces a file."""
        versions = [version for version in self.versions if version.layer != origin.layer]
        self.become("f")
        self.versions = [*versions, origin]


class Overlay:
    """The image's names as far as they matter for `paths`.

    `complete` is False where hostile links kept that from being found out within bounds. `unplaced` are names below
    what is no folder: some runtimes refuse such a layer, others (overlay2) make a folder in the place of the file.
    """

    def __init__(self, trees: Sequence[LayerTree], paths: Iterable[str]) -> None:
        self._trees = trees
        self._root = _Node("", None)
        self.unplaced: list[Origin] = []
        self._names, self.complete = paths_that_matter(paths, trees)
        self._below = Below(trees, lambda: self._names)
        records = Records(self._names)
        for index, tree in enumerate(trees):
            own = list(records.of(tree))
            self._hide(tree, frozenset(text(record[1:]) for record in own if record.startswith(b"d")))
            self._add(index, own, tree)

    def files(self) -> Mapping[str, File]:
        """All visible files among the paths, by their path in the end. Hard links to one file are several."""
        return {file.path: file for file in self._files_below(self._root)}

    def lead(self, path: str, root: str = "") -> Lead:
        """Where a path leads, through links at any part of it; none of them gets out of `root`, which it lies in.

        A folder that no layer names, but has names below, is a folder even if these are hidden.
        """
        base = _walk(self._root, root).node if root else self._root
        if base is None:
            return None
        way = _walk(base, path.removeprefix(root))
        if way.circle:
            return DeadEnd("its symbolic links lead in a circle")
        if way.node is not None:
            path = way.node.path()
            return Folder(path) if way.node.kind == "d" else File(path, tuple(way.node.versions))
        if way.missing and way.missing in self._below:
            return Folder(way.missing)
        if way.lacking and way.lacking not in self._below:
            return DeadEnd(f"it leads through a symbolic link to {way.lacking}, which is not there")
        return None

    def hardlink(self, path: str) -> Origin | None:
        """The file that a hard link at this path (where it is in the end) gives a second name; None for other files."""
        node = _walk(self._root, path).node
        return node.hardlink if node else None

    def below(self, folder: str) -> tuple[str, ...]:
        """The names that layers have below a folder, at any depth and hidden ones too: more than there are."""
        return tuple(dict.fromkeys(names_below(folder, self._trees)))

    def _hide(self, tree: LayerTree, own_folders: frozenset[str]) -> None:
        """Take away what the layer's marks hide in the layers below it."""
        for path in tree.whiteouts:
            if path in self._names and not self._makes_way(path, own_folders):
                folder, _, name = path.rpartition("/")
                parent = _walk(self._root, folder).node
                if parent is not None:
                    parent.children.pop(name, None)
        for path in tree.opaques:
            if (not path or path in self._names) and not self._makes_way(f"{path}/", own_folders):
                node = _walk(self._root, path).node
                if node is not None and node.kind == "d":
                    node.children = {}

    def _makes_way(self, path: str, own_folders: frozenset[str]) -> bool:
        """Whether the layer itself puts a folder where a link is, above `path`: then the mark is not for its target."""
        end = path.find("/")
        while end >= 0:
            if path[:end] in own_folders:
                node = _walk(self._root, path[:end], follow=False).node
                if node is not None and node.kind == "l":
                    return True
            end = path.find("/", end + 1)
        return False

    def _add(self, layer: int, records: Iterable[bytes], tree: LayerTree) -> None:
        """Put the layer's names in their places, in its order: the last of several wins."""
        symlinks = {path: target for path, target in tree.symlinks if path in self._names}
        hardlinks = {path: target for path, target in tree.hardlinks if path in self._names}
        for record in records:
            path = text(record[1:])
            folder, _, name = path.rpartition("/")
            parent = _walk(self._root, folder, make=True).node
            if parent is None:
                self.unplaced.append(Origin(layer, path))
                continue
            node = parent.child(name)
            match record[:1]:
                case b"d" if node.kind != "d":
                    node.become("d")
                case b"f":
                    node.put(Origin(layer, path))
                case b"l":
                    node.become("l")
                    node.target = symlinks[path]
                case b"h":
                    node.put(Origin(layer, path))
                    node.hardlink = self._linked(hardlinks[path])

    def _linked(self, target: str) -> Origin | None:
        node = _walk(self._root, target, follow=False).node
        if node is None:
            return None
        return node.hardlink or (node.versions[-1] if node.versions else None)

    def _files_below(self, node: _Node) -> Iterator[File]:
        pending = [node]
        while pending:
            node = pending.pop()
            if node.versions:
                yield File(node.path(), tuple(node.versions))
            pending += node.children.values()


@dataclass(slots=True)
class _Way:
    """Where a walk ended: at a node, or in a circle, or at `missing`; `lacking` is the part of it that a link names."""

    node: _Node | None = None
    circle: bool = False
    missing: str = ""
    lacking: str = ""


def _walk(base: _Node, path: str, *, follow: bool = True, make: bool = False) -> _Way:
    """Go along `path` from `base`, which nothing leads out of, as the kernel would.

    `follow` the last part too if it is a symbolic link; `make` folders that are missing, but not in the place of files:
    no runtime unpacks such a layer.
    """
    pending = path.split("/")[::-1]
    own, links, node = len(pending), 0, base
    while pending:
        is_own = len(pending) == own
        part = pending.pop()
        own = min(own, len(pending))
        if part in _NO_STEP:
            node = _up(node, base) if part == ".." else node
            continue
        child = node.children.get(part)
        if child is None or (child.kind == "f" and pending):
            if not make or child is not None:
                return _lost(node, [part, *pending[::-1]], of_link=0 if is_own else 1 + len(pending) - own)
            child = node.child(part)
        if child.kind == "l" and (pending or follow):
            links += 1
            if links > _MOST_LINKS:
                return _Way(circle=True)
            node = base if child.target.startswith("/") else node
            pending += child.target.split("/")[::-1]
            continue
        node = child
    return _Way(node=node)


def _up(node: _Node, base: _Node) -> _Node:
    return node if node is base or node.parent is None else node.parent


def _lost(node: _Node, rest: list[str], *, of_link: int) -> _Way:
    """A walk that ends at `node`, which has not the first of the parts that are left; so many of them a link named."""
    if ".." in rest:
        return _Way(lacking=_joined(node, rest[:1]))
    return _Way(missing=_joined(node, rest), lacking=_joined(node, rest[:of_link]) if of_link else "")


def _joined(node: _Node, parts: list[str]) -> str:
    return "/".join(filter(None, (node.path(), *parts)))

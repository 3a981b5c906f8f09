"""Which folders have names below them in the layers of an image, however many of them are asked for."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from tidewaiter.image.paths import raw
from tidewaiter.model.package import LayerTree

_MOST_SEARCHES = 32  # each looks through all names; a pass over them costs as much as a dozen or two
_SLICE = 1 << 20


class Below:
    """Answers whether any layer has a name below a folder. Few questions cost a search each, many one pass together.

    `candidates` gives all folders that may be asked for; it is called once there are many. Of any other folder the
    answer is then no.
    """

    def __init__(self, trees: Sequence[LayerTree], candidates: Callable[[], Iterable[str]]) -> None:
        self._trees = trees
        self._candidates = candidates
        self._known: dict[str, bool] = {}
        self._all: frozenset[bytes] | None = None

    def __contains__(self, folder: str) -> bool:
        if folder not in self._known:
            self._known[folder] = self._find(folder)
        return self._known[folder]

    def _find(self, folder: str) -> bool:
        if len(self._known) < _MOST_SEARCHES:
            return any(names_below(folder, self._trees))
        if self._all is None:
            self._all = folders_with_names(frozenset(map(raw, self._candidates())), self._trees)
        return raw(folder) in self._all


def folders_with_names(candidates: frozenset[bytes], trees: Sequence[LayerTree]) -> frozenset[bytes]:
    """Those of the candidates that a layer has names below."""
    depth = max((path.count(b"/") for path in candidates), default=0) + 1
    found: set[bytes] = set()
    for tree in trees:
        for names in slices(tree.entries):
            folders = {_cut(record[1 : max(record.rfind(b"/"), 1)], depth) for record in names.split(b"\0")}
            while folders:
                found |= folders & candidates
                folders = {folder[: folder.rfind(b"/")] for folder in folders if b"/" in folder}
    return frozenset(found)


def _cut(folder: bytes, depth: int) -> bytes:
    """The folder, or the one above it that has `depth` parts: a name of thousands of parts costs no more."""
    return folder if folder.count(b"/") < depth else b"/".join(folder.split(b"/", depth)[:depth])


def slices(entries: bytes) -> Iterator[bytes]:
    """The entries of a tree in pieces of about a mebibyte, so that a million of them take no room."""
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

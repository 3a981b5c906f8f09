"""The names of one layer as they pass: noted for the merge, and offered to who wants files."""

import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from tidewaiter.errors import LimitError
from tidewaiter.image.budget import Budget
from tidewaiter.image.limits import Limits
from tidewaiter.image.paths import clean, marked, shown, text
from tidewaiter.image.tar import DIRECTORY, FILE, HARDLINK, OTHER, SYMLINK, Entries
from tidewaiter.model.package import LayerTree

if TYPE_CHECKING:
    from tidewaiter.image.layers import Collector

_LONGEST_PLAIN = 255
_PORTION = 1_000  # names between two looks at the ceilings
_LINK = 192  # what a noted link or whiteout takes in memory beside its text
_ODD_STARTS = frozenset((b"", b".", b"/"))


def _forget(record: bytes) -> None:
    """Note nothing."""


class Names:
    """Notes every name of a layer, or with `only` none. `count` is the number of entries seen."""

    def __init__(
        self, collector: "Collector", *, limits: Limits, budget: Budget, only: Mapping[str, tuple[str, ...]] | None
    ) -> None:
        self.count = 0
        self._collector = collector
        self._limits = limits
        self._budget = budget
        self._only = only
        self._records = io.BytesIO()
        self._write: Callable[[bytes], object] = self._records.write if only is None else _forget
        self._symlinks: list[tuple[str, str]] = []
        self._hardlinks: list[tuple[str, str]] = []
        self._whiteouts: list[str] = []
        self._opaques: list[str] = []
        self._links = 0
        self._link_bytes = 0
        self._counted = 0
        self._bad = 0
        self._first_bad = b""
        self._too_long = False

    def note(self, entries: Entries) -> None:
        """Take in all entries. Raises LimitError beyond `entries` or `links`, and what reading them raises."""
        write, wants, checkpoint = self._write, self._wants(), 0
        longest = min(_LONGEST_PLAIN, self._limits.name_bytes)
        for kind, name, size, link in entries:
            self.count += 1
            if self.count > checkpoint:
                checkpoint = self._checkpoint()
            path = name[2:] if name[:2] == b"./" else name
            odd = b"/." in path or b"//" in path or path[:1] in _ODD_STARTS or path[-1:] == b"/" or b"\0" in path
            if odd or kind != FILE or len(path) > longest:
                self._note_odd(entries, kind, path, size, link)
                continue
            write(b"f" + path + b"\0")
            decoded = path.decode("utf-8", "surrogateescape")
            if wants(decoded, size):
                self._take(entries, decoded, size)

    def _checkpoint(self) -> int:
        """Look at the ceilings; how many names may pass until they are to be looked at again."""
        most = self._limits.entries
        if self.count > most:
            raise LimitError(f"it has more than {most:,} names", limit="entries")
        size = self.weight
        self._budget.name(size - self._counted)
        self._counted = size
        return min(self.count + _PORTION, most)

    @property
    def weight(self) -> int:
        """What the names noted so far take, in bytes."""
        return self._records.tell() + self._link_bytes

    def tree(self) -> LayerTree:
        """The names noted so far."""
        records = self._records
        records.truncate(max(0, records.tell() - 1))
        return LayerTree(
            entries=records.getvalue(),
            symlinks=tuple(self._symlinks),
            hardlinks=tuple(self._hardlinks),
            whiteouts=tuple(self._whiteouts),
            opaques=tuple(self._opaques),
        )

    def bad(self) -> str:
        """What to say of names that were not followed; "" if there are none."""
        if not self._bad:
            return ""
        names = "1 name is" if self._bad == 1 else f"{self._bad:,} names are"
        example = shown(self._first_bad)
        why = "they are too long (limit name_bytes) or lead elsewhere" if self._too_long else "they lead elsewhere"
        return f"{names} not followed, because {why}, as {example}"

    def _wants(self) -> Callable[[str, int], bool]:
        only = self._only
        if only is None:
            return self._collector.wants
        return lambda path, _: path in only

    def _take(self, entries: Entries, path: str, size: int) -> None:
        with self._budget.hold(2 * size):  # who reads it may copy it
            content = entries.payload()
            for name in (path,) if self._only is None else self._only[path]:
                self._collector.take(name, content)

    def _note_odd(self, entries: Entries, kind: str, name: bytes, size: int, link: bytes) -> None:
        """All but plainly named regular files."""
        path = clean(name, self._limits.name_bytes)
        if path is None or (not path and kind != DIRECTORY):
            self._reject(name)
        elif (mark := marked(path)) is not None:
            self._note_mark(*mark)
        elif kind in (SYMLINK, HARDLINK):
            self._note_link(kind, path, link)
        elif path:
            self._note_plain(entries, kind, path, size)

    def _note_plain(self, entries: Entries, kind: str, path: bytes, size: int) -> None:
        letter = FILE if kind == OTHER else kind
        self._write(letter.encode() + path + b"\0")
        if kind == FILE and self._wants()(text(path), size):
            self._take(entries, text(path), size)

    def _note_mark(self, kind: str, path: bytes) -> None:
        match kind:
            case "whiteout":
                self._count_link(len(path))
                self._whiteouts.append(text(path))
            case "opaque":
                self._count_link(len(path))
                self._opaques.append(text(path))
            case "bad":
                self._reject(path)

    def _note_link(self, kind: str, path: bytes, link: bytes) -> None:
        target = clean(link, self._limits.name_bytes) if kind == HARDLINK else link[: self._limits.name_bytes + 1]
        if not path or not target or b"\0" in target or len(target) > self._limits.name_bytes:
            self._reject(path + b" -> " + link)
            return
        self._count_link(len(path) + len(target))
        self._write(kind.encode() + path + b"\0")
        links = self._hardlinks if kind == HARDLINK else self._symlinks
        links.append((text(path), text(target)))

    def _count_link(self, size: int) -> None:
        self._links += 1
        self._link_bytes += _LINK + size
        if self._links > self._limits.links:
            raise LimitError(f"it has more than {self._limits.links:,} links and whiteouts", limit="links")

    def _reject(self, name: bytes) -> None:
        self._bad += 1
        self._first_bad = self._first_bad or name
        self._too_long = self._too_long or len(name) > self._limits.name_bytes

"""The layers of one image, read in parallel threads within the image's ceilings."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Protocol

from tidewaiter.image.blob import LayerBlob
from tidewaiter.image.budget import Budget
from tidewaiter.image.crew import work
from tidewaiter.image.interest import Records
from tidewaiter.image.layers import LayerRead, layer_name, read_layer
from tidewaiter.image.limits import Limits
from tidewaiter.image.paths import text
from tidewaiter.inventory.allowance import Allowance
from tidewaiter.inventory.catalog import fingerprint
from tidewaiter.inventory.walk import Collector, Interest
from tidewaiter.model.gap import Gap
from tidewaiter.model.image import Digest, Layer
from tidewaiter.model.package import FileInventory, LayerCost, LayerInventory, LayerTree


class Progress(Protocol):
    """Who is told how far the layers are read. Called from their threads."""

    def start(self, layer: Layer) -> None:
        """The layer is being read."""
        ...

    def advance(self, layer: Layer, stored_bytes: int) -> None:
        """So many more of its stored bytes were read."""
        ...

    def finish(self, layer: Layer) -> None:
        """The layer is read, or given up."""
        ...


class Reading:
    """Reads layers of one image, each once, and again only those in which a link leads to something unread.

    All that it reads counts against the image's ceilings.
    """

    def __init__(
        self, interest: Interest, limits: Limits, *, verify: bool = False, progress: Progress | None = None
    ) -> None:
        self.interest = interest
        self.limits = limits
        self.fingerprint = fingerprint(interest.extractors)
        self._allowance = Allowance(looked=limits.looked_bytes, inventory=limits.inventory_bytes)
        self._verify = verify
        self._progress = progress
        self._budget = Budget(limits)

    def charge(self, layers: Iterable[LayerInventory]) -> None:
        """Count layers that were read elsewhere. Raises LimitError where they are too much for one image."""
        for layer in layers:
            self._budget.unpack(layer.cost.unpacked)
            self._budget.name(layer.cost.names)
            self._allowance.look(layer.cost.looked)
            self._allowance.keep(layer.cost.kept)

    def layers(
        self, blobs: Sequence[LayerBlob], known: Mapping[Digest, LayerInventory] = MappingProxyType({})
    ) -> list[LayerInventory]:
        """What each layer holds. One that an image has twice is read once, and one that is known is not read."""
        several = {_same(blob): blob for blob in blobs if blob.layer.digest not in known}
        order = sorted(several, key=lambda key: several[key].layer.size, reverse=True)
        hopping = all(blob.plain is not None and not self._verify for blob in blobs)
        tasks = [partial(self._layer, several[key]) for key in order]
        # Hops are short and hold the interpreter's lock: threads would only wait for each other.
        done = dict(zip(order, work(tasks, self._budget, alone=hopping), strict=True))
        return [known.get(blob.layer.digest) or done[_same(blob)] for blob in blobs]

    def again(
        self, blob: LayerBlob, only: Mapping[str, Sequence[str]]
    ) -> tuple[tuple[FileInventory, ...], tuple[Gap, ...]]:
        """What the files at these paths of a layer say under the names listed for them, and which were refused."""
        collector = self._collector(blob)
        read = self._read_again(blob, collector, only)
        return collector.files, (*read.gaps, *collector.gaps)

    def _read_again(self, blob: LayerBlob, collector: Collector, only: Mapping[str, Sequence[str]]) -> LayerRead:
        named = {path: tuple(names) for path, names in only.items()}
        return read_layer(blob, collector, limits=self.limits, budget=self._budget, verify=self._verify, only=named)

    def _layer(self, blob: LayerBlob) -> LayerInventory:
        progress = self._progress
        if progress is None:
            return self._read(blob, None)
        progress.start(blob.layer)
        try:
            return self._read(blob, partial(progress.advance, blob.layer))
        finally:
            progress.finish(blob.layer)

    def _read(self, blob: LayerBlob, advance: Callable[[int], None] | None) -> LayerInventory:
        first = self._collector(blob)
        read = read_layer(blob, first, limits=self.limits, budget=self._budget, verify=self._verify, advance=advance)
        files, gaps, cost = first.files, (*read.gaps, *first.gaps), _cost(read, first)
        if linked := self._second_names(read.tree):
            renamed = {name for names in linked.values() for name in names}
            second = self._collector(blob)
            again = self._read_again(blob, second, linked)
            cost += _cost(again, second)
            files = (*(file for file in files if file.path not in renamed), *second.files)
            gaps = tuple(dict.fromkeys((*gaps, *again.gaps, *second.gaps)))
        return LayerInventory(
            digest=blob.layer.digest,
            verified=read.verified,
            fingerprint=self.fingerprint,
            tree=read.tree,
            files=files,
            gaps=gaps,
            size=read.size,
            stored=read.stored,
            cost=cost,
        )

    def _collector(self, blob: LayerBlob) -> Collector:
        where = layer_name(blob.layer)
        return Collector(self.interest, where=where, file_bytes=self.limits.file_bytes, allowance=self._allowance)

    def _second_names(self, tree: LayerTree) -> Mapping[str, list[str]]:
        """Wanted names that are in the end hard links to another file of the layer, by that file's path."""
        wanted = [path for path, _ in tree.hardlinks if self.interest(path)]
        if not wanted:
            return {}
        ends = _Ends(dict(tree.hardlinks))
        last = {text(record[1:]): record[:1] for record in Records(wanted).of(tree)}
        linked: dict[str, list[str]] = {}
        for path, kind in last.items():
            if kind == b"h":
                linked.setdefault(ends.of(path), []).append(path)
        return linked


def _cost(read: LayerRead, collector: Collector) -> LayerCost:
    return LayerCost(unpacked=read.size, names=read.names, looked=collector.looked, kept=collector.kept)


def _same(blob: LayerBlob) -> tuple[object, ...]:
    return blob.layer.digest, blob.plain


class _Ends:
    """Which file hard links lead to in the end: each link is followed once, however many begin at it."""

    def __init__(self, targets: Mapping[str, str]) -> None:
        self._targets = targets
        self._known: dict[str, str] = {}

    def of(self, path: str) -> str:
        """The end of a path; of a circle, any part of it."""
        trail: dict[str, None] = {}
        while path in self._targets and path not in self._known and path not in trail:
            trail[path] = None
            path = self._targets[path]
        end = self._known.get(path, path)
        self._known.update(dict.fromkeys(trail, end))
        return end

"""One image, the whole way on one page: layers → what their files say → laid over each other → inventory → findings."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from tidewaiter.image.blob import Image, LayerBlob
from tidewaiter.image.budget import Budget
from tidewaiter.image.crew import work
from tidewaiter.image.interest import Records
from tidewaiter.image.layers import layer_name, read_layer
from tidewaiter.image.limits import Limits
from tidewaiter.image.merge import DeadEnd, File, Folder, Origin, Overlay
from tidewaiter.image.paths import text
from tidewaiter.inventory.allowance import Allowance
from tidewaiter.inventory.catalog import EXTRACTORS, fingerprint
from tidewaiter.inventory.extractor import Extractor
from tidewaiter.inventory.fold import Folded, FoundFile, Version, fold
from tidewaiter.inventory.gap_list import GapList
from tidewaiter.inventory.walk import Collector, Interest
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.image import Layer
from tidewaiter.model.package import FileInventory, Inventory, LayerInventory, LayerTree

if TYPE_CHECKING:  # matching is imported only where something is judged
    from tidewaiter.match.advisories import Advisories
    from tidewaiter.model.report import Report


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


def look(
    image: Image,
    *,
    limits: Limits,
    verify: bool = False,
    progress: Progress | None = None,
    extractors: Sequence[Extractor] = EXTRACTORS,
) -> Inventory:
    """What is installed in an image, and what could not be looked at.

    Layers are read in parallel threads, the largest first. `verify` reads and hashes all of a plain local archive too.
    Raises MalformedError for a layer whose digest or size is not the promised one, and RegistryError or SourceError for
    one that cannot be fetched; whatever else is wrong with the image is a gap.
    """
    interest = Interest(extractors)
    allowance = Allowance(looked=limits.looked_bytes, inventory=limits.inventory_bytes)
    if image.folder:
        from tidewaiter.inventory.folder import read_folder

        files, gaps = read_folder(
            image.folder,
            interest,
            entries=limits.entries,
            roots=limits.roots,
            file_bytes=limits.file_bytes,
            allowance=allowance,
        )
        found = [FoundFile(file.path, (Version(None, (file,)),)) for file in files]
    else:
        reading = _Reading(interest, allowance, limits, verify=verify, progress=progress)
        layers = reading.layers(image.blobs)
        merging = _Merging(reading, image.blobs, layers)
        found = merging.found()
        gaps = (*(gap for layer in layers for gap in layer.gaps), *merging.gaps())
    folded = fold(found, interest.root, image.identity.reference)
    return _inventory(image, folded, gaps, extractors)


def judged(inventory: Inventory, advisories: "Advisories") -> "Report":
    """The inventory with its findings, and with the gaps of looking and of judging together."""
    from tidewaiter.match.findings import judge
    from tidewaiter.model.report import Report

    judgement = judge(inventory, advisories)
    return Report(
        inventory=inventory,
        findings=judgement.findings,
        gaps=tuple(sorted({*inventory.gaps, *judgement.gaps})),
        feeds=advisories.feeds(),
    )


def _inventory(image: Image, folded: Folded, gaps: Iterable[Gap], extractors: Sequence[Extractor]) -> Inventory:
    return Inventory(
        image=image.identity,
        distro=folded.distro,
        distros=folded.distros,
        packages=folded.packages,
        gaps=tuple(sorted({*image.gaps, *gaps, *folded.gaps})),
        extractors=tuple(extractor.name for extractor in extractors),
    )


class _Reading:
    """Reads layers of one image, each once, and again only those in which a link leads to something unread."""

    def __init__(
        self, interest: Interest, allowance: Allowance, limits: Limits, *, verify: bool, progress: Progress | None
    ) -> None:
        self.interest = interest
        self.limits = limits
        self._allowance = allowance
        self._verify = verify
        self._progress = progress
        self._budget = Budget(limits)

    def layers(self, blobs: Sequence[LayerBlob]) -> list[LayerInventory]:
        """What each layer holds. One that an image has twice is read once."""
        several = {_same(blob): blob for blob in blobs}
        order = sorted(several, key=lambda key: several[key].layer.size, reverse=True)
        hopping = all(blob.plain is not None and not self._verify for blob in blobs)
        tasks = [partial(self._layer, several[key]) for key in order]
        # Hops are short and hold the interpreter's lock: threads would only wait for each other.
        done = dict(zip(order, work(tasks, self._budget, alone=hopping), strict=True))
        return [done[_same(blob)] for blob in blobs]

    def again(
        self, blob: LayerBlob, only: Mapping[str, Sequence[str]]
    ) -> tuple[tuple[FileInventory, ...], tuple[Gap, ...]]:
        """What the files at these paths of a layer say under the names listed for them, and which were refused."""
        collector = self._collector(blob)
        named = {path: tuple(names) for path, names in only.items()}
        read_layer(blob, collector, limits=self.limits, budget=self._budget, verify=self._verify, only=named)
        return collector.files, collector.gaps

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
        collector = self._collector(blob)
        read = read_layer(
            blob, collector, limits=self.limits, budget=self._budget, verify=self._verify, advance=advance
        )
        files, gaps = collector.files, (*read.gaps, *collector.gaps)
        if linked := self._second_names(read.tree):
            renamed = {name for names in linked.values() for name in names}
            second, more_gaps = self.again(blob, linked)
            files = (*(file for file in files if file.path not in renamed), *second)
            gaps += more_gaps
        return LayerInventory(
            digest=blob.layer.digest,
            verified=read.verified,
            fingerprint=fingerprint(self.interest.extractors),
            tree=read.tree,
            files=files,
            gaps=gaps,
            size=read.size,
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


class _Request(NamedTuple):
    """To read a file again: where it lies, the name it is wanted under, and the origin it is then kept under."""

    source: Origin
    name: str
    kept: Origin


class _Merging:
    """Lays an image's layers over each other, and reads what links lead to if that was not read with the layers."""

    def __init__(self, reading: _Reading, blobs: Sequence[LayerBlob], layers: Sequence[LayerInventory]) -> None:
        self._gaps: list[Gap] = []
        self._missed = GapList()
        self._reading = reading
        self._interest = reading.interest
        self._blobs = blobs
        self._trees = [layer.tree for layer in layers]
        self._read: dict[Origin, list[FileInventory]] = {}
        for number, layer in enumerate(layers):
            for file in layer.files:
                self._read.setdefault(Origin(number, file.path), []).append(file)

    def found(self) -> list[FoundFile]:
        """The visible files that an extractor read, with all that the layers made of them."""
        wanted = self._wanted()
        overlay = self._overlay(wanted)
        self._read_again([*self._behind_links(overlay, wanted), *self._behind_hard_links(overlay)])
        found = list(self._visible(overlay))
        self._note_dead_ends(overlay, wanted, found)
        self._note_unread(overlay)
        self._note_unplaced(overlay)
        return found

    def gaps(self) -> tuple[Gap, ...]:
        """What was missed while `found` was made."""
        return (*self._gaps, *self._missed.gaps())

    def _wanted(self) -> dict[str, str]:
        """Paths that may be, or lead through, links; with the root that each belongs to."""
        links = (path for tree in self._trees for path, _ in tree.symlinks if self._interest(path))
        wanted = {path: self._interest.root(path) for path in links}
        roots, too_many = self._interest.roots((origin.path for origin in self._read), self._reading.limits.roots)
        self._gaps += too_many
        for root in roots:
            wanted.update((path, root) for _, path in self._interest.well_known(root))
        return wanted

    def _overlay(self, wanted: dict[str, str]) -> Overlay:
        """The layers merged for all paths of interest. Names in wanted folders behind links are added to `wanted`."""
        hardlinks = (path for tree in self._trees for path, _ in tree.hardlinks if self._interest(path))
        paths = {*(origin.path for origin in self._read), *hardlinks}
        overlay = Overlay(self._trees, {*paths, *wanted})
        names = dict(self._in_folders(overlay, wanted))
        if names.keys() - wanted.keys():
            wanted.update(names)
            overlay = Overlay(self._trees, {*paths, *wanted})
        if not overlay.complete:
            detail = "they lead on and on, or to too many names: what they hide or move was not followed to the end."
            self._gaps.append(Gap(stage=Stage.IMAGE, why=Why.LIMIT, subject="symbolic links", detail=detail))
        return overlay

    def _in_folders(self, overlay: Overlay, wanted: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        for path, root in wanted.items():
            lead = overlay.lead(path, root)
            if isinstance(lead, Folder) and lead.path != path:
                for name in overlay.below(lead.path):
                    if self._interest(path + name[len(lead.path) :]):
                        yield path + name[len(lead.path) :], root

    def _behind_links(self, overlay: Overlay, wanted: Mapping[str, str]) -> Iterator[_Request]:
        for path, root in wanted.items():
            lead = overlay.lead(path, root)
            if isinstance(lead, File):
                *older, newest = (_Request(origin, path, origin) for origin in lead.versions)
                linked = newest._replace(source=overlay.hardlink(lead.path) or newest.source)
                yield from (request for request in (*older, linked) if self._lacks(request.kept, path))

    def _behind_hard_links(self, overlay: Overlay) -> Iterator[_Request]:
        """Hard links to a file of a lower layer; those within a layer are read with it."""
        for path, file in overlay.files().items():
            newest, source = file.versions[-1], overlay.hardlink(path)
            if source is not None and self._lacks(newest, newest.path):
                yield _Request(source, newest.path, newest)

    def _lacks(self, origin: Origin, path: str) -> bool:
        """Whether the file there was not read by all that want it under the name `path`."""
        have = {each.extractor for each in self._read.get(origin, ())}
        return any(each.name not in have for each in self._interest(path))

    def _read_again(self, requests: Iterable[_Request]) -> None:
        layers: dict[int, list[_Request]] = {}
        for request in dict.fromkeys(requests):
            layers.setdefault(request.source.layer, []).append(request)
        for number, those in layers.items():
            only: dict[str, list[str]] = {}
            for request in those:
                only.setdefault(request.source.path, []).append(request.name)
            files, gaps = self._reading.again(self._blobs[number], only)
            self._gaps += gaps
            known: dict[str, list[FileInventory]] = {}
            for file in files:
                known.setdefault(file.path, []).append(file)
            for request in those:
                self._read.setdefault(request.kept, []).extend(known.get(request.name, ()))

    def _visible(self, overlay: Overlay) -> Iterator[FoundFile]:
        for path, file in overlay.files().items():
            versions = tuple(
                Version(self._blobs[origin.layer].layer, tuple(self._read.get(origin, ()))) for origin in file.versions
            )
            if versions[-1].files:
                yield FoundFile(path, versions)

    def _note_dead_ends(self, overlay: Overlay, wanted: Mapping[str, str], found: Sequence[FoundFile]) -> None:
        """A database that is only a dead end is a gap; of files that name a release, one that is there is enough."""
        newest = (each for file in found for each in file.versions[-1].files)
        named = {self._interest.root(each.path) for each in newest if each.extraction.distro is not None}
        for path, root in wanted.items():
            lead = overlay.lead(path, root)
            if isinstance(lead, DeadEnd) and not (root in named and self._interest.names_release(path)):
                self._miss(path, f"{lead.reason}: what may be there was not looked at.")

    def _note_unread(self, overlay: Overlay) -> None:
        """A file of interest that is there and was not read is a gap: nothing unseen reads as clean."""
        names = ((layer, path) for layer, tree in enumerate(self._trees) for path, _ in tree.hardlinks)
        hardlinks = {Origin(layer, path) for layer, path in names if self._interest(path)}
        for file in overlay.files().values():
            newest = file.versions[-1]
            if newest in hardlinks and not self._read.get(newest):
                self._miss(newest.path, "it is a hard link that leads to no file: it was not looked at.")
            elif self._lacks(newest, newest.path):
                self._miss(newest.path, "it was not read: it is a device or a pipe, or a ceiling or damage hid it.")

    def _note_unplaced(self, overlay: Overlay) -> None:
        for path in dict.fromkeys(origin.path for origin in overlay.unplaced if self._interest(origin.path)):
            self._miss(
                path,
                "a layer has it below what is no folder, of which runtimes make different things: it was not used.",
            )

    def _miss(self, path: str, detail: str) -> None:
        self._missed.add(Gap(stage=Stage.INVENTORY, why=Why.MALFORMED, subject=path, detail=detail))

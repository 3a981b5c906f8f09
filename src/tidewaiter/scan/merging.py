"""What links lead to, and what the layers of an image make together."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from tidewaiter.image.blob import LayerBlob
from tidewaiter.image.merge import DeadEnd, File, Folder, Origin, Overlay
from tidewaiter.inventory.fold import FoundFile, Version
from tidewaiter.inventory.gap_list import GapList
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.package import FileInventory, LayerInventory
from tidewaiter.scan.reading import Reading


class _Request(NamedTuple):
    """To read a file again: where it lies, the name it is wanted under, and the origin it is then kept under."""

    source: Origin
    name: str
    kept: Origin


class Merging:
    """Lays an image's layers over each other, and reads what links lead to if that was not read with the layers."""

    def __init__(self, reading: Reading, blobs: Sequence[LayerBlob], layers: Sequence[LayerInventory]) -> None:
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

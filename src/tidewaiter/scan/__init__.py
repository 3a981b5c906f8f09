"""One image, the whole way on one page: layers → what their files say → laid over each other → inventory → findings."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from tidewaiter.image.blob import Image
from tidewaiter.image.limits import Limits
from tidewaiter.inventory.catalog import EXTRACTORS
from tidewaiter.inventory.extractor import Extractor
from tidewaiter.inventory.fold import Folded, FoundFile, Version, fold
from tidewaiter.inventory.walk import Interest
from tidewaiter.model.gap import Gap
from tidewaiter.model.package import Inventory
from tidewaiter.scan.merging import Merging
from tidewaiter.scan.reading import Progress, Reading

if TYPE_CHECKING:  # matching is imported only where something is judged, encoding where layers are kept
    from tidewaiter.match.advisories import Advisories
    from tidewaiter.model.report import Report
    from tidewaiter.scan.shelf import LayerShelf

__all__ = ["Progress", "judged", "look"]


def look(
    image: Image,
    *,
    limits: Limits,
    verify: bool = False,
    progress: Progress | None = None,
    extractors: Sequence[Extractor] = EXTRACTORS,
    shelf: "LayerShelf | None" = None,
) -> Inventory:
    """What is installed in an image, and what could not be looked at.

    Layers are read in parallel threads, the largest first; those on the `shelf` are not read, and others are put there.
    `verify` reads and hashes all of a plain local archive too. Raises MalformedError for a layer whose digest or size
    is not the promised one, and RegistryError or SourceError for one that cannot be fetched; whatever else is wrong
    with the image is a gap.
    """
    interest = Interest(extractors)
    if image.folder:
        found, gaps = _found_in_folder(image.folder, interest, limits)
    else:
        begin = partial(Reading, interest, limits, verify=verify, progress=progress)
        found, gaps = _found_in_layers(image, begin, shelf)
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


def _found_in_folder(folder: str, interest: Interest, limits: Limits) -> tuple[Sequence[FoundFile], Iterable[Gap]]:
    from tidewaiter.inventory.allowance import Allowance
    from tidewaiter.inventory.folder import read_folder

    files, gaps = read_folder(
        folder,
        interest,
        entries=limits.entries,
        roots=limits.roots,
        file_bytes=limits.file_bytes,
        allowance=Allowance(looked=limits.looked_bytes, inventory=limits.inventory_bytes),
    )
    return [FoundFile(file.path, (Version(None, (file,)),)) for file in files], gaps


def _found_in_layers(
    image: Image, begin: Callable[[], Reading], shelf: "LayerShelf | None"
) -> tuple[Sequence[FoundFile], Iterable[Gap]]:
    if shelf is None:
        reading = begin()
        layers = reading.layers(image.blobs)
    else:
        from tidewaiter.scan.shelf import read_beside

        reading, layers = read_beside(shelf, image.blobs, begin)
    merging = Merging(reading, image.blobs, layers)
    found = merging.found()
    return found, (*(gap for layer in layers for gap in layer.gaps), *merging.gaps())


def _inventory(image: Image, folded: Folded, gaps: Iterable[Gap], extractors: Sequence[Extractor]) -> Inventory:
    return Inventory(
        image=image.identity,
        distro=folded.distro,
        distros=folded.distros,
        packages=folded.packages,
        gaps=tuple(sorted({*image.gaps, *gaps, *folded.gaps})),
        extractors=tuple(extractor.name for extractor in extractors),
    )

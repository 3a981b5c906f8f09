"""tidewaiter's own documents, read back with nothing lost."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import msgspec

from tidewaiter.errors import MalformedError
from tidewaiter.inventory.sbom.component import SYSTEM_TYPES
from tidewaiter.inventory.sbom.decoding import decoded
from tidewaiter.model import document
from tidewaiter.model.document import (
    DistroEntry,
    DistroKey,
    GapEntry,
    ImageEntry,
    InventoryDocument,
    LayerEntry,
    LocationEntry,
    PackageEntry,
)
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.image import Digest, ImageIdentity, Layer, Platform
from tidewaiter.model.package import Distro, Inventory, Location, Package, SourcePackage

T = TypeVar("T")
_PLATFORM_PARTS = (2, 3)


class _Envelope(msgspec.Struct):
    """A document of several images: `inventories`, or `reports`, whose findings are left aside."""

    inventories: tuple[InventoryDocument, ...] = ()
    reports: tuple[InventoryDocument, ...] = ()


class _Schema(msgspec.Struct):
    schema: str


def read_native(content: bytes, name: str) -> tuple[Inventory, ...]:
    """The inventories of a document, without the findings: those are judged anew, and so are the gaps of judging."""
    match decoded(content, _Schema, name).schema:
        case document.INVENTORY | document.REPORT:
            return (inventory_of(decoded(content, InventoryDocument, name), name),)
        case document.INVENTORIES | document.REPORTS:
            envelope = decoded(content, _Envelope, name)
            kind, entries = (
                ("inventories", envelope.inventories) if envelope.inventories else ("reports", envelope.reports)
            )
            return tuple(inventory_of(entry, f"{name}: {kind}[{number}]") for number, entry in enumerate(entries))
        case unknown:
            raise MalformedError(f"unknown schema {unknown[:60]!r}", where=name)


def inventory_of(entry: InventoryDocument, name: str) -> Inventory:
    """The inventory that the document describes. Raises MalformedError that names the place."""
    image = checked(image_of, entry.image, f"{name}: image")
    distro = distro_of(entry.distro) if entry.distro else None
    distros = tuple(map(distro_of, entry.distros))
    return Inventory(
        image=image,
        distro=distro,
        distros=distros,
        packages=packages_of(entry.packages, Known(image.layers, distros, distro), f"{name}: packages"),
        gaps=tuple(gap for gap in gaps_of(entry.gaps, f"{name}: gaps") if gap.stage is not Stage.MATCH),
        extractors=entry.extractors,
    )


def checked(convert: Callable[..., T], entry: object, where: str) -> T:
    """The converted entry. Raises MalformedError for a value that its type does not allow."""
    try:
        return convert(entry)
    except ValueError as error:
        raise MalformedError(str(error), where=where) from error


class Known:
    """The layers and distributions of a document, to which its packages refer; `own` is the image's distribution."""

    def __init__(self, layers: Iterable[Layer], distros: Sequence[Distro], own: Distro | None) -> None:
        self.own = own
        everything = [*distros, own] if own else distros
        self._layers = {(layer.index, str(layer.digest)): layer for layer in layers}
        self._distros = {(distro.id, distro.version_id, distro.root): distro for distro in reversed(everything)}

    def distro(self, key: DistroKey) -> Distro:
        """The distribution that the key names, or one that knows no more than the key."""
        found = self._distros.get((key.id, key.version_id, key.root))
        return found or Distro(id=key.id, version_id=key.version_id, root=key.root)

    def layer(self, index: int, digest: str, created_by: str) -> Layer:
        """The layer of that digest at that place. Raises ValueError for what is no digest."""
        found = self._layers.get((index, digest))
        return found or Layer(index=index, digest=Digest.parse(digest), created_by=created_by)


def packages_of(entries: Iterable[PackageEntry], known: Known, where: str) -> tuple[Package, ...]:
    """The packages. Raises MalformedError that names the place."""
    return tuple(
        checked(lambda entry: _package(entry, known), entry, f"{where}[{number}]")
        for number, entry in enumerate(entries)
    )


def gaps_of(entries: Iterable[GapEntry], where: str) -> tuple[Gap, ...]:
    """The gaps. Raises MalformedError for an unknown stage or reason."""
    return tuple(checked(_gap, entry, f"{where}[{number}]") for number, entry in enumerate(entries))


def image_of(entry: ImageEntry) -> ImageIdentity:
    """The image. Raises ValueError."""
    return ImageIdentity(
        reference=entry.reference,
        digest=Digest.parse(entry.digest) if entry.digest else None,
        platform=_platform(entry.platform) if entry.platform else None,
        tags=entry.tags,
        created=entry.created,
        layers=tuple(map(_layer, entry.layers)),
    )


def distro_of(entry: DistroEntry) -> Distro:
    """The distribution."""
    return Distro(
        id=entry.id,
        version_id=entry.version_id,
        pretty_name=entry.pretty_name,
        version_codename=entry.version_codename,
        id_like=entry.id_like,
        cpe_name=entry.cpe_name,
        variant_id=entry.variant_id,
        root=entry.root,
        path=entry.path,
    )


def _platform(text: str) -> Platform:
    parts = text.split("/")
    if len(parts) not in _PLATFORM_PARTS:
        raise ValueError(f"not a platform: {text[:60]!r}")
    return Platform(*parts)


def _layer(entry: LayerEntry) -> Layer:
    return Layer(
        index=entry.index,
        digest=Digest.parse(entry.digest),
        diff_id=Digest.parse(entry.diff_id) if entry.diff_id else None,
        media_type=entry.media_type,
        size=entry.size,
        created_by=entry.created_by,
    )


def _package(entry: PackageEntry, known: Known) -> Package:
    source = entry.source
    return Package(
        purl=entry.purl,
        type=entry.type,
        name=entry.name,
        version=entry.version,
        source=SourcePackage(name=source.name, version=source.version) if source else None,
        architecture=entry.architecture,
        distro=_distro(entry, known),
        module=entry.module,
        vendor=entry.vendor,
        origin=entry.origin,
        licenses=entry.licenses,
        provides=entry.provides,
        locations=tuple(_location(location, known) for location in entry.locations),
        extractor=entry.extractor,
    )


def _distro(entry: PackageEntry, known: Known) -> Distro | None:
    if entry.distro == "image":
        return known.own if entry.type in SYSTEM_TYPES else None
    return known.distro(entry.distro) if entry.distro else None


def _location(entry: LocationEntry, known: Known) -> Location:
    layer = known.layer(entry.layer_index or 0, entry.layer, entry.created_by) if entry.layer else None
    return Location(path=entry.path, within=entry.within, layer=layer)


def _gap(entry: GapEntry) -> Gap:
    return Gap(stage=Stage(entry.stage), why=Why(entry.why), subject=entry.subject, detail=entry.detail)

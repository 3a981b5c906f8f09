"""CycloneDX, versions 1.2 to 1.7, of any tool.

https://cyclonedx.org/specification/overview/

Tools keep in properties what the standard has no field for; those of trivy, syft and tidewaiter are understood.
"""

import re
from collections.abc import Iterator
from datetime import datetime

import msgspec

from tidewaiter.errors import UnsupportedError
from tidewaiter.inventory.sbom.component import Entry, Layers, Systems, distro_id, package_of
from tidewaiter.inventory.sbom.decoding import decoded
from tidewaiter.inventory.sbom.native import gaps_of
from tidewaiter.inventory.sbom.notes import OWN, SYFT, TRIVY, Notes, digest_of
from tidewaiter.model.document import GapEntry
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.image import ImageIdentity, Platform
from tidewaiter.model.package import Distro, Inventory, Location, Package

# Components of these kinds claim no package, unless they bear a package URL.
_NO_PACKAGES = frozenset({"cryptographic-asset", "data", "file", "operating-system"})
_INCOMPLETE = "the SBOM says of itself that it is incomplete: what it leaves out was not looked at."


class Property(msgspec.Struct):
    """A tool's own note."""

    name: str = ""
    value: str | None = None


class Named(msgspec.Struct):
    """An organization."""

    name: str | None = None


class License(msgspec.Struct):
    """A licence by identifier or name."""

    id: str | None = None
    name: str | None = None


class LicenseChoice(msgspec.Struct):
    """A licence or an expression."""

    license: License | None = None
    expression: str | None = None


class Occurrence(msgspec.Struct):
    """A place where a component was found."""

    location: str | None = None


class Evidence(msgspec.Struct):
    """What showed that a component is there."""

    occurrences: list[Occurrence] | None = None


class Component(msgspec.Struct):
    """A component; the parts that matter here."""

    name: str = ""
    type: str = ""
    group: str | None = None
    version: str | None = None
    description: str | None = None
    purl: str | None = None
    publisher: str | None = None
    supplier: Named | None = None
    licenses: list[LicenseChoice] | None = None
    evidence: Evidence | None = None
    properties: list[Property] | None = None
    components: "list[Component] | None" = None


class Metadata(msgspec.Struct):
    """What the document is about."""

    component: Component | None = None
    properties: list[Property] | None = None


class Composition(msgspec.Struct):
    """What a document says of its own completeness."""

    aggregate: str = ""


class Bom(msgspec.Struct, rename="camel"):
    """A document."""

    spec_version: str = ""
    metadata: Metadata | None = None
    components: list[Component] | None = None
    compositions: list[Composition] | None = None


def read_cyclonedx(content: bytes, name: str) -> Inventory:
    """The inventory in a CycloneDX JSON document. Raises MalformedError, UnsupportedError."""
    return inventory_of(decoded(content, Bom, name), name)


def inventory_of(bom: Bom, name: str) -> Inventory:
    """The inventory that the document describes."""
    if not re.fullmatch(r"1\.\d+", bom.spec_version):
        raise UnsupportedError(f"CycloneDX {bom.spec_version[:20]!r} is not read, only 1.x", where=name)
    metadata = bom.metadata or Metadata()
    subject = metadata.component or Component()
    notes, layers = _notes(subject), Layers()
    notes.add_layers(layers)
    parts = [*_walk("components", bom.components), *_walk("metadata.component.components", subject.components)]
    distros = tuple(_distro(part) for _, part in parts if part.type == "operating-system")
    systems = Systems(distros)
    judged = [package_of(_entry(place, part, layers), systems) for place, part in parts if _claims_package(part)]
    return Inventory(
        image=_image(subject, notes, layers, name),
        distro=next((distro for distro in distros if not distro.root), None),
        distros=distros,
        packages=tuple(each for each in judged if isinstance(each, Package)),
        gaps=(*_stated_gaps(bom, metadata, name), *(each for each in judged if isinstance(each, Gap))),
        extractors=notes.all(OWN + "extractor") or ("sbom",),
    )


def _walk(place: str, components: list[Component] | None) -> Iterator[tuple[str, Component]]:
    """The components and those within them, each with its place, in the document's order."""
    for number, component in enumerate(components or ()):
        here = f"{place}[{number}]"
        yield here, component
        yield from _walk(f"{here}.components", component.components)


def _notes(part: Component | Metadata) -> Notes:
    return Notes((note.name, note.value or "") for note in part.properties or ())


def _claims_package(part: Component) -> bool:
    """False for files and the like, and for what only groups other components (trivy's lock files)."""
    groups = _notes(part).first(TRIVY + "Class") == "lang-pkgs"
    return bool(part.purl) or not (part.type in _NO_PACKAGES or groups)


def _entry(place: str, part: Component, layers: Layers) -> Entry:
    notes = _notes(part)
    return Entry(
        place=place,
        name="/".join(filter(None, (part.group, part.name))),
        version=part.version or "",
        purl=part.purl or "",
        source=notes.source((part.purl or "").removeprefix("pkg:").partition("/")[0]),
        module=notes.module(),
        vendor=(part.supplier.name if part.supplier else part.publisher) or "",
        origin=notes.first(OWN + "origin"),
        root=notes.first(OWN + "root"),
        provides=notes.all(OWN + "provides"),
        licenses=tuple(_licenses(part)),
        locations=notes.locations(layers) or _occurrences(part),
        extractor=notes.first(OWN + "extractor") or "sbom",
    )


def _licenses(part: Component) -> Iterator[str]:
    for choice in part.licenses or ():
        named = choice.license or License()
        if text := choice.expression or named.id or named.name:
            yield text


def _occurrences(part: Component) -> tuple[Location, ...]:
    occurrences = part.evidence.occurrences if part.evidence else None
    return tuple(Location(path=each.location.lstrip("/")) for each in occurrences or () if each.location)


def _distro(part: Component) -> Distro:
    notes = _notes(part)
    places = _occurrences(part)
    return Distro(
        id=distro_id(notes.first(SYFT + "distro:id") or part.name),
        version_id=(notes.first(SYFT + "distro:versionID") or part.version or "").partition(" ")[0],
        pretty_name=notes.first(SYFT + "distro:prettyName") or part.description or "",
        version_codename=notes.first(OWN + "version_codename", SYFT + "distro:versionCodename"),
        id_like=notes.all(OWN + "id_like"),
        cpe_name=notes.first(OWN + "cpe_name"),
        variant_id=notes.first(OWN + "variant_id"),
        root=notes.first(OWN + "root"),
        path=places[0].path if places else "",
    )


def _image(subject: Component, notes: Notes, layers: Layers, name: str) -> ImageIdentity:
    digests = (subject.version or "", notes.first(TRIVY + "RepoDigest"), notes.first(TRIVY + "ImageID"))
    return ImageIdentity(
        reference=subject.name or name,
        digest=next(filter(None, map(digest_of, digests)), None),
        platform=_platform(notes.first(OWN + "platform")),
        tags=notes.all(OWN + "tag") or notes.all(TRIVY + "RepoTag"),
        created=_moment(notes.first(OWN + "created")),
        layers=layers.all(),
    )


def _platform(text: str) -> Platform | None:
    try:
        return Platform.parse(text) if text else None
    except ValueError:
        return None


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def _stated_gaps(bom: Bom, metadata: Metadata, name: str) -> tuple[Gap, ...]:
    """The gaps that tidewaiter wrote, but for those of judging; or that the document calls itself incomplete."""
    where = f"{name}: metadata.properties {OWN}gap"
    entries = [decoded(text.encode(), GapEntry, where) for text in _notes(metadata).all(OWN + "gap")]
    if entries:
        return tuple(gap for gap in gaps_of(entries, where) if gap.stage is not Stage.MATCH)
    if any(each.aggregate.startswith("incomplete") for each in bom.compositions or ()):
        return (Gap(stage=Stage.INVENTORY, why=Why.UNSUPPORTED, subject=name, detail=_INCOMPLETE),)
    return ()

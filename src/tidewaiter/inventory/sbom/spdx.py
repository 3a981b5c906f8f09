"""SPDX 2.2 and 2.3 of any tool.

https://spdx.github.io/spdx-spec/v2.3/
"""

import re
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from tidewaiter.errors import MalformedError, UnsupportedError
from tidewaiter.inventory.sbom.component import Entry, Layers, Systems, distro_id, package_of
from tidewaiter.inventory.sbom.decoding import decoded
from tidewaiter.inventory.sbom.native import Known, checked, distro_of, gaps_of, image_of, packages_of
from tidewaiter.inventory.sbom.notes import TRIVY, Notes, digest_of
from tidewaiter.model.document import DistroEntry, GapEntry, ImageEntry, PackageEntry
from tidewaiter.model.gap import Gap, Stage
from tidewaiter.model.image import ImageIdentity
from tidewaiter.model.package import Distro, Inventory, Package, SourcePackage

T = TypeVar("T")
_BUILT_FROM = re.compile(r"built package from: (?P<name>\S+)(?: (?P<version>\S+))?")
_NOT_ASSERTED = frozenset({"", "NOASSERTION", "NONE"})
_NO_PACKAGES = frozenset({"CONTAINER", "FILE", "OPERATING-SYSTEM", "SOURCE"})
_ACTOR = re.compile(r"(?:Organization|Person|Tool): ")
_TOOL = "Tool: tidewaiter-"
_EXTRACTORS = "Extractors: "


class ExternalRef(msgspec.Struct, rename="camel"):
    """The name of a package elsewhere."""

    reference_type: str = ""
    reference_locator: str = ""


class Annotation(msgspec.Struct):
    """Somebody's remark."""

    annotator: str = ""
    comment: str = ""


class SpdxPackage(msgspec.Struct, rename="camel"):
    """A package; the parts that matter here."""

    name: str = ""
    spdx_id: str = msgspec.field(name="SPDXID", default="")
    version_info: str | None = None
    external_refs: list[ExternalRef] | None = None
    source_info: str | None = None
    supplier: str | None = None
    license_declared: str | None = None
    primary_package_purpose: str | None = None
    comment: str | None = None
    annotations: list[Annotation] | None = None

    @property
    def purl(self) -> str:
        """The first package URL among its references."""
        refs = self.external_refs or ()
        return next((ref.reference_locator for ref in refs if ref.reference_type == "purl"), "")

    @property
    def purpose(self) -> str:
        """What the package is for, with hyphens: tools write OPERATING-SYSTEM and OPERATING_SYSTEM."""
        return (self.primary_package_purpose or "").replace("_", "-").upper()


class Relationship(msgspec.Struct, rename="camel"):
    """How two elements relate."""

    spdx_element_id: str = ""
    related_spdx_element: str = ""
    relationship_type: str = ""


class CreationInfo(msgspec.Struct):
    """Who made the document."""

    creators: list[str] | None = None
    comment: str | None = None


class SpdxDocument(msgspec.Struct, rename="camel"):
    """A document."""

    spdx_version: str = ""
    name: str | None = None
    creation_info: CreationInfo | None = None
    packages: list[SpdxPackage] | None = None
    relationships: list[Relationship] | None = None
    document_describes: list[str] | None = None
    annotations: list[Annotation] | None = None


def read_spdx(content: bytes, name: str) -> Inventory:
    """The inventory in an SPDX JSON document. Raises MalformedError, UnsupportedError."""
    return inventory_of(decoded(content, SpdxDocument, name), name)


def inventory_of(document: SpdxDocument, name: str) -> Inventory:
    """The inventory that the document describes."""
    if document.spdx_version not in {"SPDX-2.1", "SPDX-2.2", "SPDX-2.3"}:
        raise UnsupportedError(f"{document.spdx_version[:20]!r} is not read, only SPDX-2.x", where=name)
    creators = (document.creation_info.creators if document.creation_info else None) or ()
    if any(creator.startswith(_TOOL) for creator in creators):
        return _own(document, name)
    return _foreign(document, name)


def _foreign(document: SpdxDocument, name: str) -> Inventory:
    parts = document.packages or []
    described = _described(document)
    root = next((part for part in parts if part.spdx_id in described), None) if len(described) == 1 else None
    layers = Layers()
    distros = tuple(_distro(part) for part in parts if part.purpose == "OPERATING-SYSTEM")
    systems = Systems(distros)
    groups = _groups(document)
    judged = [
        package_of(_entry(f"packages[{number}]", part, layers), systems)
        for number, part in enumerate(parts)
        if (part is not root or len(parts) == 1) and _claims_package(part, groups)
    ]
    return Inventory(
        image=_image(root, document, layers, name),
        distro=next(iter(distros), None),
        distros=distros,
        packages=tuple(each for each in judged if isinstance(each, Package)),
        gaps=tuple(each for each in judged if isinstance(each, Gap)),
        extractors=("sbom",),
    )


def _described(document: SpdxDocument) -> set[str]:
    """The elements that the document is about: one is the image or project, many are the packages themselves."""
    related = {
        relation.related_spdx_element
        for relation in document.relationships or ()
        if relation.relationship_type == "DESCRIBES" and relation.spdx_element_id == "SPDXRef-DOCUMENT"
    }
    return related | set(document.document_describes or ())


def _groups(document: SpdxDocument) -> set[str]:
    """The elements that hold others."""
    relations = document.relationships or ()
    return {each.spdx_element_id for each in relations if each.relationship_type in {"CONTAINS", "DEPENDS_ON"}}


def _claims_package(part: SpdxPackage, groups: set[str]) -> bool:
    """False for images, distributions and files, and for what only groups packages (trivy's lock files)."""
    only_groups = not part.version_info and part.spdx_id in groups
    return bool(part.purl) or not (part.purpose in _NO_PACKAGES or only_groups)


def _notes(part: SpdxPackage) -> Notes:
    """What trivy keeps in annotations: `LayerDiffID: sha256:…`."""
    remarks = [
        each.comment.partition(": ") for each in part.annotations or () if each.annotator.startswith("Tool: trivy")
    ]
    return Notes((TRIVY + name, value) for name, _, value in remarks)


def _entry(place: str, part: SpdxPackage, layers: Layers) -> Entry:
    notes = _notes(part)
    declared = part.license_declared or ""
    return Entry(
        place=place,
        name=part.name,
        version=part.version_info or "",
        purl=part.purl,
        source=_source(part.source_info or ""),
        module=notes.module(),
        vendor=_vendor(part.supplier or ""),
        licenses=() if declared in _NOT_ASSERTED else (declared,),
        locations=notes.locations(layers),
    )


def _source(info: str) -> SourcePackage | None:
    found = _BUILT_FROM.fullmatch(info)
    return SourcePackage(name=found["name"], version=found["version"] or "") if found else None


def _vendor(supplier: str) -> str:
    return "" if supplier in _NOT_ASSERTED else _ACTOR.sub("", supplier, count=1)


def _distro(part: SpdxPackage) -> Distro:
    return Distro(id=distro_id(part.name), version_id=(part.version_info or "").partition(" ")[0])


def _image(root: SpdxPackage | None, document: SpdxDocument, layers: Layers, name: str) -> ImageIdentity:
    if root is None:
        return ImageIdentity(reference=document.name or name, layers=layers.all())
    notes = _notes(root)
    digests = (root.version_info or "", notes.first(TRIVY + "RepoDigest"), notes.first(TRIVY + "ImageID"))
    return ImageIdentity(
        reference=root.name or document.name or name,
        digest=next(filter(None, map(digest_of, digests)), None),
        tags=notes.all(TRIVY + "RepoTag"),
        layers=layers.all(),
    )


def _own(document: SpdxDocument, name: str) -> Inventory:
    """A document of tidewaiter's, whose comments hold the entries of its JSON."""
    parts = document.packages or []
    entries = [(number, part) for number, part in enumerate(parts) if part.spdx_id.startswith("SPDXRef-Package-")]
    distros = tuple(
        distro_of(_comment(part, DistroEntry, f"{name}: packages[{number}].comment"))
        for number, part in enumerate(parts)
        if part.purpose == "OPERATING-SYSTEM"
    )
    image = _own_image(parts, name)
    own = next((distro for distro in distros if not distro.root), None)
    packages = [_comment(part, PackageEntry, f"{name}: packages[{number}].comment") for number, part in entries]
    return Inventory(
        image=image,
        distro=own,
        distros=distros,
        packages=packages_of(packages, Known(image.layers, distros, own), f"{name}: packages"),
        gaps=_own_gaps(document, name),
        extractors=_own_extractors(document),
    )


def _own_image(parts: Sequence[SpdxPackage], name: str) -> ImageIdentity:
    for number, part in enumerate(parts):
        if part.spdx_id == "SPDXRef-Image":
            where = f"{name}: packages[{number}].comment"
            return checked(image_of, _comment(part, ImageEntry, where), where)
    raise MalformedError("tidewaiter wrote it, but its package SPDXRef-Image is gone", where=name)


def _own_extractors(document: SpdxDocument) -> tuple[str, ...]:
    comment = (document.creation_info.comment if document.creation_info else None) or ""
    return tuple(comment.removeprefix(_EXTRACTORS).split(", ")) if comment.startswith(_EXTRACTORS) else ()


def _own_gaps(document: SpdxDocument, name: str) -> tuple[Gap, ...]:
    where = f"{name}: annotations"
    remarks = [each.comment for each in document.annotations or () if each.annotator.startswith(_TOOL)]
    gaps = gaps_of([decoded(remark.encode(), GapEntry, where) for remark in remarks], where)
    return tuple(gap for gap in gaps if gap.stage is not Stage.MATCH)


def _comment(part: SpdxPackage, kind: type[T], where: str) -> T:
    return decoded((part.comment or "").encode(), kind, where)

"""SPDX 2.3 JSON: the image, its distributions and its packages, with a comment for what SPDX has no field for.

The comments are the entries of tidewaiter's own JSON, so that `tidewaiter match` reads back all that was known. Gaps
are annotations of the document, and its comment counts them. https://spdx.github.io/spdx-spec/v2.3/
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any

from license_expression import ExpressionError  # type: ignore[import-untyped] # it has no types
from spdx_tools.common.spdx_licensing import spdx_licensing
from spdx_tools.spdx.jsonschema.document_converter import DocumentConverter
from spdx_tools.spdx.model.actor import Actor, ActorType
from spdx_tools.spdx.model.annotation import Annotation, AnnotationType
from spdx_tools.spdx.model.checksum import Checksum, ChecksumAlgorithm
from spdx_tools.spdx.model.document import CreationInfo, Document
from spdx_tools.spdx.model.extracted_licensing_info import ExtractedLicensingInfo
from spdx_tools.spdx.model.package import ExternalPackageRef, ExternalPackageRefCategory, PackagePurpose
from spdx_tools.spdx.model.package import Package as SpdxPackage
from spdx_tools.spdx.model.relationship import Relationship, RelationshipType
from spdx_tools.spdx.model.spdx_no_assertion import SpdxNoAssertion

from tidewaiter import __version__
from tidewaiter.model.gap import Gap
from tidewaiter.model.image import Digest, ImageIdentity
from tidewaiter.model.package import Distro, Inventory, Package
from tidewaiter.report.encoding import encoded, indented
from tidewaiter.report.json import distro_entry, gap_entries, image_entry, inventory_document, package_entry
from tidewaiter.report.licenses import is_expression

_DOCUMENT = "SPDXRef-DOCUMENT"
_IMAGE = "SPDXRef-Image"
_TOOL = f"tidewaiter-{__version__}"


def render_inventory(inventory: Inventory, *, written: datetime) -> str:
    """The inventory as an SPDX document. Equal content gives an equal namespace, whenever it is `written`."""
    converter = DocumentConverter()  # type: ignore[no-untyped-call] # spdx-tools leaves it without types
    return indented(converter.convert(document(inventory, written=written)))


def document(inventory: Inventory, *, written: datetime) -> Document:
    """The document in the types of spdx-tools."""
    systems = [_system(distro) for distro in inventory.distros]
    packages = [_package(package, number) for number, package in enumerate(inventory.packages, start=1)]
    return Document(
        _creation(inventory, written),
        [_image(inventory.image), *systems, *packages],
        annotations=[_annotation(entry, written) for entry in gap_entries(inventory.gaps)],
        relationships=[
            Relationship(_DOCUMENT, RelationshipType.DESCRIBES, _IMAGE),
            *(Relationship(_IMAGE, RelationshipType.CONTAINS, part.spdx_id) for part in [*systems, *packages]),
        ],
        extracted_licensing_info=_extracted(inventory.packages),
    )


def _creation(inventory: Inventory, written: datetime) -> CreationInfo:
    digits = sha256(encoded(inventory_document(inventory))).hexdigest()
    return CreationInfo(
        spdx_version="SPDX-2.3",
        spdx_id=_DOCUMENT,
        name=inventory.image.reference or "image",
        document_namespace=f"https://spdx.org/spdxdocs/tidewaiter-{digits[:32]}",
        creators=[Actor(ActorType.TOOL, _TOOL)],
        created=written,
        creator_comment=f"Extractors: {', '.join(inventory.extractors)}" if inventory.extractors else None,
        document_comment=_completeness(inventory.gaps),
    )


def _completeness(gaps: Sequence[Gap]) -> str:
    opened = sum(not gap.chosen for gap in gaps)
    if opened:
        noun = "gap" if opened == 1 else "gaps"
        return f"Incomplete: {opened} {noun}. What was not looked at is said in this document's annotations."
    return "No gaps: all that tidewaiter knows to look for was looked at."


def _annotation(entry: object, written: datetime) -> Annotation:
    return Annotation(_DOCUMENT, AnnotationType.OTHER, Actor(ActorType.TOOL, _TOOL), written, _json(entry))


def _json(entry: object) -> str:
    return encoded(entry).decode()


def _image(image: ImageIdentity) -> SpdxPackage:
    return _described(
        _IMAGE,
        image.reference or "image",
        version=str(image.digest) if image.digest else None,
        checksums=[_checksum(image.digest)] if image.digest else None,
        primary_package_purpose=PackagePurpose.CONTAINER,
        comment=_json(image_entry(image)),
    )


def _checksum(digest: Digest) -> Checksum:
    return Checksum(ChecksumAlgorithm[digest.algorithm.upper()], digest.hex)


def _system(distro: Distro) -> SpdxPackage:
    return _described(
        f"SPDXRef-OperatingSystem-{_short(f'{distro.id} {distro.version_id} {distro.root}')}",
        distro.id,
        version=distro.version_id or None,
        description=distro.pretty_name or None,
        primary_package_purpose=PackagePurpose.OPERATING_SYSTEM,
        comment=_json(distro_entry(distro)),
    )


def _package(package: Package, number: int) -> SpdxPackage:
    source = package.source
    built_from = f"built package from: {source.name} {source.version}".rstrip() if source else None
    purl = [ExternalPackageRef(ExternalPackageRefCategory.PACKAGE_MANAGER, "purl", package.purl)]
    return _described(
        f"SPDXRef-Package-{number}",
        package.name,
        version=package.version or None,
        supplier=Actor(ActorType.ORGANIZATION, package.vendor) if package.vendor else None,
        source_info=built_from,
        license_declared=_declared(package.licenses),
        external_references=purl if package.purl else None,
        comment=_json(package_entry(package)),
    )


def _described(spdx_id: str, name: str, **fields: Any) -> SpdxPackage:
    """A package of which no file was analyzed: nothing is asserted beyond what a package database says."""
    unknown = SpdxNoAssertion()
    assumed = {"license_concluded": unknown, "license_declared": unknown, "copyright_text": unknown}
    return SpdxPackage(spdx_id, name, unknown, files_analyzed=False, **(assumed | fields))


def _short(text: str) -> str:
    return sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def _declared(licenses: Sequence[str]) -> Any:
    """All licences together; SpdxNoAssertion without any."""
    parts = [text if _is_known(text) else _reference(text) for text in licenses if text]
    joined = " AND ".join(f"({part})" if " " in part and len(parts) > 1 else part for part in parts)
    return _parsed(joined) if joined else SpdxNoAssertion()


@lru_cache(maxsize=1024)
def _parsed(expression: str) -> Any:
    return (
        spdx_licensing.parse(expression, validate=True) if _is_known(expression) else spdx_licensing.parse(expression)
    )


@lru_cache(maxsize=1024)
def _is_known(text: str) -> bool:
    """Whether spdx-tools accepts it, which knows an older list of licences; references would need their text."""
    if "LicenseRef-" in text or not is_expression(text):
        return False
    try:
        spdx_licensing.parse(text, validate=True, strict=True)
    except ExpressionError:
        return False
    return True


def _reference(text: str) -> str:
    return f"LicenseRef-{_short(text)}"


def _extracted(packages: Iterable[Package]) -> list[ExtractedLicensingInfo]:
    """The licences that are no SPDX expression, as the packages name them."""
    texts = dict.fromkeys(text for package in packages for text in package.licenses if text and not _is_known(text))
    return [
        ExtractedLicensingInfo(_reference(text), extracted_text=text, license_name=text, comment="as the package says")
        for text in texts
    ]

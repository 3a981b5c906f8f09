"""SPDX 2 as tag-value text, into the same types as its JSON.

https://spdx.github.io/spdx-spec/v2.3/conformance/#44-standard-data-format-requirements
"""

from collections.abc import Iterator

from tidewaiter.errors import MalformedError
from tidewaiter.inventory.sbom.spdx import (
    Annotation,
    CreationInfo,
    ExternalRef,
    Relationship,
    SpdxDocument,
    SpdxPackage,
    inventory_of,
)
from tidewaiter.model.package import Inventory

_OPEN, _CLOSE = "<text>", "</text>"
_FIELDS = {
    "PackageVersion": "version_info",
    "PackageSourceInfo": "source_info",
    "PackageSupplier": "supplier",
    "PackageLicenseDeclared": "license_declared",
    "PrimaryPackagePurpose": "primary_package_purpose",
    "PackageComment": "comment",
}
# Tags that begin an element of another kind, to which the tags after them belong.
_OTHERS = frozenset({"FileName", "SnippetSPDXID", "LicenseID"})
_REFERENCE_PARTS = 3


def read_tags(content: bytes, name: str) -> Inventory:
    """The inventory in an SPDX tag-value document. Raises MalformedError with the number of the line."""
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise MalformedError(f"not UTF-8 at byte {error.start}", where=name) from error
    reading = _Reading()
    for number, tag, value in _pairs(text, name):
        reading.take(tag, value, f"{name}: line {number}")
    return inventory_of(reading.document(), name)


def _pairs(text: str, name: str) -> Iterator[tuple[int, str, str]]:
    """The tags with their values, and the numbers of their lines; a value in `<text>` may go over several lines."""
    lines = iter(enumerate(text.splitlines(), start=1))
    for number, line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        tag, colon, value = line.partition(":")
        if not colon:
            raise MalformedError("a line without a tag", where=f"{name}: line {number}")
        value = value.strip()
        if value.startswith(_OPEN):
            value = _long_value(value, lines, f"{name}: line {number}")
        yield number, tag.strip(), value


def _long_value(first: str, lines: Iterator[tuple[int, str]], where: str) -> str:
    parts = [first.removeprefix(_OPEN)]
    while _CLOSE not in parts[-1]:
        following = next(lines, None)
        if following is None:
            raise MalformedError(f"{_OPEN} without {_CLOSE}", where=where)
        parts.append(following[1])
    return "\n".join(parts).partition(_CLOSE)[0]


class _Reading:
    """Collects the tags of one document."""

    def __init__(self) -> None:
        self._version = ""
        self._name = ""
        self._creators: list[str] = []
        self._packages: list[SpdxPackage] = []
        self._by_id: dict[str, SpdxPackage] = {}
        self._relationships: list[Relationship] = []
        self._annotations: list[Annotation] = []
        self._current: SpdxPackage | None = None

    def take(self, tag: str, value: str, where: str) -> None:
        """One tag, at its turn. Raises MalformedError."""
        if tag == "PackageName":
            self._current = SpdxPackage(name=value, external_refs=[], annotations=[])
            self._packages.append(self._current)
        elif tag in _OTHERS:
            self._current = None
        elif tag == "SPDXID" and self._current is not None:
            self._current.spdx_id = value
            self._by_id[value] = self._current
        elif not self._of_document(tag, value, where) and self._current is not None:
            _of_package(self._current, tag, value, where)

    def _of_document(self, tag: str, value: str, where: str) -> bool:
        match tag:
            case "SPDXVersion":
                self._version = value
            case "DocumentName":
                self._name = value
            case "Creator":
                self._creators.append(value)
            case "Relationship":
                self._relationships.append(_relationship(value, where))
            case "Annotator":
                self._annotations.append(Annotation(annotator=value))
            case "AnnotationComment" if self._annotations:
                self._annotations[-1].comment = value
            case "SPDXREF" if self._annotations:
                self._file(self._annotations[-1], value)
            case _:
                return False
        return True

    def _file(self, annotation: Annotation, element: str) -> None:
        """Files the annotation with the package that it is about; those of the document stay where they are."""
        package = self._by_id.get(element)
        if package is not None and package.annotations is not None:
            package.annotations.append(annotation)

    def document(self) -> SpdxDocument:
        """All that was taken."""
        return SpdxDocument(
            spdx_version=self._version,
            name=self._name,
            creation_info=CreationInfo(creators=self._creators),
            packages=self._packages,
            relationships=self._relationships,
            annotations=self._annotations,
        )


def _of_package(package: SpdxPackage, tag: str, value: str, where: str) -> None:
    if tag == "ExternalRef":
        parts = value.split(maxsplit=2)
        if len(parts) != _REFERENCE_PARTS:
            raise MalformedError("expected a category, a type and a locator", where=f"{where}: ExternalRef")
        if package.external_refs is not None:
            package.external_refs.append(ExternalRef(reference_type=parts[1], reference_locator=parts[2]))
    elif tag in _FIELDS:
        setattr(package, _FIELDS[tag], value)


def _relationship(value: str, where: str) -> Relationship:
    parts = value.split()
    if len(parts) != _REFERENCE_PARTS:
        raise MalformedError("expected an element, a type and an element", where=f"{where}: Relationship")
    element, kind, related = parts
    return Relationship(spdx_element_id=element, relationship_type=kind, related_spdx_element=related)

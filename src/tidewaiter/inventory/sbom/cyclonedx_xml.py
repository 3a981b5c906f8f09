"""CycloneDX as XML, into the same types as its JSON.

https://cyclonedx.org/docs/1.6/xml/
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tidewaiter.errors import MalformedError, UnsupportedError
from tidewaiter.inventory.sbom.cyclonedx import (
    Bom,
    Component,
    Composition,
    Evidence,
    License,
    LicenseChoice,
    Metadata,
    Named,
    Occurrence,
    Property,
    inventory_of,
)
from tidewaiter.model.package import Inventory

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_NAMESPACE = "{http://cyclonedx.org/schema/bom/"


def read_xml(content: bytes, name: str) -> Inventory:
    """The inventory in a CycloneDX XML document. Raises MalformedError, UnsupportedError.

    Entities and document types are refused, whatever they define.
    """
    from defusedxml.common import DefusedXmlException  # type: ignore[import-untyped] # it has no types
    from defusedxml.ElementTree import ParseError, fromstring  # type: ignore[import-untyped] # the same

    try:
        root = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise MalformedError(f"not valid XML: {error}", where=name) from error
    if not root.tag.startswith(_NAMESPACE) or not root.tag.endswith("}bom"):
        raise UnsupportedError(f"XML, but no CycloneDX: the root is {root.tag[:100]}", where=name)
    return inventory_of(_Reading(root).bom(), name)


class _Reading:
    """Reads one document; `space` is its version's namespace, before every tag."""

    def __init__(self, root: "Element") -> None:
        self._root = root
        self._space, _, _ = root.tag.rpartition("}")

    def bom(self) -> Bom:
        root = self._root
        metadata = self._child(root, "metadata")
        subject = self._child(metadata, "component")
        return Bom(
            spec_version=self._space.removeprefix(_NAMESPACE),
            metadata=Metadata(
                component=self._component(subject) if subject is not None else None,
                properties=self._properties(metadata),
            ),
            components=self._components(root),
            compositions=[
                Composition(aggregate=self._text(each, "aggregate"))
                for each in self._children(root, "compositions", "composition")
            ],
        )

    def _child(self, element: "Element | None", tag: str) -> "Element | None":
        return element.find(f"{self._space}}}{tag}") if element is not None else None

    def _children(self, element: "Element | None", *tags: str) -> "Iterable[Element]":
        path = "/".join(f"{self._space}}}{tag}" for tag in tags)
        return element.findall(path) if element is not None else ()

    def _text(self, element: "Element | None", tag: str) -> str:
        child = self._child(element, tag)
        return (child.text or "").strip() if child is not None else ""

    def _components(self, element: "Element") -> list[Component]:
        return [self._component(each) for each in self._children(element, "components", "component")]

    def _component(self, element: "Element") -> Component:
        supplier = self._child(element, "supplier")
        occurrences = self._children(element, "evidence", "occurrences", "occurrence")
        return Component(
            type=element.get("type", ""),
            name=self._text(element, "name"),
            group=self._text(element, "group"),
            version=self._text(element, "version"),
            description=self._text(element, "description"),
            purl=self._text(element, "purl"),
            publisher=self._text(element, "publisher"),
            supplier=Named(name=self._text(supplier, "name")) if supplier is not None else None,
            licenses=self._licenses(element),
            evidence=Evidence(occurrences=[Occurrence(location=self._text(each, "location")) for each in occurrences]),
            properties=self._properties(element),
            components=self._components(element),
        )

    def _licenses(self, element: "Element") -> list[LicenseChoice]:
        named = [
            LicenseChoice(license=License(id=self._text(each, "id"), name=self._text(each, "name")))
            for each in self._children(element, "licenses", "license")
        ]
        expressions = self._children(element, "licenses", "expression")
        return named + [LicenseChoice(expression=(each.text or "").strip()) for each in expressions]

    def _properties(self, element: "Element | None") -> list[Property]:
        return [
            Property(name=each.get("name", ""), value=(each.text or "").strip())
            for each in self._children(element, "properties", "property")
        ]

"""CycloneDX 1.6 JSON: the inventory as components, its gaps as properties, findings as vulnerabilities.

What the standard has no field for stands in properties named `tidewaiter:…`; `tidewaiter match` reads them back.
Gaps are in the document's own properties, one each, and make its composition `incomplete`: it says of itself that
something was not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

from tidewaiter import __version__
from tidewaiter.model.gap import Gap
from tidewaiter.model.image import ImageIdentity, Layer
from tidewaiter.model.package import Distro, Inventory, Location, Package
from tidewaiter.report.bom import (
    Bom,
    Component,
    Composition,
    Dependency,
    Evidence,
    Hash,
    License,
    LicenseChoice,
    Metadata,
    Named,
    Occurrence,
    Property,
    Tools,
)
from tidewaiter.report.encoding import encoded, indented
from tidewaiter.report.licenses import is_expression, is_identifier

if TYPE_CHECKING:  # an SBOM shall not wait for what only findings need
    from datetime import datetime

    from tidewaiter.model.advisory import Feed
    from tidewaiter.model.report import Report

_SCHEMA = "http://cyclonedx.org/schema/bom-1.6.schema.json"
_PREFIX = "tidewaiter:"
_HASHES = {"sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512"}
_GROUPED = {"composer": "/", "maven": ":", "npm": "/"}


def render_inventory(inventory: Inventory, *, written: datetime) -> str:
    """The inventory as a CycloneDX document. Equal content gives an equal serial number, whenever it is `written`."""
    return _text(_bom(inventory, inventory.gaps), written)


def render(report: Report, *, written: datetime) -> str:
    """The same with the report's gaps, feeds and findings."""
    from tidewaiter.report.vulnerabilities import vulnerabilities

    bom = _bom(report.inventory, report.gaps)
    bom.metadata.properties += [_property("feed", _feed(feed)) for feed in report.feeds]
    bom.metadata.properties += [_property("hidden", str(report.hidden))] if report.hidden else []
    packages = report.inventory.packages
    refs = dict(zip(packages, _refs(packages), strict=True))
    bom.vulnerabilities = vulnerabilities(report.findings, refs)
    return _text(bom, written)


def _text(bom: Bom, written: datetime) -> str:
    bom.serial_number = _serial_number(encoded(bom))
    bom.metadata.timestamp = written.isoformat()
    return indented(bom)


def _serial_number(content: bytes) -> str:
    """A UUID of version 8, which the content decides.

    https://www.rfc-editor.org/rfc/rfc9562#section-5.8
    """
    digits = sha256(content).hexdigest()
    return f"urn:uuid:{digits[:8]}-{digits[8:12]}-8{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"


def _bom(inventory: Inventory, gaps: Sequence[Gap]) -> Bom:
    image = _image(inventory.image, inventory.extractors)
    refs = _refs(inventory.packages)
    parts = [*map(_system, inventory.distros), *map(_package, inventory.packages, refs)]
    incomplete = any(not gap.chosen for gap in gaps)
    return Bom(
        schema=_SCHEMA,
        bom_format="CycloneDX",
        spec_version="1.6",
        version=1,
        metadata=Metadata(
            tools=Tools(components=[Component(type="application", name="tidewaiter", version=__version__)]),
            component=image,
            properties=[_property("gap", _gap(gap)) for gap in gaps],
        ),
        components=parts,
        dependencies=[Dependency(ref=image.bom_ref, depends_on=[part.bom_ref for part in parts])],
        compositions=[Composition(aggregate="incomplete" if incomplete else "unknown", assemblies=[image.bom_ref])],
    )


def _property(name: str, value: str) -> Property:
    return Property(name=_PREFIX + name, value=value)


def _properties(pairs: Iterable[tuple[str, str]]) -> list[Property]:
    """A property a pair; what is empty is left out."""
    return [_property(name, value) for name, value in pairs if value]


def _refs(packages: Sequence[Package]) -> list[str]:
    """A name within the document for each package: its purl, with a number where several bear the same."""
    taken: dict[str, int] = {}
    refs = []
    for package in packages:
        ref = package.purl or f"{package.type}:{package.name}@{package.version}"
        taken[ref] = number = taken.get(ref, 0) + 1
        refs.append(ref if number == 1 else f"{ref} [{number}]")
    return refs


def _image(image: ImageIdentity, extractors: Sequence[str]) -> Component:
    digest = image.digest
    return Component(
        bom_ref="image",
        type="container" if digest or image.layers else "application",
        name=image.reference,
        version=str(digest or ""),
        hashes=[Hash(alg=_HASHES[digest.algorithm], content=digest.hex)] if digest else [],
        properties=_properties(
            [
                ("platform", str(image.platform or "")),
                ("created", image.created.isoformat() if image.created else ""),
                *(("tag", tag) for tag in image.tags),
                *(pair for layer in image.layers for pair in _layer(layer)),
                *(("extractor", name) for name in extractors),
            ]
        ),
    )


def _layer(layer: Layer) -> list[tuple[str, str]]:
    return [
        (f"layer:{layer.index}:digest", str(layer.digest)),
        (f"layer:{layer.index}:diff_id", str(layer.diff_id or "")),
        (f"layer:{layer.index}:media_type", layer.media_type),
        (f"layer:{layer.index}:size", str(layer.size or "")),
        (f"layer:{layer.index}:created_by", layer.created_by),
    ]


def _system(distro: Distro) -> Component:
    return Component(
        bom_ref=f"os:{distro.id}-{distro.version_id}" + (f"/{distro.root}" if distro.root else ""),
        type="operating-system",
        name=distro.id,
        version=distro.version_id,
        description=distro.pretty_name,
        evidence=Evidence(occurrences=[Occurrence(location=distro.path)]) if distro.path else None,
        properties=_properties(
            [
                ("version_codename", distro.version_codename),
                ("variant_id", distro.variant_id),
                ("cpe_name", distro.cpe_name),
                *(("id_like", parent) for parent in distro.id_like),
                ("root", distro.root),
            ]
        ),
    )


def _package(package: Package, ref: str) -> Component:
    group, name = _group(package)
    places = package.locations
    return Component(
        bom_ref=ref,
        type="library",
        supplier=Named(name=package.vendor) if package.vendor else None,
        group=group,
        name=name,
        version=package.version,
        licenses=_licenses(package.licenses),
        purl=package.purl,
        evidence=Evidence(occurrences=[Occurrence(location=_where(place)) for place in places]) if places else None,
        properties=_properties(_facts(package)),
    )


def _group(package: Package) -> tuple[str, str]:
    """Group and name, where the ecosystem's names have both: a Maven group, an npm scope, a Composer vendor."""
    separator = _GROUPED.get(package.type)
    group, found, name = package.name.rpartition(separator) if separator else ("", "", package.name)
    return (group, name) if found else ("", package.name)


def _facts(package: Package) -> list[tuple[str, str]]:
    source = package.source
    return [
        ("type", package.type),
        ("architecture", package.architecture),
        ("source:name", source.name if source else ""),
        ("source:version", source.version if source else ""),
        ("module", package.module),
        ("origin", package.origin),
        *(("provides", name) for name in package.provides),
        ("root", package.distro.root if package.distro else ""),
        ("extractor", package.extractor),
        *(pair for number, place in enumerate(package.locations) for pair in _place(number, place)),
    ]


def _place(number: int, place: Location) -> list[tuple[str, str]]:
    return [
        (f"location:{number}:path", place.path),
        (f"location:{number}:within", place.within),
        (f"location:{number}:layer", str(place.layer.digest) if place.layer else ""),
        (f"location:{number}:layer_index", str(place.layer.index) if place.layer else ""),
    ]


def _where(place: Location) -> str:
    return f"{place.path}!/{place.within}" if place.within else place.path


def _licenses(licenses: Sequence[str]) -> list[LicenseChoice]:
    """The licences as the standard allows: one expression alone, or any number of identifiers and names."""
    if len(licenses) == 1 and not is_identifier(licenses[0]) and is_expression(licenses[0]):
        return [LicenseChoice(expression=licenses[0])]
    return [LicenseChoice(license=_license(text)) for text in licenses if text]


def _license(text: str) -> License:
    return License(id=text) if is_identifier(text) else License(name=text)


def _gap(gap: Gap) -> str:
    return encoded({"stage": gap.stage, "why": gap.why, "subject": gap.subject, "detail": gap.detail}).decode()


def _feed(feed: Feed) -> str:
    return encoded(
        {
            "name": feed.name,
            "advisories": feed.advisories,
            "newest": feed.newest,
            "fetched": feed.fetched,
            "fingerprint": feed.fingerprint,
        }
    ).decode()

"""The JSON report and inventory: all that is known, in keys that stay.

One image gives the plain object, several an envelope with the objects in the order of the targets. The keys are
defined, with their meaning, in `model/document.py`.
"""

from collections.abc import Iterable, Sequence

from tidewaiter.model.advisory import Feed
from tidewaiter.model.document import (
    INVENTORIES,
    INVENTORY,
    REPORT,
    REPORTS,
    AdvisoryEntry,
    DistroEntry,
    DistroKey,
    FeedEntry,
    FindingEntry,
    FixEntry,
    GapEntry,
    ImageEntry,
    InventoriesDocument,
    InventoryDocument,
    LayerEntry,
    LocationEntry,
    MatchEntry,
    PackageEntry,
    ReportDocument,
    ReportsDocument,
    SourceEntry,
    ThreatEntry,
)
from tidewaiter.model.finding import Finding, Match
from tidewaiter.model.gap import Gap
from tidewaiter.model.image import ImageIdentity, Layer
from tidewaiter.model.package import Distro, Inventory, Location, Package
from tidewaiter.model.report import Report
from tidewaiter.report.encoding import indented


def render(reports: Sequence[Report]) -> str:
    """The reports as `tidewaiter/report/1`, or as `tidewaiter/reports/1` if they are not exactly one."""
    documents = tuple(map(report_document, reports))
    return indented(documents[0] if len(documents) == 1 else ReportsDocument(schema=REPORTS, reports=documents))


def render_inventories(inventories: Sequence[Inventory]) -> str:
    """The inventories as `tidewaiter/inventory/1`, or as `tidewaiter/inventories/1` if they are not exactly one."""
    documents = tuple(map(inventory_document, inventories))
    many = len(documents) != 1
    return indented(InventoriesDocument(schema=INVENTORIES, inventories=documents) if many else documents[0])


def report_document(report: Report) -> ReportDocument:
    """The report as it is written."""
    inventory = report.inventory
    return ReportDocument(
        schema=REPORT,
        image=image_entry(inventory.image),
        distro=distro_entry(inventory.distro) if inventory.distro else None,
        distros=tuple(map(distro_entry, inventory.distros)),
        packages=tuple(map(package_entry, inventory.packages)),
        findings=tuple(map(finding_entry, report.findings)),
        gaps=gap_entries(report.gaps),
        feeds=tuple(map(feed_entry, report.feeds)),
        extractors=inventory.extractors,
        hidden=report.hidden,
    )


def inventory_document(inventory: Inventory) -> InventoryDocument:
    """The inventory as it is written."""
    return InventoryDocument(
        schema=INVENTORY,
        image=image_entry(inventory.image),
        distro=distro_entry(inventory.distro) if inventory.distro else None,
        distros=tuple(map(distro_entry, inventory.distros)),
        packages=tuple(map(package_entry, inventory.packages)),
        gaps=gap_entries(inventory.gaps),
        extractors=inventory.extractors,
    )


def image_entry(image: ImageIdentity) -> ImageEntry:
    """The image as it is written."""
    return ImageEntry(
        reference=image.reference,
        digest=str(image.digest) if image.digest else None,
        platform=str(image.platform) if image.platform else None,
        tags=image.tags,
        created=image.created,
        layers=tuple(map(_layer, image.layers)),
    )


def _layer(layer: Layer) -> LayerEntry:
    return LayerEntry(
        index=layer.index,
        digest=str(layer.digest),
        diff_id=str(layer.diff_id) if layer.diff_id else None,
        media_type=layer.media_type,
        size=layer.size,
        created_by=layer.created_by,
    )


def distro_entry(distro: Distro) -> DistroEntry:
    """The release as it is written."""
    return DistroEntry(
        id=distro.id,
        version_id=distro.version_id,
        pretty_name=distro.pretty_name,
        version_codename=distro.version_codename,
        id_like=distro.id_like,
        cpe_name=distro.cpe_name,
        variant_id=distro.variant_id,
        root=distro.root,
        path=distro.path,
    )


def package_entry(package: Package) -> PackageEntry:
    """The package as it is written."""
    distro, source = package.distro, package.source
    return PackageEntry(
        purl=package.purl,
        type=package.type,
        name=package.name,
        version=package.version,
        source=SourceEntry(name=source.name, version=source.version) if source else None,
        architecture=package.architecture,
        distro=DistroKey(id=distro.id, version_id=distro.version_id, root=distro.root) if distro else None,
        module=package.module,
        vendor=package.vendor,
        origin=package.origin,
        licenses=package.licenses,
        provides=package.provides,
        locations=tuple(map(_location, package.locations)),
        extractor=package.extractor,
    )


def _location(location: Location) -> LocationEntry:
    if (layer := location.layer) is None:
        return LocationEntry(path=location.path, within=location.within)
    return LocationEntry(
        path=location.path,
        within=location.within,
        layer=str(layer.digest),
        layer_index=layer.index,
        created_by=layer.created_by,
    )


def finding_entry(finding: Finding) -> FindingEntry:
    """The finding as it is written."""
    advisories = dict.fromkeys((match.feed, match.advisory) for match in finding.matches)
    return FindingEntry(
        vulnerability=finding.vulnerability,
        aliases=finding.aliases,
        purl=finding.package.purl,
        package=finding.package.name,
        installed=finding.package.version,
        severity=str(finding.severity),
        severity_source=finding.severity_source,
        score=finding.score,
        fix=FixEntry(state=finding.fix.state, versions=finding.fix.versions),
        threat=ThreatEntry(kev=finding.threat.kev, epss=finding.threat.epss),
        advisories=tuple(AdvisoryEntry(feed=feed, id=id_) for feed, id_ in advisories),
        matches=tuple(map(_match, finding.matches)),
        summary=finding.summary,
        references=finding.references,
    )


def _match(match: Match) -> MatchEntry:
    return MatchEntry(
        kind=match.kind,
        feed=match.feed,
        advisory=match.advisory,
        ecosystem=match.ecosystem,
        name=match.name,
        version=match.version,
        range=match.range,
    )


def gap_entries(gaps: Iterable[Gap]) -> tuple[GapEntry, ...]:
    """The gaps as they are written."""
    return tuple(GapEntry(stage=gap.stage, why=gap.why, subject=gap.subject, detail=gap.detail) for gap in gaps)


def feed_entry(feed: Feed) -> FeedEntry:
    """The feed as it is written."""
    return FeedEntry(
        name=feed.name,
        advisories=feed.advisories,
        affected=feed.affected,
        withdrawn=feed.withdrawn,
        broken=feed.broken,
        newest=feed.newest or None,
        fetched=feed.fetched or None,
        fingerprint=feed.fingerprint,
    )

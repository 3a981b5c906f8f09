"""What a run found, in one report: how every manifest ended, what is in the images, what is spread most widely."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tidewaiter.feeds.database import Database
from tidewaiter.fleet.bases import Bases
from tidewaiter.fleet.judging import judging_name
from tidewaiter.fleet.verdicts import Keeps, Totals, Verdicts, weight
from tidewaiter.model.finding import Finding, Fix, FixState
from tidewaiter.model.fleet import BaseUpgrade, FleetImage, FleetReport, GapCount, RunSummary, State, VulnerabilityCount
from tidewaiter.model.gap import Gap
from tidewaiter.model.image import Digest
from tidewaiter.model.report import Report
from tidewaiter.scan import judged
from tidewaiter.store.store import ImageContents, ManifestRow, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class _Weighed:
    """What is in one image, the same wherever it stands. `hidden` counts findings that the user does not want."""

    distro: str
    packages: int
    vulnerable: tuple[int, ...]
    totals: Totals
    gaps: tuple[Gap, ...]
    hidden: int


def fleet_report(store: Store, run: int, database: Database, keeps: Keeps) -> FleetReport:
    """All that is said of a run whose packages are judged. `keeps` says which findings are shown and counted."""
    verdicts = Verdicts.of(store.judgements(run, judging_name(database)), keeps)
    rows = list(store.manifests(run))
    weighed = {each.digest: _weighed(each, verdicts) for each in store.contents(run)}
    images = sorted((_image(row, weighed) for row in rows), key=_worst_first)
    return FleetReport(
        run=_summary(store, run),
        accounts=tuple(store.coverage(run)),
        images=tuple(images),
        vulnerable=tuple(verdicts.packages),
        vulnerabilities=tuple(_vulnerabilities(images, verdicts)),
        bases=tuple(_bases(store, run, rows, verdicts)),
        gaps=tuple(_gap_counts(images)),
        feeds=database.feeds(),
        hidden=sum(weighed[digest].hidden for row in rows if (digest := _content(row)) in weighed),
    )


def image_reports(store: Store, run: int, database: Database, keeps: Keeps) -> Iterator[tuple[ManifestRow, Report]]:
    """The report of each image that was scanned, one after the other, wherever it stands; as `scan` gives it."""
    for row in store.manifests(run):
        digest = _content(row)
        inventory = store.inventory(digest) if digest else None
        if inventory is None:
            continue
        reference = f"{row.registry.host}/{row.repository}@{row.detail.digest}"
        identity = replace(inventory.image, reference=reference, platform=row.settled.platform, tags=_tags(row))
        yield row, judged(replace(inventory, image=identity), database).only(keeps)


def _content(row: ManifestRow) -> Digest | None:
    """The image whose contents a manifest stands for, None for what was not scanned and for an index."""
    return row.settled.image if row.settled.outcome.state is State.SCANNED else None


def _tags(row: ManifestRow) -> tuple[str, ...]:
    """A manifest's own tags, and those of the indexes that list it."""
    return tuple(sorted({*row.detail.tags, *row.settled.tags}))


def _weighed(contents: ImageContents, verdicts: Verdicts) -> _Weighed:
    numbers = [package for package, _ in contents.packages]
    vulnerable = verdicts.places(numbers)
    return _Weighed(
        distro=contents.distro,
        packages=len(numbers),
        vulnerable=vulnerable,
        totals=verdicts.totals(vulnerable),
        gaps=tuple(sorted({*contents.gaps, *verdicts.gaps(numbers)})),
        hidden=verdicts.hidden(numbers),
    )


def _image(row: ManifestRow, weighed: Mapping[Digest, _Weighed]) -> FleetImage:
    settled, detail = row.settled, row.detail
    image = FleetImage(
        registry=row.registry,
        repository=row.repository,
        digest=detail.digest,
        tags=_tags(row),
        kind=settled.kind,
        indexes=settled.indexes,
        platform=settled.platform,
        outcome=settled.outcome,
        pushed=detail.pushed,
        pulled=detail.pulled,
        size=detail.size,
    )
    contents = weighed.get(digest) if (digest := _content(row)) else None
    if contents is None:
        return image
    return replace(
        image,
        distro=contents.distro,
        packages=contents.packages,
        findings=contents.totals.findings,
        fixable=contents.totals.fixable,
        severities=contents.totals.severities,
        vulnerable=contents.vulnerable,
        gaps=contents.gaps,
    )


def _worst_first(image: FleetImage) -> tuple[object, ...]:
    return weight(image.severities), image.registry, image.repository, image.tags, image.digest


def _vulnerabilities(images: Sequence[FleetImage], verdicts: Verdicts) -> list[VulnerabilityCount]:
    """The vulnerabilities of the fleet, those in the most images first; of as many, the worse first."""
    names = [{finding.vulnerability for finding in package.findings} for package in verdicts.packages]
    spread: Counter[str] = Counter()
    for image in images:
        spread.update(set().union(*(names[place] for place in image.vulnerable)))
    uses = Counter(place for image in images for place in image.vulnerable)
    found: dict[str, list[Finding]] = defaultdict(list)
    for place, _ in uses.most_common():
        for finding in verdicts.packages[place].findings:
            found[finding.vulnerability].append(finding)
    counted = [_vulnerability(name, found[name], spread[name]) for name in spread]
    return sorted(counted, key=lambda each: (-each.images, -each.severity.value, each.vulnerability))


def _vulnerability(name: str, findings: Sequence[Finding], images: int) -> VulnerabilityCount:
    """One vulnerability of these findings, those first whose package is in the most images."""
    return VulnerabilityCount(
        vulnerability=name,
        severity=max((each.severity for each in findings), key=lambda severity: severity.value),
        images=images,
        packages=tuple(sorted({each.package.name for each in findings})),
        fix=_fix(findings),
        summary=next((each.summary for each in findings if each.summary), ""),
    )


def _fix(findings: Sequence[Finding]) -> Fix:
    """What fixes it in each of the packages: distributions fix the same in versions of their own."""
    fixed = [each.fix.versions[:1] for each in findings if each.fix.state is FixState.FIXED]
    if not fixed:
        return findings[0].fix
    return Fix(state=FixState.FIXED, versions=tuple(dict.fromkeys(version for first in fixed for version in first)))


def _bases(store: Store, run: int, rows: Iterable[ManifestRow], verdicts: Verdicts) -> Iterator[BaseUpgrade]:
    places: dict[Digest, list[ManifestRow]] = defaultdict(list)
    for row in rows:
        if digest := _content(row):
            places[digest].append(row)
    bases = Bases(verdicts)
    for each in store.contents(run):
        names = [f"{row.registry.host}/{row.repository}:{tag}" for row in places[each.digest] for tag in _tags(row)]
        bases.add(each.layers, names=names, images=len(places[each.digest]), distro=each.distro)
    for each in store.contents(run):
        bases.charge(each.layers, each.packages, images=len(places[each.digest]))
    return bases.upgrades()


def _gap_counts(images: Iterable[FleetImage]) -> list[GapCount]:
    """The gaps of the scanned images, those in the most images first."""
    counted = Counter(gap for image in images for gap in image.gaps)
    return [
        GapCount(gap=gap, images=count) for gap, count in sorted(counted.items(), key=lambda each: (-each[1], each[0]))
    ]


def _summary(store: Store, run: int) -> RunSummary:
    row = store.run(run)
    return RunSummary(
        id=run,
        command=row.command,
        started=row.started,
        finished=row.finished,
        continued=row.continued,
        layers_read=row.layers_read,
        bytes_pulled=row.bytes_pulled,
        looked=row.looked,
        known=row.known,
        moved=tuple(store.moved(run)),
    )

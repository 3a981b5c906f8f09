"""The JSON report on a fleet: all that is known, in keys that stay.

The keys are defined, with their meaning, in `model/fleet_document.py`.
"""

from collections.abc import Iterable

from tidewaiter.model.cloud import Identity, RoleHop
from tidewaiter.model.document import FixEntry
from tidewaiter.model.finding import Severity
from tidewaiter.model.fleet import (
    AccountCoverage,
    BaseUpgrade,
    FleetImage,
    FleetReport,
    GapCount,
    RegistryCoverage,
    RunSummary,
    VulnerabilityCount,
    VulnerablePackage,
)
from tidewaiter.model.fleet_document import (
    FLEET,
    AccountEntry,
    BaseEntry,
    FleetDocument,
    FleetImageEntry,
    GapCountEntry,
    HopEntry,
    IdentityEntry,
    MovedEntry,
    ReasonEntry,
    RegistryEntry,
    RunEntry,
    SeverityEntry,
    UpgradeEntry,
    VulnerabilityEntry,
    VulnerablePackageEntry,
)
from tidewaiter.model.gap import Why
from tidewaiter.report.encoding import indented
from tidewaiter.report.json import feed_entry, finding_entry, gap_entries, package_entry


def render(report: FleetReport) -> str:
    """The report as `tidewaiter/fleet/1`."""
    return indented(fleet_document(report))


def fleet_document(report: FleetReport) -> FleetDocument:
    """The report as it is written."""
    return FleetDocument(
        schema=FLEET,
        run=_run(report.run),
        accounts=tuple(map(account_entry, report.accounts)),
        images=tuple(map(image_entry, report.images)),
        packages=tuple(map(_vulnerable, report.vulnerable)),
        vulnerabilities=tuple(map(_vulnerability, report.vulnerabilities)),
        bases=tuple(map(_base, report.bases)),
        gaps=tuple(map(_gap_count, report.gaps)),
        feeds=tuple(map(feed_entry, report.feeds)),
        hidden=report.hidden,
    )


def _run(run: RunSummary) -> RunEntry:
    return RunEntry(
        id=run.id,
        command=run.command,
        started=run.started,
        finished=run.finished,
        identity=identity_entry(run.identity) if run.identity else None,
        continued=run.continued,
        layers_read=run.layers_read,
        bytes_pulled=run.bytes_pulled,
        looked=run.looked,
        known=run.known,
        moved=tuple(
            MovedEntry(repository=repository, tag=tag, old=str(old), new=str(new))
            for repository, tag, old, new in run.moved
        ),
    )


def identity_entry(identity: Identity) -> IdentityEntry:
    """Who asked, without what proves it."""
    return IdentityEntry(
        arn=identity.arn,
        account=identity.account,
        partition=identity.partition,
        provider=identity.provider,
        hops=tuple(map(_hop, identity.hops)),
    )


def _hop(hop: RoleHop) -> HopEntry:
    return HopEntry(role_arn=hop.role_arn, session_name=hop.session_name, duration=hop.duration)


def account_entry(coverage: AccountCoverage) -> AccountEntry:
    """The account as it is written."""
    account = coverage.account
    return AccountEntry(
        id=account.id,
        name=account.name,
        ou_path=account.ou_path,
        state=account.state,
        management=account.management,
        registries=tuple(map(_registry, coverage.registries)),
        gaps=gap_entries(coverage.gaps),
    )


def _registry(coverage: RegistryCoverage) -> RegistryEntry:
    registry = coverage.registry
    return RegistryEntry(
        host=registry.host,
        partition=registry.partition,
        account=registry.account,
        region=registry.region,
        public=registry.public,
        repositories=coverage.repositories,
        manifests=coverage.manifests,
        scanned=coverage.scanned,
        pending=coverage.pending,
        skipped=_reasons(coverage.skipped),
        failed=_reasons(coverage.failed),
        gaps=gap_entries(coverage.gaps),
    )


def _reasons(counts: Iterable[tuple[Why, int]]) -> tuple[ReasonEntry, ...]:
    return tuple(ReasonEntry(why=why, manifests=count) for why, count in counts)


def image_entry(image: FleetImage) -> FleetImageEntry:
    """The manifest as it is written."""
    return FleetImageEntry(
        reference=image.reference,
        account=image.registry.account,
        region=image.registry.region,
        registry=image.registry.host,
        repository=image.repository,
        digest=str(image.digest),
        tags=image.tags,
        kind=image.kind,
        indexes=tuple(map(str, image.indexes)),
        platform=str(image.platform) if image.platform else None,
        state=image.outcome.state,
        why=image.outcome.why,
        detail=image.outcome.detail,
        pushed=image.pushed,
        pulled=image.pulled,
        size=image.size,
        distro=image.distro,
        packages=image.packages,
        findings=image.findings,
        fixable=image.fixable,
        severities=_severities(image.severities),
        vulnerable=image.vulnerable,
        gaps=gap_entries(image.gaps),
    )


def _severities(counts: Iterable[tuple[Severity, int]]) -> SeverityEntry:
    by_severity = dict(counts)
    return SeverityEntry(**{str(severity): by_severity.get(severity, 0) for severity in Severity})


def _vulnerable(vulnerable: VulnerablePackage) -> VulnerablePackageEntry:
    return VulnerablePackageEntry(
        package=package_entry(vulnerable.findings[0].package),
        findings=tuple(map(finding_entry, vulnerable.findings)),
    )


def _vulnerability(count: VulnerabilityCount) -> VulnerabilityEntry:
    return VulnerabilityEntry(
        vulnerability=count.vulnerability,
        severity=str(count.severity),
        images=count.images,
        packages=count.packages,
        fix=FixEntry(state=count.fix.state, versions=count.fix.versions),
        summary=count.summary,
    )


def _base(base: BaseUpgrade) -> BaseEntry:
    return BaseEntry(
        layers=tuple(map(str, base.layers)),
        names=base.names,
        distro=base.distro,
        images=base.images,
        findings=base.findings,
        fixable=base.fixable,
        everywhere=base.everywhere,
        severities=_severities(base.severities),
        upgrades=tuple(
            UpgradeEntry(package=package, installed=installed, fixed=fixed)
            for package, installed, fixed in base.upgrades
        ),
    )


def _gap_count(count: GapCount) -> GapCountEntry:
    gap = count.gap
    return GapCountEntry(stage=gap.stage, why=gap.why, subject=gap.subject, detail=gap.detail, images=count.images)

"""The JSON documents `tidewaiter/fleet/1` and `tidewaiter/survey/1`, as they stand in a file.

What `report/fleet_json.py` and `report/survey_json.py` write. Within version 1 keys are only ever added. None is
written as null and means "not known".
"""

from dataclasses import dataclass
from datetime import datetime

from tidewaiter.model.document import FeedEntry, FindingEntry, FixEntry, GapEntry, PackageEntry

FLEET = "tidewaiter/fleet/1"
SURVEY = "tidewaiter/survey/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class HopEntry:
    """A role on the way from the base credentials; its external ID is never written."""

    role_arn: str
    session_name: str
    duration: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityEntry:
    """Who asked; `provider` is what gave the base credentials."""

    arn: str
    account: str
    partition: str
    provider: str
    hops: tuple[HopEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedEntry:
    """A tag that names another manifest than at the run before."""

    repository: str
    tag: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEntry:
    """The run: when, as whom, and what it took."""

    id: int
    command: str
    started: datetime
    finished: datetime | None
    identity: IdentityEntry | None
    continued: bool
    layers_read: int
    bytes_pulled: int
    looked: int
    known: int
    moved: tuple[MovedEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonEntry:
    """How many manifests ended for one reason."""

    why: str
    manifests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryEntry:
    """A registry, and how its manifests ended."""

    host: str
    partition: str
    account: str
    region: str
    public: bool
    repositories: int
    manifests: int
    scanned: int
    pending: int
    skipped: tuple[ReasonEntry, ...]
    failed: tuple[ReasonEntry, ...]
    gaps: tuple[GapEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEntry:
    """An account, with its registries or with why it was not entered."""

    id: str
    name: str
    ou_path: str
    state: str
    management: bool
    registries: tuple[RegistryEntry, ...]
    gaps: tuple[GapEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityEntry:
    """How many findings of each severity."""

    critical: int
    high: int
    medium: int
    low: int
    negligible: int
    unknown: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetImageEntry:
    """A manifest of a repository; `vulnerable` are places in the document's `packages`."""

    reference: str
    account: str
    region: str
    registry: str
    repository: str
    digest: str
    tags: tuple[str, ...]
    kind: str
    indexes: tuple[str, ...]
    platform: str | None
    state: str
    why: str | None
    detail: str
    pushed: datetime | None
    pulled: datetime | None
    size: int
    distro: str
    packages: int
    findings: int
    fixable: int
    severities: SeverityEntry
    vulnerable: tuple[int, ...]
    gaps: tuple[GapEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VulnerablePackageEntry:
    """A distinct package of the fleet with findings."""

    package: PackageEntry
    findings: tuple[FindingEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VulnerabilityEntry:
    """How widely a vulnerability is spread."""

    vulnerability: str
    severity: str
    images: int
    packages: tuple[str, ...]
    fix: FixEntry
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeEntry:
    """A package of a shared base, and the version that ends its findings."""

    package: str
    installed: str
    fixed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseEntry:
    """Layers that several images begin with, and what an upgrade of them would fix."""

    layers: tuple[str, ...]
    names: tuple[str, ...]
    distro: str
    images: int
    findings: int
    fixable: int
    everywhere: int
    severities: SeverityEntry
    upgrades: tuple[UpgradeEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GapCountEntry(GapEntry):
    """A gap of scanned images, and how many of them have it."""

    images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetDocument:
    """All that a run says of a fleet."""

    schema: str
    run: RunEntry
    accounts: tuple[AccountEntry, ...]
    images: tuple[FleetImageEntry, ...]
    packages: tuple[VulnerablePackageEntry, ...]
    vulnerabilities: tuple[VulnerabilityEntry, ...]
    bases: tuple[BaseEntry, ...]
    gaps: tuple[GapCountEntry, ...]
    feeds: tuple[FeedEntry, ...]
    hidden: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyImageEntry:
    """A manifest of a repository as it is listed: `pending` if it would be scanned."""

    reference: str
    account: str
    region: str
    registry: str
    repository: str
    digest: str
    tags: tuple[str, ...]
    kind: str
    state: str
    why: str | None
    detail: str
    pushed: datetime | None
    pulled: datetime | None
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyDocument:
    """What a run would look at."""

    schema: str
    command: str
    listed: datetime
    identity: IdentityEntry | None
    accounts: tuple[AccountEntry, ...]
    images: tuple[SurveyImageEntry, ...]

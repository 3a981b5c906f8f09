"""What is said of a whole fleet: how every manifest ended, what is in the images, and what an upgrade would fix."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from tidewaiter.model.advisory import Feed
from tidewaiter.model.cloud import Account, Identity, Registry
from tidewaiter.model.finding import Finding, Fix, Severity
from tidewaiter.model.gap import Gap, Why
from tidewaiter.model.image import Digest, Platform


class State(StrEnum):
    """How a manifest ended. PENDING is one that the run did not come to."""

    PENDING = "pending"
    SCANNED = "scanned"
    SKIPPED = "skipped"
    FAILED = "failed"


class Kind(StrEnum):
    """What a manifest is."""

    IMAGE = "image"
    INDEX = "index"
    ARTIFACT = "artifact"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a manifest ended, and why, where it was not scanned. `detail` is one sentence on what to do about it."""

    state: State
    why: Why | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetImage:
    """One manifest of a repository: an image, an index of images, or something else.

    `tags` are its own, and for the image of an index also the index's. `indexes` are those that list it. `packages` and
    the numbers below it count what was found in it, after the user's filters; `fixable` findings go with an upgrade.
    `size` is in bytes, compressed. `gaps` are those of the image's inventory and of its judging.
    """

    registry: Registry
    repository: str
    digest: Digest
    tags: tuple[str, ...] = ()
    kind: Kind = Kind.IMAGE
    indexes: tuple[Digest, ...] = ()
    platform: Platform | None = None
    outcome: Outcome = field(default_factory=lambda: Outcome(state=State.PENDING))
    pushed: datetime | None = None
    pulled: datetime | None = None
    size: int = 0
    distro: str = ""
    packages: int = 0
    findings: int = 0
    fixable: int = 0
    severities: tuple[tuple[Severity, int], ...] = ()
    vulnerable: tuple[int, ...] = ()
    gaps: tuple[Gap, ...] = ()

    @property
    def reference(self) -> str:
        """`host/repository@digest`."""
        return f"{self.registry.host}/{self.repository}@{self.digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryCoverage:
    """How the manifests of one registry ended: counts by reason, the most frequent first.

    `gaps` are of the registry or of whole repositories, as a listing that was refused.
    """

    registry: Registry
    repositories: int = 0
    manifests: int = 0
    scanned: int = 0
    pending: int = 0
    skipped: tuple[tuple[Why, int], ...] = ()
    failed: tuple[tuple[Why, int], ...] = ()
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountCoverage:
    """One account: its registries, or why it was not entered (`gaps`)."""

    account: Account
    registries: tuple[RegistryCoverage, ...] = ()
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VulnerablePackage:
    """A distinct package of the fleet with findings; the findings' packages have no locations."""

    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VulnerabilityCount:
    """How widely a vulnerability is spread: in how many images, in which packages, and what fixes it.

    `fix` names a version for each package that has one, that of the most images first.
    """

    vulnerability: str
    severity: Severity
    images: int
    packages: tuple[str, ...]
    fix: Fix
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GapCount:
    """Something that was not looked at or judged in several images: the gap once, and in how many it is."""

    gap: Gap
    images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseUpgrade:
    """Layers that several images begin with, and what an upgrade of them would fix in all of these.

    `layers` are the shared layers' digests, lowest first; `names` are those images of the fleet that are just that
    base. What a smaller shared base brings is counted there and not here. `findings` and `fixable` count what the base
    brings, once; `everywhere` the fixable findings in all its images together.
    """

    layers: tuple[Digest, ...]
    names: tuple[str, ...]
    distro: str
    images: int
    findings: int
    fixable: int
    everywhere: int
    severities: tuple[tuple[Severity, int], ...] = ()
    upgrades: tuple[tuple[str, str, str], ...] = ()
    """(package, installed version, fixed version), the worst first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One run: when (with zone), as whom, what it pulled and what it knew already.

    `layers_read` and `bytes_pulled` count stored (compressed) layers that were read in this run; `known` images needed
    no pull. `moved` are tags that name another image than at the run before: (repository, tag, old, new).
    """

    id: int
    command: str
    started: datetime
    finished: datetime | None = None
    identity: Identity | None = None
    continued: bool = False
    layers_read: int = 0
    bytes_pulled: int = 0
    looked: int = 0
    known: int = 0
    moved: tuple[tuple[str, str, Digest, Digest], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetReport:
    """All that is said of a fleet after a run.

    `images` are all manifests, scanned or not, and `vulnerable` the packages that their `vulnerable` numbers mean. Each
    list is sorted, the worst first where it is a ranking. `gaps` are those of the scanned images, together. `hidden`
    counts findings that the user chose not to see.
    """

    run: RunSummary
    accounts: tuple[AccountCoverage, ...] = ()
    images: tuple[FleetImage, ...] = ()
    vulnerable: tuple[VulnerablePackage, ...] = ()
    vulnerabilities: tuple[VulnerabilityCount, ...] = ()
    bases: tuple[BaseUpgrade, ...] = ()
    gaps: tuple[GapCount, ...] = ()
    feeds: tuple[Feed, ...] = ()
    hidden: int = 0

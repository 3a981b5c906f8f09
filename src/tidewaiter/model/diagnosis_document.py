"""The JSON document `tidewaiter/diagnosis/1`, as it stands in a file. Within version 1 keys are only ever added."""

from dataclasses import dataclass

from tidewaiter.model.fleet_document import IdentityEntry

DIAGNOSIS = "tidewaiter/diagnosis/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckEntry:
    """One thing that was tried. `account` and `region` are "" where it is about all.

    What does not count (`counts`) is good to know, and takes nothing from a scan.
    """

    account: str
    region: str
    topic: str
    health: str
    says: str
    principal: str = ""
    action: str = ""
    resource: str = ""
    statement: str = ""
    document: str = ""
    advice: str = ""
    counts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRegistryEntry:
    """A registry that can be read, and how many repositories it has."""

    host: str
    account: str
    region: str
    public: bool
    repositories: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosisDocument:
    """What the doctor found."""

    schema: str
    command: str
    started: str
    finished: str
    healthy: bool
    identity: IdentityEntry | None
    checks: tuple[CheckEntry, ...]
    registries: tuple[FoundRegistryEntry, ...]

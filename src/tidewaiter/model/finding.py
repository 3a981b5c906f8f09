"""A known vulnerability in an installed package, and why it is said to be there."""

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Self

from tidewaiter.model.package import Package


class Severity(Enum):
    """How bad it is, by increasing weight. UNKNOWN is not harmless: it sorts below NEGLIGIBLE only in lists."""

    UNKNOWN = 0
    NEGLIGIBLE = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5

    @classmethod
    def parse(cls, text: str) -> Self:
        """The severity of that name in any case. Raises ValueError."""
        try:
            return cls[text.strip().upper()]
        except KeyError:
            names = ", ".join(str(severity) for severity in cls)
            message = f"not a severity: {text!r} (one of {names})"
            raise ValueError(message) from None

    def __str__(self) -> str:
        return self.name.lower()

    def __lt__(self, other: "Severity") -> bool:
        return self.value < other.value

    def __le__(self, other: "Severity") -> bool:
        return self.value <= other.value


class MatchKind(StrEnum):
    """By which of a package's names the advisory was found."""

    SOURCE = "source"
    BINARY = "binary"
    NAME = "name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Why one advisory says that a package is vulnerable: the name, version and range that met."""

    kind: MatchKind
    feed: str
    advisory: str
    ecosystem: str
    name: str
    version: str
    range: str


class FixState(StrEnum):
    """What can be done about it by upgrading."""

    FIXED = "fixed"
    NOT_FIXED = "not-fixed"
    WONT_FIX = "wont-fix"
    DEFERRED = "deferred"
    PRO_ONLY = "pro-only"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """The versions that no longer have the vulnerability, lowest first; for the installed line of versions first."""

    state: FixState
    versions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Threat:
    """What is known of its use in attacks. None means that no feed was there to say."""

    kev: bool | None = None
    epss: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One vulnerability in one package, whatever the number of advisories that say so.

    `vulnerability` is the canonical id: the CVE if there is one. `aliases` are all other ids, sorted.
    `severity_source` says whose rating `severity` is ("" if none).
    """

    package: Package
    vulnerability: str
    aliases: tuple[str, ...] = ()
    matches: tuple[Match, ...] = ()
    severity: Severity = Severity.UNKNOWN
    severity_source: str = ""
    score: float | None = None
    fix: Fix = field(default_factory=lambda: Fix(state=FixState.UNKNOWN))
    threat: Threat = field(default_factory=Threat)
    summary: str = ""
    references: tuple[str, ...] = ()

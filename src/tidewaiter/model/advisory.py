"""What publishers say of vulnerable packages, in the terms of the OSV schema 1.7."""

from dataclasses import dataclass
from enum import StrEnum


class RangeType(StrEnum):
    """How a range's versions are ordered: by the ecosystem, by semver, or by commits (which cannot be judged)."""

    ECOSYSTEM = "ECOSYSTEM"
    SEMVER = "SEMVER"
    GIT = "GIT"


class EventKind(StrEnum):
    """What happens at a version of a range.

    https://ossf.github.io/osv-schema/#affectedrangesevents-fields
    """

    INTRODUCED = "introduced"
    FIXED = "fixed"
    LAST_AFFECTED = "last_affected"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class Event:
    """A version at which a package becomes vulnerable, or ceases to be."""

    kind: EventKind
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Events of one line of versions, in the publisher's order."""

    type: RangeType
    events: tuple[Event, ...]


class Status(StrEnum):
    """The publisher's own word on a package beyond its ranges, where there is one.

    AFFECTED: vulnerable, a fix may come. WONT_FIX: vulnerable, and the publisher said that it will stay so (will not
    fix, ignored, end of support but known affected). DEFERRED: vulnerable, fix postponed. NOT_AFFECTED: said to be
    safe; it vetoes. UNKNOWN: the publisher does not know (undetermined, end of life): a gap, never clean. PRO_ONLY: a
    fix exists only for paying subscribers (Ubuntu Pro/ESM).
    """

    AFFECTED = "affected"
    WONT_FIX = "wont-fix"
    DEFERRED = "deferred"
    NOT_AFFECTED = "not-affected"
    UNKNOWN = "unknown"
    PRO_ONLY = "pro-only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """One publisher's severity: a vector (`CVSS:3.1/…`), a score 0 to 10, or a label, in the publisher's words.

    `source` says who gave it (`debian`, `ubuntu`, `redhat`, `ghsa`, `nvd` …), `system` how
    (`CVSS_V2`, `CVSS_V3`, `CVSS_V4`, `label`).
    """

    source: str
    system: str
    vector: str = ""
    score: float | None = None
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """One package that an advisory speaks of. `ecosystem` is OSV's, with its release (`Debian:12`).

    `arches`, `module` and `cpe` narrow it where the publisher says so. `note` is the publisher's reason for `status`.
    """

    ecosystem: str
    name: str
    ranges: tuple[Range, ...] = ()
    versions: tuple[str, ...] = ()
    status: Status | None = None
    ratings: tuple[Rating, ...] = ()
    module: str = ""
    cpe: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """A publisher's statement. `(feed, id)` names it; a CVE is an alias; grouping is computed, never stored.

    Times are RFC 3339 as published. A withdrawn advisory is kept, and matches nothing. `informational` marks notices
    that are no vulnerability (RustSec's `informational`, Alma's ALBA and ALEA).
    """

    feed: str
    id: str
    aliases: tuple[str, ...] = ()
    upstream: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    summary: str = ""
    published: str = ""
    modified: str = ""
    withdrawn: str = ""
    informational: bool = False
    ratings: tuple[Rating, ...] = ()
    references: tuple[str, ...] = ()
    affected: tuple[Affected, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A publisher's data in a database: what stood in it, and how new it is.

    `advisories` counts all, also the `withdrawn` and `informational` ones, which match nothing. `newest` is the newest
    modification time among them, `fingerprint` a digest of its input, `fetched` when it was downloaded ("" where the
    builder cannot know).
    """

    name: str
    advisories: int
    affected: int
    withdrawn: int
    broken: int
    newest: str
    fingerprint: str
    fetched: str = ""
    informational: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A row of the database that speaks of a package by name: `number` finds its advisory's header."""

    number: int
    affected: Affected

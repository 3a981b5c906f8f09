"""The OSV schema 1.7 as types: the fields that matter, as they stand in a file.

Where the schema allows null for a list, so do these. What publishers put into their free-form objects is read by those
who know them (`publishers/`). https://ossf.github.io/osv-schema/
"""

import msgspec

from tidewaiter.model.advisory import RangeType


class OsvEvent(msgspec.Struct, frozen=True, gc=False):
    """One version of a range; old records put several events into one object."""

    introduced: str | None = None
    fixed: str | None = None
    last_affected: str | None = None
    limit: str | None = None


class OsvRange(msgspec.Struct, frozen=True):
    """https://ossf.github.io/osv-schema/#affectedranges-field."""

    type: RangeType
    events: list[OsvEvent] | None = None


class OsvPackage(msgspec.Struct, frozen=True, gc=False):
    """https://ossf.github.io/osv-schema/#affectedpackage-field."""

    ecosystem: str
    name: str


class OsvSeverity(msgspec.Struct, frozen=True, gc=False):
    """https://ossf.github.io/osv-schema/#severity-field."""

    type: str
    score: str


class OsvReference(msgspec.Struct, frozen=True, gc=False):
    """https://ossf.github.io/osv-schema/#references-field."""

    url: str


class OsvAffected(msgspec.Struct, frozen=True):
    """One package; without `package` it speaks of commits only."""

    package: OsvPackage | None = None
    ranges: list[OsvRange] | None = None
    versions: list[str] | None = None
    severity: list[OsvSeverity] | None = None
    ecosystem_specific: msgspec.Raw = msgspec.Raw()
    database_specific: msgspec.Raw = msgspec.Raw()


class OsvRecord(msgspec.Struct, frozen=True):
    """One advisory."""

    id: str
    modified: str
    published: str | None = None
    withdrawn: str | None = None
    aliases: list[str] | None = None
    upstream: list[str] | None = None
    related: list[str] | None = None
    summary: str | None = None
    details: str | None = None
    severity: list[OsvSeverity] | None = None
    affected: list[OsvAffected] | None = None
    references: list[OsvReference] | None = None
    database_specific: msgspec.Raw = msgspec.Raw()

"""Ubuntu: CVEs (UBUNTU-), notices (USN) and kernel live patches (LSN).

https://documentation.ubuntu.com/security/security-updates/osv/
Statuses: https://git.launchpad.net/ubuntu-cve-tracker/tree/README
"""

import re
from dataclasses import dataclass

import msgspec

from tidewaiter.feeds.publishers.publisher import Publisher, Word, free_form, label
from tidewaiter.feeds.schema import OsvAffected, OsvRecord
from tidewaiter.model.advisory import Status

_PRO = "Ubuntu:Pro:"
_FREE = "no subscription required"
_WAS_SAFE = re.compile(r"\bwas (not-affected|DNE)\b")
_WAS_VULNERABLE = re.compile(r"\bwas (needed|needs-triage|deferred|pending)\b")


class _Row(msgspec.Struct, frozen=True, gc=False):
    status: str | None = None
    note: str | None = None
    wont_fix: bool | None = None
    undetermined: bool | None = None
    priority: str | None = None
    ubuntu_priority: str | None = None
    availability: str | None = None


_ROW = msgspec.json.Decoder(_Row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ubuntu(Publisher):
    """The tracker's status of each release, and which fixes need a subscription."""

    def word(self, record: OsvRecord, row: OsvAffected) -> Word:  # noqa: ARG002 - the row says all
        """Needed, deferred and pending are vulnerable; a bare "end of standard support" is nobody's knowledge."""
        said = free_form(_ROW, row.ecosystem_specific, "ecosystem_specific")
        status, note = _status(said)
        if status is None and _has_fix(row) and _is_paid(said, row):
            status, note = Status.PRO_ONLY, said.availability or "Ubuntu Pro"
        return Word(status=status, note=note, ratings=label("ubuntu", said.priority or said.ubuntu_priority))


def _status(said: _Row) -> tuple[Status | None, str]:
    note = f"{said.status} ({said.note})" if said.note else said.status or ""
    match said.status:
        case "needed" | "needs-triage" | "pending" | "active":
            return Status.AFFECTED, note
        case "deferred":
            return Status.DEFERRED, note
        case "not-affected" | "DNE":
            return Status.NOT_AFFECTED, note
        case "ignored":
            return _ignored(said), note
        case _:
            return None, ""


def _ignored(said: _Row) -> Status:
    """`ignored (end of standard support, was needed)` is vulnerable for good; what it was is not always told."""
    note = said.note or ""
    if _WAS_SAFE.search(note):
        return Status.NOT_AFFECTED
    if said.wont_fix or _WAS_VULNERABLE.search(note):
        return Status.WONT_FIX
    return Status.UNKNOWN


def _has_fix(row: OsvAffected) -> bool:
    return any(event.fixed is not None for found in row.ranges or () for event in found.events or ())


def _is_paid(said: _Row, row: OsvAffected) -> bool:
    if said.availability is not None:
        return said.availability.strip().lower() != _FREE
    return row.package is not None and row.package.ecosystem.startswith(_PRO)

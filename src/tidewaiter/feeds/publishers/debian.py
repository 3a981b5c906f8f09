"""Debian: the security tracker's CVEs (DEBIAN-), and the advisories DSA and DLA.

https://security-team.debian.org/security_tracker.html
"""

import re
from dataclasses import dataclass

import msgspec

from tidewaiter.feeds.publishers.publisher import Publisher, Word, free_form, label
from tidewaiter.feeds.schema import OsvAffected, OsvRecord
from tidewaiter.model.advisory import Rating, Status

_REGRESSION = re.compile(r"(?P<advisory>(?:DSA|DLA|DTSA)-\d+)-(?P<part>\d+)")
_NVD_MARK = "**"


class _Row(msgspec.Struct, frozen=True, gc=False):
    status: str | None = None
    urgency: str | None = None
    nodsa: str | None = None
    nodsa_reason: str | None = None
    not_affected: bool | None = None
    state: str | None = None
    note: str | None = None


_ROW = msgspec.json.Decoder(_Row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Debian(Publisher):
    """The tracker's status, urgency and "no DSA" remarks of each release."""

    def word(self, record: OsvRecord, row: OsvAffected) -> Word:  # noqa: ARG002 - the row says all
        """Open is vulnerable, also where "no DSA" will come; of the undetermined and the end of life nobody knows."""
        said = free_form(_ROW, row.ecosystem_specific, "ecosystem_specific")
        status, note = _status(said)
        return Word(status=status, note=note, ratings=_urgency(said.urgency or ""))

    def predecessor(self, identifier: str) -> str:
        """`DSA-5-2` mends what `DSA-5-1` broke."""
        found = _REGRESSION.fullmatch(identifier)
        return f"{found['advisory']}-1" if found and found["part"] != "1" else ""


def _status(said: _Row) -> tuple[Status | None, str]:
    if said.not_affected:
        return Status.NOT_AFFECTED, ""
    if "end-of-life" in {said.urgency, said.state, said.nodsa_reason}:
        return Status.UNKNOWN, "end of life"
    match said.status:
        case "undetermined":
            return Status.UNKNOWN, "undetermined"
        case "open":
            return _open(said)
        case _:
            return None, said.note or ""


def _open(said: _Row) -> tuple[Status, str]:
    if said.nodsa_reason == "ignored":
        return Status.WONT_FIX, said.nodsa or "ignored"
    if said.nodsa is not None or said.nodsa_reason:
        return Status.DEFERRED, said.nodsa or said.nodsa_reason or "no DSA"
    return Status.AFFECTED, ""


def _urgency(urgency: str) -> tuple[Rating, ...]:
    """`high**` is not Debian's word: the tracker took it from NVD's score."""
    source = "nvd" if urgency.endswith(_NVD_MARK) else "debian"
    return label(source, urgency.removesuffix(_NVD_MARK))

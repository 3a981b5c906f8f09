"""What the rows on one vulnerability of one subject say together."""

from collections.abc import Sequence
from dataclasses import dataclass

from tidewaiter.match.affected import Answer, Verdict
from tidewaiter.match.keys import Lookup, is_paid_build
from tidewaiter.model.advisory import Advisory, Affected, EventKind
from tidewaiter.model.finding import MatchKind


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an advisory, found by one lookup, with its answer."""

    lookup: Lookup
    affected: Affected
    advisory: Advisory
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """The verdict, and the rows that bear it: those that say yes, or those that can not tell."""

    verdict: Verdict
    rows: tuple[Row, ...] = ()


def weigh(rows: Sequence[Row], *, system: bool, subscriber: bool) -> Weighed:
    """What the rows say together.

    Publishers of application advisories are alternatives: one yes is enough. A distribution speaks with one voice,
    about what is free and what is paid for apart: the installed version tells which of the two it came from.
    """
    if not system:
        return _bearing(rows)
    rows = _of_the_nearest_name(rows)
    for_subscribers = [row for row in rows if row.lookup.paid]
    if not for_subscribers:
        return _settle(rows)
    free = _settle([row for row in rows if not row.lookup.paid])
    paid = _settle(for_subscribers)
    if not subscriber:
        return _for_free(free, paid)
    silent = paid.verdict is Verdict.CANNOT_TELL and free.verdict is not Verdict.CANNOT_TELL
    return free if silent else paid


def _of_the_nearest_name(rows: Sequence[Row]) -> Sequence[Row]:
    """Where an advisory names the binary itself, what it says of the source's namesake is about another package.

    The versions of the two may differ: `perl-Errno` 1.28-423.el8 beside `perl` 4:5.26.3-423.el8.
    """
    named = {row.advisory.id for row in rows if row.lookup.kind is MatchKind.BINARY}
    return [row for row in rows if row.lookup.kind is not MatchKind.SOURCE or row.advisory.id not in named]


def _settle(rows: Sequence[Row]) -> Weighed:
    """What one publisher says: a veto ends it, a fix in the release outdates what was said before there was one."""
    if any(row.answer.verdict is Verdict.VETO for row in rows):
        return Weighed(verdict=Verdict.VETO)
    return _bearing([row for row in rows if row.answer.decided] or rows)


def _bearing(rows: Sequence[Row]) -> Weighed:
    """The strongest verdict, and who gave it."""
    for verdict in (Verdict.YES, Verdict.NO, Verdict.CANNOT_TELL):
        bearing = tuple(row for row in rows if row.answer.verdict is verdict)
        if bearing:
            return Weighed(verdict=verdict, rows=bearing)
    return Weighed(verdict=Verdict.CANNOT_TELL)


def _for_free(free: Weighed, paid: Weighed) -> Weighed:
    """The word of paid updates counts where the free ones have no answer or no fix: they begin with the same packages.

    Free rows are missing for a vulnerability that came up after the end of support.
    """
    fixed = any(row.answer.decided for row in free.rows)
    if free.verdict in {Verdict.VETO, Verdict.NO} or fixed:
        return free
    if not free.rows:
        return paid
    match paid.verdict:
        case Verdict.YES:
            known = free.rows if free.verdict is Verdict.YES else ()
            fix = any(row.answer.fixes for row in paid.rows)
            return Weighed(verdict=Verdict.YES, rows=(*known, *paid.rows) if fix or not known else known)
        case Verdict.NO if any(map(_from_one_line, paid.rows)):
            return paid
        case _:
            return free


def _from_one_line(row: Row) -> bool:
    """Whether a version above the row's fix has it, wherever it came from.

    Kernels for subscribers go on where the free ones stop. Others bear a mark (`~esm1`, `+esm2`): a version above it
    that has none came from the free updates, which never took the fix over.
    """
    fixes = [event for each in row.affected.ranges for event in each.events if event.kind is EventKind.FIXED]
    return row.answer.decided and not any(is_paid_build(event.version) for event in fixes)

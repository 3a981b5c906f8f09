"""What to upgrade to."""

from collections.abc import Sequence

from tidewaiter.errors import VersionError
from tidewaiter.match.affected import Verdict, judge
from tidewaiter.match.evidence import Row, Weighed
from tidewaiter.match.order import Order
from tidewaiter.model.advisory import EventKind, Status
from tidewaiter.model.finding import Fix, FixState

# Where rows differ, the word that leaves most hope of a fix is the publisher's last.
_UNFIXED = (
    (Status.PRO_ONLY, FixState.PRO_ONLY),
    (Status.AFFECTED, FixState.NOT_FIXED),
    (Status.DEFERRED, FixState.DEFERRED),
    (Status.WONT_FIX, FixState.WONT_FIX),
)


def fix_of(weighed: Weighed, heard: Sequence[Row], order: Order) -> Fix:
    """The versions above the installed one that end it: the one to take, then the others, lowest first.

    The one to take is the lowest that no row of `heard` calls affected, but for those that know no end. So it
    stays in the installed line of versions where that has a fix, and where two advisories fixed one vulnerability in
    turn it is the later fix.
    """
    ends = [(row, fix) for row in weighed.rows for fix in row.answer.fixes if _is_fix(fix, row, order)]
    if not ends:
        return Fix(state=_unfixed(weighed.rows))
    rows = [row for row, _ in ends]
    if len(ends) == 1:
        return Fix(state=_fixed(rows), versions=(ends[0][1],))
    versions = _ordered({fix: row for row, fix in ends}, order)
    best = _best(versions, [row for row in heard if not _endless(row)], order)
    return Fix(state=_fixed(rows), versions=(best, *(version for version in versions if version != best)))


def _is_fix(version: str, row: Row, order: Order) -> bool:
    """Whether a range does not end just where another one of the row begins (`< 1.3`, `>= 1.3, <= 1.3.12`)."""
    alone = len(row.affected.ranges) == 1 and not row.affected.versions
    return alone or not _still_affected(version, row, order)


def _fixed(rows: Sequence[Row]) -> FixState:
    return FixState.PRO_ONLY if all(map(_paid, rows)) else FixState.FIXED


def _paid(row: Row) -> bool:
    """Whether the fix is for subscribers only: true for them too, as long as no free update has it."""
    return row.lookup.paid or row.affected.status is Status.PRO_ONLY


def _ordered(fixes: dict[str, Row], order: Order) -> list[str]:
    """Lowest first. What is no version in the package's scheme (a SEMVER range may name one) comes last."""

    def place(version: str) -> tuple[object, ...]:
        try:
            return (0, order.key(fixes[version].lookup.scheme, version))
        except VersionError:
            return (1, version)

    return sorted(fixes, key=place)


def _best(versions: list[str], rows: Sequence[Row], order: Order) -> str:
    if len(versions) == 1:
        return versions[0]
    free = (version for version in versions if not any(_still_affected(version, row, order) for row in rows))
    return next(free, versions[-1])


def _still_affected(version: str, row: Row, order: Order) -> bool:
    return judge(row.affected, row.lookup.at(version), order).verdict is Verdict.YES


def _unfixed(rows: Sequence[Row]) -> FixState:
    """A range without an end has no fix yet; one that names its last affected version, or a list, does not say."""
    said = {row.affected.status for row in rows}
    for status, state in _UNFIXED:
        if status in said:
            return state
    endless = any(_endless(row) for row in rows)
    return FixState.NOT_FIXED if endless else FixState.UNKNOWN


def _endless(row: Row) -> bool:
    ends = {EventKind.FIXED, EventKind.LAST_AFFECTED, EventKind.LIMIT}
    return any(not ends & {event.kind for event in each.events} for each in row.affected.ranges)

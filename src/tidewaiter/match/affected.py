"""Whether one row of an advisory speaks of an installed version: yes, no, or it can not be told.

https://ossf.github.io/osv-schema/#evaluation
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum
from itertools import groupby
from operator import itemgetter

from tidewaiter.errors import VersionError
from tidewaiter.match.keys import Lookup, has_epoch, without_build_marks, without_epoch
from tidewaiter.match.order import Order, Position
from tidewaiter.model.advisory import Affected, Event, EventKind, Range, RangeType, Status

_BEFORE_ALL = "0"
_NO_LIMIT = "*"
_FROM_THE_FIRST = (Event(EventKind.INTRODUCED, _BEFORE_ALL),)
_A_PAIR = 2

# Schemes that spell one version in several ways: a listed version is looked for by its order, not only by its letters.
_MANY_SPELLINGS = frozenset({"pep440", "maven", "nuget", "composer", "gem", "semver"})


class Verdict(Enum):
    """Whether a version is affected. VETO is the publisher's own word that it is not, whatever others say."""

    YES = "yes"
    NO = "no"
    VETO = "veto"
    CANNOT_TELL = "cannot tell"


class Doubt(StrEnum):
    """Why it can not be told."""

    INSTALLED_VERSION = "the installed version is not valid in its scheme"
    ADVISORY_VERSION = "the advisory names a version that is not valid in its scheme"
    COMMITS = "the advisory names commits only"
    NOTHING_NAMED = "the advisory names neither versions nor ranges"
    PUBLISHER = "the publisher has not determined it"
    STREAM = "the module stream of the package or of the advisory is not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one row says of one version.

    `range` is the range or listed version that met. `fixes` are the versions above the installed one at which a range
    of the row ends, in no order. `decided` says that the row names a fix at all, above or below. `doubt` is set where
    it can not be told, with `detail`.
    """

    verdict: Verdict
    range: str = ""
    fixes: tuple[str, ...] = ()
    decided: bool = False
    doubt: Doubt | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Interval:
    """From the event that opens it to the one that ends it, if any."""

    start: Event
    start_at: Position
    end: Event | None
    end_at: Position | None

    def holds(self, position: Position) -> bool:
        return not position < self.start_at and (self.end_at is None or position < self.end_at)

    def __str__(self) -> str:
        parts = [] if self.start.version == _BEFORE_ALL else [f">= {self.start.version}"]
        if self.end is not None:
            parts.append(f"{'<' if self.end.kind is EventKind.FIXED else '<='} {self.end.version}")
        return ", ".join(parts) or "all versions"


def judge(affected: Affected, lookup: Lookup, order: Order) -> Answer:
    """Whether the row says that the version looked up is affected. Never raises VersionError."""
    match affected.status:
        case Status.NOT_AFFECTED:
            return Answer(verdict=Verdict.VETO)
        case Status.UNKNOWN:
            return _doubt(Doubt.PUBLISHER, affected.note)
        case _:
            pass
    if affected.ranges or affected.versions:
        return _by_versions(affected, lookup, order)
    if affected.status is None:
        return _doubt(Doubt.NOTHING_NAMED)
    return Answer(verdict=Verdict.YES, range="all versions")


def _doubt(why: Doubt, detail: str = "") -> Answer:
    return Answer(verdict=Verdict.CANNOT_TELL, doubt=why, detail=detail)


def _by_versions(affected: Affected, lookup: Lookup, order: Order) -> Answer:
    """Ranges and listed versions are alternatives: one that meets is enough."""
    scale = _Scale(affected, lookup, order)
    answers = [scale.judge(each) for each in affected.ranges]
    if affected.versions and scale.lists(affected.versions):
        answers.insert(0, Answer(verdict=Verdict.YES, range=f"= {lookup.version}"))
    elif not affected.ranges:
        return scale.refused() or Answer(verdict=Verdict.NO)
    if len(answers) == 1 and not affected.versions:
        return answers[0]
    return _either(answers, listed=bool(affected.versions))


def _either(answers: list[Answer], *, listed: bool) -> Answer:
    fixes = tuple(dict.fromkeys(fix for answer in answers for fix in answer.fixes))
    decided = any(answer.decided for answer in answers)
    for answer in answers:
        if answer.verdict is Verdict.YES:
            return Answer(verdict=Verdict.YES, range=answer.range, fixes=fixes, decided=decided)
    # Commits tell nothing, but beside them an order or a list does: the schema asks for one where they stand alone.
    doubts = [answer for answer in answers if answer.doubt is not None and answer.doubt is not Doubt.COMMITS]
    if doubts:
        return doubts[0]
    if answers and not listed and all(answer.doubt is Doubt.COMMITS for answer in answers):
        return answers[0]
    return Answer(verdict=Verdict.NO, decided=decided)


class _Scale:
    """The versions of one row and the installed one, as positions on one line."""

    def __init__(self, affected: Affected, lookup: Lookup, order: Order) -> None:
        self._order = order
        self._scheme = lookup.scheme
        self._bare = lookup.any_epoch and _epochs_differ(affected, lookup.version)
        self._unmarked = lookup.rebuilt
        self._installed = self._spell(lookup.version)

    def judge(self, each: Range) -> Answer:
        """What one range says of the installed version."""
        if each.type is RangeType.GIT:
            return _doubt(Doubt.COMMITS)
        if each.events == _FROM_THE_FIRST:
            return Answer(verdict=Verdict.YES, range="all versions")
        scheme = "semver" if each.type is RangeType.SEMVER else self._scheme
        try:
            installed: Position = (1, self._order.key(scheme, self._installed))
        except VersionError as error:
            return _doubt(Doubt.INSTALLED_VERSION, str(error))
        try:
            return self._walk(each.events, installed, scheme)
        except VersionError as error:
            return _doubt(Doubt.ADVISORY_VERSION, str(error))

    def _walk(self, events: tuple[Event, ...], installed: Position, scheme: str) -> Answer:
        if len(events) == _A_PAIR and events[0] == _FROM_THE_FIRST[0] and events[1].kind is EventKind.FIXED:
            return self._commonest(events[1], installed, scheme)
        if not self._below_limit(events, installed, scheme):
            return Answer(verdict=Verdict.NO)
        places = [(self._place(event, scheme), event) for event in events if event.kind is not EventKind.LIMIT]
        fixed = [(place, event) for place, event in places if event.kind is EventKind.FIXED]
        fixes = tuple(event.version for place, event in fixed if place > installed)
        for interval in _intervals(places):
            if interval.holds(installed):
                return Answer(verdict=Verdict.YES, range=str(interval), fixes=fixes, decided=bool(fixed))
        return Answer(verdict=Verdict.NO, fixes=fixes, decided=bool(fixed))

    def _commonest(self, fixed: Event, installed: Position, scheme: str) -> Answer:
        """`introduced 0, fixed X`, as nearly all rows of distributions are; the same as the long way, sooner."""
        if installed < self._place(fixed, scheme):
            return Answer(verdict=Verdict.YES, range=f"< {fixed.version}", fixes=(fixed.version,), decided=True)
        return Answer(verdict=Verdict.NO, decided=True)

    def _below_limit(self, events: tuple[Event, ...], installed: Position, scheme: str) -> bool:
        limits = [event for event in events if event.kind is EventKind.LIMIT]
        return not limits or any(
            event.version == _NO_LIMIT or installed < self._place(event, scheme) for event in limits
        )

    def _place(self, event: Event, scheme: str) -> Position:
        """`0` lies before all, and what ends there (`fixed 0`) never was. A last affected version is left behind it."""
        if event.version == _BEFORE_ALL:
            return (0,)
        key = self._order.key(scheme, self._spell(event.version))
        return (1, key, 1) if event.kind is EventKind.LAST_AFFECTED else (1, key)

    def _spell(self, version: str) -> str:
        unmarked = without_build_marks(version) if self._unmarked else version
        return without_epoch(unmarked) if self._bare else unmarked

    def refused(self) -> Answer | None:
        """The doubt about an installed version that the scheme refuses: a list may spell it otherwise."""
        try:
            self._order.key(self._scheme, self._installed)
        except VersionError as error:
            return _doubt(Doubt.INSTALLED_VERSION, str(error))
        return None

    def lists(self, versions: tuple[str, ...]) -> bool:
        """Whether the installed version is among these."""
        if self._installed in map(self._spell, versions):
            return True
        return self._scheme in _MANY_SPELLINGS and any(map(self._equal, versions))

    def _equal(self, version: str) -> bool:
        try:
            return bool(self._order.key(self._scheme, version) == self._order.key(self._scheme, self._installed))
        except VersionError:
            return False


def _epochs_differ(affected: Affected, installed: str) -> bool:
    """Whether one side names an epoch and the other does not."""
    events = (event.version for each in affected.ranges for event in each.events)
    own = has_epoch(installed)
    return any(version != _BEFORE_ALL and has_epoch(version) != own for version in (*events, *affected.versions))


def _intervals(places: Iterable[tuple[Position, Event]]) -> Iterator[_Interval]:
    """Walks the events in the order of their versions, and gives each span of affected ones.

    Where a span ends at the very version at which another begins, nothing changes: `[1, 2) [2, 3)` is one span, `[2,
    2)` is none.
    """
    opened: tuple[Position, Event] | None = None
    for place, group in groupby(sorted(places, key=itemgetter(0)), key=itemgetter(0)):
        events = {event.kind is EventKind.INTRODUCED: event for _, event in group}
        if len(events) > 1:
            continue
        if True in events:
            opened = opened or (place, events[True])
        elif opened is not None:
            yield _Interval(opened[1], opened[0], events[False], place)
            opened = None
    if opened is not None:
        yield _Interval(opened[1], opened[0], None, None)

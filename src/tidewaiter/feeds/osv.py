"""Advisories in OSV's format, of every publisher. https://ossf.github.io/osv-schema/."""

import re
from collections.abc import Iterable, Iterator
from typing import TypeVar

import msgspec

from tidewaiter.feeds import typed
from tidewaiter.feeds.feed import RecordError
from tidewaiter.feeds.publishers.catalog import publisher_of
from tidewaiter.feeds.publishers.publisher import Publisher, Word, label, within
from tidewaiter.feeds.schema import OsvAffected, OsvEvent, OsvRange, OsvRecord, OsvSeverity
from tidewaiter.model.advisory import Advisory, Affected, Event, EventKind, Range, RangeType, Rating, Status

_Value = TypeVar("_Value")

_RECORD = msgspec.json.Decoder(OsvRecord)
_BEFORE_ALL = "0"
_KINDS = (EventKind.INTRODUCED, EventKind.FIXED, EventKind.LAST_AFFECTED, EventKind.LIMIT)
_NEVER = (Event(EventKind.INTRODUCED, _BEFORE_ALL), Event(EventKind.FIXED, _BEFORE_ALL))
_EVERY = Range(type=RangeType.ECOSYSTEM, events=_NEVER[:1])
_VULNERABLE = frozenset({Status.AFFECTED, Status.WONT_FIX, Status.DEFERRED})
_COMMITS = Range(type=RangeType.GIT, events=())
_SUMMARY_LENGTH = 160  # characters: a line of a report
_LONGEST_SUMMARY = 500  # characters: the schema advises 120
_LONGEST_IDENTIFIER = 250  # characters: what a file may be named after
_MOST_ROWS = 250_000  # a hundred times the most seen; a hostile record would be millions
_SCORE = re.compile(r"\d+(\.\d+)?")


class Osv:
    """One advisory a file."""

    name = "osv"

    def wants(self, path: str) -> bool:
        """Every JSON file."""
        return path.lower().endswith(".json")

    def parse(self, content: bytes) -> tuple[Advisory]:
        """The advisory in the file. Raises RecordError, with the path of the field in `where`."""
        record = typed.decode(_RECORD, content)
        if not 0 < len(record.id) <= _LONGEST_IDENTIFIER or not record.id.isprintable():
            raise RecordError("expected an identifier", where="id")
        if len(record.affected or ()) > _MOST_ROWS:
            raise RecordError(f"more than {_MOST_ROWS} packages", where="affected")
        typed.moment(record.modified, "modified")
        return (_advisory(record, publisher_of(record.id, _first_ecosystem(record))),)


def _first_ecosystem(record: OsvRecord) -> str:
    return next((row.package.ecosystem for row in record.affected or () if row.package), "")


def _advisory(record: OsvRecord, publisher: Publisher) -> Advisory:
    return Advisory(
        feed=publisher.name,
        id=record.id,
        aliases=_distinct(record.aliases),
        upstream=_distinct(publisher.upstream(record)),
        related=_distinct(record.related),
        summary=_summary(record),
        published=record.published or "",
        modified=record.modified,
        withdrawn=record.withdrawn or "",
        informational=publisher.informational(record),
        ratings=_distinct((*publisher.ratings(record), *_ratings(record.severity, publisher))),
        references=_distinct(reference.url for reference in record.references or ()),
        affected=tuple(_rows(record, publisher)),
    )


def _distinct(values: Iterable[_Value] | None) -> tuple[_Value, ...]:
    return tuple(dict.fromkeys(values or ()))


def _summary(record: OsvRecord) -> str:
    """The summary, or else the first line of the details, shortened to a line of a report."""
    if record.summary and record.summary.strip():
        return _shortened(record.summary.strip(), _LONGEST_SUMMARY)
    return _shortened((record.details or "").strip().partition("\n")[0].strip(), _SUMMARY_LENGTH)


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def _ratings(severities: Iterable[OsvSeverity] | None, publisher: Publisher) -> Iterator[Rating]:
    """CVSS is the publisher's; any other type names who gave it (`Ubuntu`, `RedHat`)."""
    for severity in severities or ():
        if not severity.type.startswith("CVSS_"):
            yield from label(severity.type.lower(), severity.score)
        elif _SCORE.fullmatch(severity.score):
            yield Rating(source=publisher.name, system=severity.type, score=float(severity.score))
        else:
            yield Rating(source=publisher.name, system=severity.type, vector=severity.score)


def _rows(record: OsvRecord, publisher: Publisher) -> Iterator[Affected]:
    for index, row in enumerate(record.affected or ()):
        try:
            yield _affected(row, publisher.word(record, row), publisher)
        except RecordError as error:
            raise within(f"affected[{index}]", error) from None


def _affected(row: OsvAffected, word: Word, publisher: Publisher) -> Affected:
    """A row without a package keeps its place, under no name. "Vulnerable" without a version means every version."""
    ranges = _ranges(row)
    versions = _distinct(row.versions)
    status, note = _status(word, ranges, versions)
    if status in _VULNERABLE and not ranges and not versions:
        ranges = (_EVERY,)
    return Affected(
        ecosystem=row.package.ecosystem if row.package else "",
        name=word.name or (row.package.name if row.package else ""),
        ranges=ranges,
        versions=versions,
        status=status,
        ratings=_distinct((*word.ratings, *_ratings(row.severity, publisher))),
        module=word.module,
        cpe=word.cpe,
        note=note,
    )


def _status(word: Word, ranges: tuple[Range, ...], versions: tuple[str, ...]) -> tuple[Status | None, str]:
    """The publisher's word, and what the ranges imply where it is silent.

    "Fixed in 0" is how distributions say "not affected"; a row without any version says nothing that could be judged.
    """
    if word.status is not None:
        return word.status, word.note
    if ranges and not versions and all(found.events == _NEVER for found in ranges):
        return Status.NOT_AFFECTED, word.note
    if not ranges and not versions:
        return Status.UNKNOWN, word.note or "the advisory names no versions"
    return None, word.note


def _ranges(row: OsvAffected) -> tuple[Range, ...]:
    """The ranges of versions; one of commits only where there is no other, as a mark of what can not be judged.

    Beside versions, commits tell the same again in a way that no installed package can be compared with.
    """
    found = [_range(index, told) for index, told in enumerate(row.ranges or ()) if told.type is not RangeType.GIT]
    ranges = _distinct(told for told in found if told.events)
    commits = any(told.type is RangeType.GIT for told in row.ranges or ())
    return (_COMMITS,) if commits and not found else ranges


def _range(index: int, told: OsvRange) -> Range:
    """A range without events says nothing; one with an end and no beginning is broken, not empty.

    https://ossf.github.io/osv-schema/#requirements
    """
    where = f"ranges[{index}].events"
    events = tuple(_events(told.events or (), where))
    if events and not any(event.kind is EventKind.INTRODUCED for event in events):
        raise RecordError("expected an introduced event", where=where)
    return Range(type=told.type, events=events)


def _events(told: Iterable[OsvEvent], where: str) -> Iterator[Event]:
    for index, event in enumerate(told):
        versions = (event.introduced, event.fixed, event.last_affected, event.limit)
        kinds = [Event(kind, version) for kind, version in zip(_KINDS, versions, strict=True) if version is not None]
        if not kinds:
            raise RecordError("expected introduced, fixed, last_affected or limit", where=f"{where}[{index}]")
        yield from kinds

"""Advisories on their way into a database: gathered in any order, settled, and given out sorted.

Kept in arrays and a spool file, not as objects: memory grows with the distinct statements, and by 12 bytes a row.
"""

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import BinaryIO

import msgspec

from tidewaiter.feeds import typed
from tidewaiter.feeds.encoding import decode_header, encode_header, encode_statement
from tidewaiter.feeds.publishers.catalog import publisher_of
from tidewaiter.model.advisory import Advisory, Affected, Feed
from tidewaiter.model.ecosystem import normalise, split_ecosystem

_ENCODER = msgspec.msgpack.Encoder()
_WIDTH = 3  # of a row in the array of its package: ecosystem, statement, record
_OUT = -1


@dataclass(frozen=True, slots=True)
class _Record:
    """What must be known of an advisory before all are there; its header lies in the spool.

    An `orphan` names no vulnerability. `spoken` is the newest time that it states: some publishers leave `modified` at
    the year 1.
    """

    offset: int
    length: int
    digest: bytes
    modified: datetime
    spoken: datetime
    source: int
    affected: int
    withdrawn: bool
    informational: bool
    orphan: bool

    @property
    def live(self) -> bool:
        """Whether it can match."""
        return not self.withdrawn and not self.informational


class Staging:
    """Gathers advisories. Of several with one feed and id the newest counts.

    Of two as new nobody can say which is right: the larger digest gives the header, both speak of packages.
    `spool` is an empty file to write to and read from.
    """

    def __init__(self, spool: BinaryIO) -> None:
        self._spool = spool
        self._end = 0
        self._records: list[_Record] = []
        self._current: dict[tuple[str, str], int] = {}
        self._twins: list[tuple[int, int]] = []
        self._newest: dict[int, datetime] = {}
        self._ecosystems: dict[str, int] = {}
        self._statements: dict[bytes, int] = {}
        self._packages: dict[tuple[str, str], array[int]] = {}

    def add(self, advisory: Advisory, *, content: bytes, source: int) -> None:
        """Take an advisory; `content` is what it was read from, `source` the number of the input that held it."""
        record = self._record(advisory, content, source)
        number = len(self._records)
        self._records.append(record)
        self._newest[source] = max(self._newest.get(source, record.spoken), record.spoken)
        self._place((advisory.feed, advisory.id), number)
        if record.live:
            for row in advisory.affected:
                if is_named(row):
                    self._stage(row, number)

    def newest(self, source: int) -> str:
        """The newest time that an advisory of this input states, "" if it had none."""
        return typed.timestamp(self._newest[source]) if source in self._newest else ""

    def settle(self) -> "Settled":
        """All that were added, numbered from 0 by feed and id."""
        keys = sorted(self._current)
        order = [self._current[key] for key in keys]
        numbers = array("i", [_OUT]) * len(self._records)
        for number, record in enumerate(order):
            numbers[record] = number
        out = (record for record, number in zip(self._records, numbers, strict=True) if number == _OUT)
        superseded = Counter(record.source for record in out)
        for loser, winner in reversed(self._twins):
            if self._records[winner].live:
                numbers[loser] = numbers[winner]
        return Settled(
            keys=keys,
            records=[self._records[record] for record in order],
            superseded=superseded,
            spool=self._spool,
            rows=_Rows(numbers, tuple(self._ecosystems), tuple(self._statements), self._packages),
        )

    def _place(self, key: tuple[str, str], number: int) -> None:
        rival = self._current.setdefault(key, number)
        if rival == number:
            return
        one, other = self._records[number], self._records[rival]
        loser, winner = (rival, number) if _newer(one, other) else (number, rival)
        self._current[key] = winner
        if one.modified == other.modified:
            self._twins.append((loser, winner))

    def _record(self, advisory: Advisory, content: bytes, source: int) -> _Record:
        header = encode_header(advisory)
        modified = typed.moment(advisory.modified, "modified")
        published = typed.moment(advisory.published, "published") if advisory.published else modified
        self._spool.write(header)
        self._end += len(header)
        return _Record(
            offset=self._end - len(header),
            length=len(header),
            digest=hashlib.sha256(content).digest(),
            modified=modified,
            spoken=max(modified, published),
            source=source,
            affected=sum(map(is_named, advisory.affected)),
            withdrawn=bool(advisory.withdrawn),
            informational=advisory.informational,
            orphan=not advisory.upstream and not advisory.aliases,
        )

    def _stage(self, row: Affected, record: int) -> None:
        base, _ = split_ecosystem(row.ecosystem)
        name = normalise(row.ecosystem, row.name)
        ecosystem = self._ecosystems.setdefault(row.ecosystem, len(self._ecosystems))
        statement = self._statements.setdefault(encode_statement(row, name), len(self._statements))
        rows = self._packages.get((base, name))
        if rows is None:
            rows = self._packages[base, name] = array("I")
        rows.extend((ecosystem, statement, record))


def is_named(row: Affected) -> bool:
    """Whether a row speaks of a package; some speak of commits only."""
    return bool(row.ecosystem and row.name)


def _newer(record: _Record, rival: _Record) -> bool:
    return (record.modified, record.digest) > (rival.modified, rival.digest)


@dataclass(frozen=True, slots=True)
class _Rows:
    """The staged rows: `numbers` gives the final number of each record, or that it is out."""

    numbers: "array[int]"
    ecosystems: tuple[str, ...]
    statements: tuple[bytes, ...]
    packages: Mapping[tuple[str, str], "array[int]"]

    def of(self, package: tuple[str, str]) -> dict[str, dict[bytes, list[int]]]:
        """By ecosystem and statement, in order: the advisories that say so, each once, in order."""
        grouped: dict[str, dict[bytes, set[int]]] = {}
        rows = self.packages[package]
        for place in range(0, len(rows), _WIDTH):
            ecosystem, statement, record = rows[place : place + _WIDTH]
            if self.numbers[record] != _OUT:
                said = grouped.setdefault(self.ecosystems[ecosystem], {})
                said.setdefault(self.statements[statement], set()).add(self.numbers[record])
        return {
            ecosystem: {statement: sorted(numbers) for statement, numbers in sorted(said.items())}
            for ecosystem, said in sorted(grouped.items())
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Staged advisories, sorted. `superseded` counts, by input, those for which a newer text was found."""

    keys: Sequence[tuple[str, str]]
    records: Sequence[_Record]
    superseded: Mapping[int, int]
    spool: BinaryIO
    rows: _Rows

    def headers(self) -> Iterator[bytes]:
        """The header of each advisory, by number."""
        places = {key: number for number, key in enumerate(self.keys)}
        for (feed, identifier), record in zip(self.keys, self.records, strict=True):
            before = publisher_of(identifier).predecessor(identifier) if record.orphan else ""
            heir = places.get((feed, before))
            yield self._header(record) if heir is None else self._inherited(record, self.records[heir])

    def _header(self, record: _Record) -> bytes:
        self.spool.seek(record.offset)
        return self.spool.read(record.length)

    def _inherited(self, record: _Record, before: _Record) -> bytes:
        upstream = decode_header(self._header(before)).upstream
        return encode_header(replace(decode_header(self._header(record)), upstream=upstream))

    def packages(self, counts: "Counter[str]") -> Iterator[tuple[str, str, bytes]]:
        """The rows on each package, as (base of the ecosystem, normalised name, blob); `counts` is filled by ecosystem.

        A blob maps each ecosystem to pairs: a statement, and the numbers of the advisories that make it, each as the
        distance from the one before.
        """
        for base, name in sorted(self.rows.packages):
            said = self.rows.of((base, name))
            if said:
                counts.update({ecosystem: sum(map(len, statements.values())) for ecosystem, statements in said.items()})
                yield base, name, _blob(said)

    def feeds(self) -> tuple[Feed, ...]:
        """What there is of each publisher, without the broken records."""
        by_feed: dict[str, list[tuple[str, _Record]]] = {}
        for (feed, identifier), record in zip(self.keys, self.records, strict=True):
            by_feed.setdefault(feed, []).append((identifier, record))
        return tuple(_feed(name, records) for name, records in by_feed.items())


def _blob(said: Mapping[str, Mapping[bytes, Sequence[int]]]) -> bytes:
    return _ENCODER.encode(
        {
            ecosystem: [(msgspec.Raw(statement), _distances(numbers)) for statement, numbers in statements.items()]
            for ecosystem, statements in said.items()
        }
    )


def _distances(numbers: Sequence[int]) -> list[int]:
    return [numbers[0], *(after - before for before, after in pairwise(numbers))]


def _feed(name: str, records: Sequence[tuple[str, _Record]]) -> Feed:
    fingerprint = hashlib.sha256()
    for identifier, record in records:
        fingerprint.update(f"{identifier}\0".encode() + record.digest)
    return Feed(
        name=name,
        advisories=len(records),
        affected=sum(record.affected for _, record in records),
        withdrawn=sum(record.withdrawn for _, record in records),
        informational=sum(record.informational for _, record in records),
        broken=0,
        newest=typed.timestamp(max(record.spoken for _, record in records)),
        fingerprint=f"sha256:{fingerprint.hexdigest()}",
    )

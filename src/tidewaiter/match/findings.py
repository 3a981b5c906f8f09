"""Judges an inventory: which known vulnerabilities are in its packages, and what nobody can say about them.

Looked up once for all packages, answered once for each distinct source or name, and grouped by the name that all
publishers share: a finding is one vulnerability in one package, with every advisory that says so.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from tidewaiter.match import doubts, severity, streams, vulnerabilities
from tidewaiter.match.advisories import Advisories
from tidewaiter.match.affected import Answer, Verdict
from tidewaiter.match.affected import judge as judge_row
from tidewaiter.match.evidence import Row, Weighed, weigh
from tidewaiter.match.fixes import fix_of
from tidewaiter.match.gaps import Concern
from tidewaiter.match.keys import Lookup
from tidewaiter.match.order import Order
from tidewaiter.match.severity import Opinion
from tidewaiter.match.subjects import Subject, docket
from tidewaiter.model.advisory import Advisory, Candidate
from tidewaiter.model.finding import Finding, Match
from tidewaiter.model.gap import Gap
from tidewaiter.model.package import Inventory, Package

_Value = TypeVar("_Value")
_Answered = tuple[Lookup, Candidate, Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What was found, in the inventory's order of packages, and what could not be judged."""

    findings: tuple[Finding, ...] = ()
    gaps: tuple[Gap, ...] = ()


JUDGING_VERSION = 1
"""Raised when the same packages and the same advisories are judged in another way: what was stored is judged again."""


def judge(inventory: Inventory, advisories: Advisories) -> Judgement:
    """The findings and the gaps of an inventory. A gap says what was not judged: without one, the rest is clean."""
    findings, concerns = _judged(inventory.packages, advisories)
    places = {id(package): place for place, package in enumerate(inventory.packages)}
    findings.sort(key=lambda finding: (places[id(finding.package)], finding.vulnerability))
    gaps = {gap for concern in concerns for gap in concern.gaps()}
    return Judgement(findings=tuple(findings), gaps=tuple(sorted(gaps)))


def judge_each(packages: Sequence[Package], advisories: Advisories) -> list[Judgement]:
    """What is found in each of these packages, and why it could not be judged: as if each were alone.

    Packages of many images can be judged together so, each once. A gap that concerns several names only the reason.
    """
    found, concerns = _judged(packages, advisories)
    places = {id(package): place for place, package in enumerate(packages)}
    findings: list[list[Finding]] = [[] for _ in packages]
    gaps: list[set[Gap]] = [set() for _ in packages]
    for finding in found:
        findings[places[id(finding.package)]].append(finding)
    for concern in concerns:
        for package in concern.packages:
            gaps[places[id(package)]].update(concern.gaps_of(package))
    return [
        Judgement(findings=tuple(sorted(those, key=lambda each: each.vulnerability)), gaps=tuple(sorted(doubts)))
        for those, doubts in zip(findings, gaps, strict=True)
    ]


def _judged(packages: Iterable[Package], advisories: Advisories) -> tuple[list[Finding], list[Concern]]:
    sorted_packages = docket(packages, advisories.ecosystems())
    findings, concerns = _Judge(sorted_packages.subjects, advisories).judge()
    return findings, [*sorted_packages.concerns, *concerns]


class _Judge:
    """One judging: the answers of all rows first, so that headers are fetched at once, and only where they matter."""

    def __init__(self, subjects: Mapping[Subject, list[Package]], advisories: Advisories) -> None:
        self._subjects = subjects
        self._advisories = advisories
        self._order = Order()
        self._names: Mapping[tuple[str, str], tuple[str, ...]] = {}

    def judge(self) -> tuple[list[Finding], list[Concern]]:
        """Findings in no order, and the doubts that rows left which could not be answered."""
        answered = self._answer()
        numbers = {candidate.number for rows in answered.values() for _, candidate, _ in rows}
        headers = self._advisories.advisories(numbers)
        findings: list[Finding] = []
        concerns: list[Concern] = []
        for subject, given in answered.items():
            packages = self._subjects[subject]
            # By the subject's own advisories alone: what else stands in the inventory changes no finding's name.
            own = dict.fromkeys(candidate.number for _, candidate, _ in given)
            self._names = vulnerabilities.names(headers[number] for number in own)
            rows = _in_stream(subject, given, headers)
            unclear = doubts.Ledger()
            for prototype in self._prototypes(subject, rows, packages[0], unclear):
                findings.append(prototype)
                findings += [replace(prototype, package=package) for package in packages[1:]]
            concerns.append(Concern(packages, unclear.gaps, general=False))
        return findings, concerns

    def _answer(self) -> dict[Subject, list[_Answered]]:
        """The answers for each subject of which any row says yes or can not tell: no answer of the others matters."""
        found = self._advisories.candidates({lookup.key for subject in self._subjects for lookup in subject.lookups})
        answered = {}
        for subject in self._subjects:
            rows = [
                (lookup, candidate, judge_row(candidate.affected, lookup, self._order))
                for lookup in subject.lookups
                for candidate in found.get(lookup.key, ())
            ]
            if any(answer.verdict in {Verdict.YES, Verdict.CANNOT_TELL} for _, _, answer in rows):
                answered[subject] = rows
        return answered

    def _prototypes(
        self, subject: Subject, rows: Sequence[Row], package: Package, unclear: doubts.Ledger
    ) -> Iterator[Finding]:
        """The findings of one subject, as they are for one of its packages."""
        groups: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            for name in self._names[row.advisory.feed, row.advisory.id]:
                groups[name].append(row)
        for name, group in groups.items():
            weighed = weigh(group, system=subject.system, subscriber=subject.subscriber)
            if weighed.verdict is Verdict.YES:
                yield self._finding(name, group, weighed, package, system=subject.system)
            elif weighed.verdict is Verdict.CANNOT_TELL and weighed.rows:
                unclear.note(name, weighed.rows)

    def _finding(self, name: str, group: Sequence[Row], weighed: Weighed, package: Package, *, system: bool) -> Finding:
        advisories = list({(row.advisory.feed, row.advisory.id): row.advisory for row in weighed.rows}.values())
        choice = severity.choose([each for row in group for each in self._opinions(row, system=system)])
        return Finding(
            package=package,
            vulnerability=name,
            aliases=_aliases(name, advisories),
            matches=_distinct(map(_match, weighed.rows)),
            severity=choice.severity,
            severity_source=choice.source,
            score=choice.score,
            fix=fix_of(weighed, weighed.rows if system else group, self._order),
            summary=next((each.summary for each in advisories if each.summary), ""),
            references=_distinct(url for each in advisories for url in each.references),
        )

    def _opinions(self, row: Row, *, system: bool) -> Iterator[Opinion]:
        """The ratings of the row and of its advisory; a distribution's own are those it gave itself."""
        advisory = row.advisory
        alone = len(self._names[advisory.feed, advisory.id]) == 1
        for ratings, specific in ((row.affected.ratings, 2), (advisory.ratings, int(alone))):
            for rating in ratings:
                yield Opinion(rating=rating, own=system and rating.source == advisory.feed, specific=specific)


def _in_stream(subject: Subject, given: Sequence[_Answered], headers: Mapping[int, Advisory]) -> list[Row]:
    """The rows that speak of the subject's module stream; those of which that is not known can not tell."""
    rows = []
    for lookup, candidate, answer in given:
        advisory = headers[candidate.number]
        if advisory.withdrawn or advisory.informational:
            continue
        meant = streams.streams_meant(candidate.affected, advisory) if lookup.scheme == "rpm" else ()
        heard = streams.heard(answer, subject.stream, meant)
        if heard is not None:
            rows.append(Row(lookup, candidate.affected, advisory, heard))
    return rows


def _distinct(values: Iterable[_Value]) -> tuple[_Value, ...]:
    return tuple(dict.fromkeys(values))


def _aliases(name: str, advisories: Sequence[Advisory]) -> tuple[str, ...]:
    """All other names: those of the advisories, and what they call the same; never another CVE."""
    ids = {each for advisory in advisories for each in (advisory.id, *advisory.aliases)}
    return tuple(sorted(each for each in ids if each != name and not vulnerabilities.is_cve(each)))


def _match(row: Row) -> Match:
    return Match(
        kind=row.lookup.kind,
        feed=row.advisory.feed,
        advisory=row.advisory.id,
        ecosystem=row.lookup.ecosystem,
        name=row.lookup.name,
        version=row.lookup.version,
        range=row.answer.range,
    )

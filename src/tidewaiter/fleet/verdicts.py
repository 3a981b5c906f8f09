"""What is known of the fleet's packages, by number: their findings that the user wants to see, and what is in doubt."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Self

from tidewaiter.model.finding import Finding, FixState, Severity
from tidewaiter.model.fleet import VulnerablePackage
from tidewaiter.model.gap import Gap
from tidewaiter.store.store import Judged

Keeps = Callable[[Finding], bool]
"""Whether the user wants to see, and count, a finding."""

Severities = tuple[tuple[Severity, int], ...]
"""How many findings of each severity, the worst first; none with a count of 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """How much was found in some packages."""

    findings: int
    fixable: int
    severities: Severities


@dataclass(slots=True)
class Verdicts:
    """The judgements of a run. Packages that are sound and without doubt are not in it; `packages` are sorted."""

    packages: list[VulnerablePackage] = field(default_factory=list)
    _places: dict[int, int] = field(default_factory=dict)
    _gaps: dict[int, tuple[Gap, ...]] = field(default_factory=dict)
    _hidden: dict[int, int] = field(default_factory=dict)
    _severities: list[Counter[Severity]] = field(default_factory=list)
    _fixable: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, judged: Iterable[Judged], keeps: Keeps) -> Self:
        """The judgements without the findings that the user does not want, in an order that no run can change."""
        verdicts = cls()
        for each in sorted(judged, key=_place_of):
            verdicts._add(each, keeps)
        return verdicts

    def place(self, package: int) -> int | None:
        """The place in `packages` of the package with this number, None where nothing was found in it."""
        return self._places.get(package)

    def places(self, packages: Iterable[int]) -> tuple[int, ...]:
        """The places of those with findings, sorted."""
        return tuple(sorted({self._places[each] for each in packages if each in self._places}))

    def gaps(self, packages: Iterable[int]) -> Iterator[Gap]:
        """What could not be judged in these packages."""
        for each in packages:
            yield from self._gaps.get(each, ())

    def hidden(self, packages: Iterable[int]) -> int:
        """How many findings in these packages the user does not want to see."""
        return sum(self._hidden.get(each, 0) for each in packages)

    def totals(self, places: Iterable[int]) -> Totals:
        """How much was found in the packages at these places."""
        counts: Counter[Severity] = Counter()
        fixable = 0
        for place in places:
            counts.update(self._severities[place])
            fixable += self._fixable[place]
        ordered = tuple((severity, counts[severity]) for severity in sorted(counts, reverse=True))
        return Totals(findings=counts.total(), fixable=fixable, severities=ordered)

    def _add(self, judged: Judged, keeps: Keeps) -> None:
        kept = tuple(finding for finding in judged.findings if keeps(finding))
        if judged.gaps:
            self._gaps[judged.package] = judged.gaps
        if len(kept) < len(judged.findings):
            self._hidden[judged.package] = len(judged.findings) - len(kept)
        if kept:
            self._places[judged.package] = len(self.packages)
            self.packages.append(VulnerablePackage(findings=kept))
            self._severities.append(Counter(finding.severity for finding in kept))
            self._fixable.append(sum(finding.fix.state is FixState.FIXED for finding in kept))


def _place_of(judged: Judged) -> tuple[object, ...]:
    """By name: the store's numbers follow the order in which images happened to come."""
    package = judged.subject
    rest = (package.vendor, package.module, package.origin, package.provides, str(package.source), str(package.distro))
    return package.purl, package.name, package.version, package.architecture, *rest


def weight(severities: Severities) -> tuple[int, ...]:
    """Sorts what is worse first: by how many are critical, then by how many are high, and so on."""
    counts = dict(severities)
    return tuple(-counts.get(severity, 0) for severity in sorted(Severity, reverse=True))

"""What could not be told of one subject, gathered to as few gaps as say it whole."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from tidewaiter.match import gaps
from tidewaiter.match.affected import Doubt
from tidewaiter.match.evidence import Row
from tidewaiter.model.gap import Gap, Why
from tidewaiter.model.package import Package


class Ledger:
    """The doubts about one subject, whichever of its packages they are told of."""

    def __init__(self) -> None:
        self._installed: dict[str, set[str]] = defaultdict(set)
        self._advisories: dict[tuple[str, str, str], None] = {}
        self._reasons: dict[tuple[str, Doubt, str], set[str]] = defaultdict(set)

    def note(self, vulnerability: str, rows: Sequence[Row]) -> None:
        """Writes down why it can not be told: the first row's reason stands for all."""
        row = rows[0]
        match row.answer.doubt:
            case Doubt.INSTALLED_VERSION:
                self._installed[row.answer.detail].add(vulnerability)
            case Doubt.ADVISORY_VERSION:
                self._advisories[row.advisory.feed, row.advisory.id, row.answer.detail] = None
            case Doubt.COMMITS | Doubt.NOTHING_NAMED | Doubt.PUBLISHER | Doubt.STREAM as doubt:
                self._reasons[row.lookup.name, doubt, row.answer.detail].add(vulnerability)
            case None:
                pass

    def gaps(self, packages: Sequence[Package]) -> Iterator[Gap]:
        """One for a refused version of a package, one for each advisory with one, one for each other reason."""
        for error, names in self._installed.items():
            yield from (gaps.not_comparable(package, error, names) for package in packages)
        for feed, advisory, detail in self._advisories:
            yield gaps.bad_advisory(feed, advisory, detail, packages)
        for (name, doubt, detail), names in self._reasons.items():
            reason = f"{doubt} ({detail})" if detail else str(doubt)
            yield gaps.undetermined(packages, name, reason, names, why=_why(doubt, detail))


def _why(doubt: Doubt, detail: str) -> Why:
    """Publishers say by `end of life` or `end of standard support` that they no longer look."""
    if doubt is Doubt.PUBLISHER:
        return Why.END_OF_LIFE if "end of" in detail.lower().replace("-", " ") else Why.UNSUPPORTED
    return Why.NOT_COMPARABLE

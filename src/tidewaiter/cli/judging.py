"""From inventories to reports: opens the database, judges, and applies the filters that the user chose."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidewaiter.cli.exit import Exit
from tidewaiter.errors import DatabaseError
from tidewaiter.model.finding import Finding, FixState, Severity
from tidewaiter.model.package import Inventory
from tidewaiter.model.report import Report
from tidewaiter.scan import judged

if TYPE_CHECKING:
    from tidewaiter.feeds.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which findings are shown, and from which severity on they fail the command."""

    severities: frozenset[Severity]
    only_fixed: bool
    fail_on: Severity

    @classmethod
    def of_options(cls, options: Mapping[str, Any]) -> "Filter":
        """The options' values."""
        wanted = frozenset(Severity.parse(name) for name in options["severity"])
        fail_on = Severity.parse(options["fail_on"])
        return cls(severities=wanted or frozenset(Severity), only_fixed=options["only_fixed"], fail_on=fail_on)

    def keeps(self, finding: Finding) -> bool:
        """Whether the finding is shown and counted."""
        fixed = finding.fix.state is FixState.FIXED or not self.only_fixed
        return fixed and finding.severity in self.severities


def reports(inventories: Iterable[Inventory], database: "Database", chosen: Filter) -> Iterator[Report]:
    """Each inventory judged and filtered; `hidden` counts the findings that the filter left out."""
    for inventory in inventories:
        yield judged(inventory, database).only(chosen.keeps)


def exit_code(reports: Iterable[Report], chosen: Filter) -> Exit:
    """The worst of the reports' exit codes."""
    return max((Exit.of_result(report.findings, report.gaps, chosen.fail_on) for report in reports), default=Exit.CLEAN)


@contextmanager
def opened(path: str) -> "Iterator[Database]":
    """The advisory database. Raises DatabaseError that says how to get one."""
    import os
    import shlex

    from tidewaiter.feeds.database import Database

    if not os.path.exists(path):
        raise DatabaseError(
            "there is no advisory database",
            where=path,
            advice=f"Build one with: tidewaiter db build --from FOLDER --output {shlex.quote(path)}",
        )
    with Database.open(path) as database:
        yield database

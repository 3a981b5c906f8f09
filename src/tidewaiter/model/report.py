"""All that is said of one image."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from tidewaiter.model.advisory import Feed
from tidewaiter.model.finding import Finding
from tidewaiter.model.gap import Gap
from tidewaiter.model.package import Inventory


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One image's inventory, judged.

    `gaps` holds the inventory's gaps and those of the judging, without doubles. `hidden` counts the findings that the
    user chose not to see.
    """

    inventory: Inventory
    findings: tuple[Finding, ...] = ()
    gaps: tuple[Gap, ...] = ()
    feeds: tuple[Feed, ...] = ()
    hidden: int = 0

    def only(self, wanted: Callable[[Finding], bool]) -> Self:
        """The report with the findings that are wanted; the others are counted as hidden."""
        kept = tuple(finding for finding in self.findings if wanted(finding))
        return replace(self, findings=kept, hidden=self.hidden + len(self.findings) - len(kept))

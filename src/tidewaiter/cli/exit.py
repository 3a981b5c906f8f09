"""The exit codes, and which errors lead to which."""

from collections.abc import Collection, Iterable
from enum import IntEnum
from typing import TYPE_CHECKING, Self

from tidewaiter.errors import DatabaseError, FeedError, StoreError, TidewaiterError

if TYPE_CHECKING:  # `--version` and `--help` shall not wait for the model
    from tidewaiter.model.finding import Finding, Severity
    from tidewaiter.model.fleet import FleetReport
    from tidewaiter.model.gap import Gap


class Exit(IntEnum):
    """What the shell is told."""

    CLEAN = 0
    FINDINGS = 1
    INCOMPLETE = 2
    USAGE = 3

    @classmethod
    def of_error(cls, error: TidewaiterError) -> Self:
        """A missing database, feed or store is a matter of configuration; all else leaves the scan incomplete."""
        return cls.USAGE if isinstance(error, DatabaseError | FeedError | StoreError) else cls.INCOMPLETE

    @classmethod
    def of_result(cls, findings: "Iterable[Finding]", gaps: "Collection[Gap]", fail_on: "Severity | None") -> Self:
        """The code for what was found and what was not looked at.

        What nobody looked at, or judged at all, outweighs findings; findings outweigh a doubt about single packages or
        advisories; and a doubt is never clean.
        """
        if any(gap.wide for gap in gaps):
            return cls.INCOMPLETE
        if fail_on is not None and any(fail_on <= finding.severity for finding in findings):
            return cls.FINDINGS
        return cls.INCOMPLETE if any(not gap.chosen for gap in gaps) else cls.CLEAN

    @classmethod
    def of_fleet(cls, report: "FleetReport", fail_on: "Severity") -> Self:
        """The code for a fleet, in the same order. What was skipped is no gap; a run over no image is no scan."""
        from tidewaiter.report.fleet_gaps import doubtful, looked_at, unseen

        if unseen(report) or not looked_at(report):
            return cls.INCOMPLETE
        if any(fail_on <= severity for image in report.images for severity, count in image.severities if count):
            return cls.FINDINGS
        return cls.INCOMPLETE if doubtful(report) else cls.CLEAN

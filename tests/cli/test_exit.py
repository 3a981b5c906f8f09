"""Which exit code says what."""

from dataclasses import replace

import pytest

from fleet_samples import (
    ALPINE,
    BASE,
    CLEAN_FLEET,
    EMPTY_FLEET,
    LEFT_OVER,
    NO_FEED,
    SMALL_FLEET,
)
from tidewaiter.cli.exit import Exit
from tidewaiter.errors import (
    CloudError,
    DatabaseError,
    FeedError,
    MalformedError,
    RegistryError,
    StoreError,
    TidewaiterError,
)
from tidewaiter.model.finding import Finding, Severity
from tidewaiter.model.fleet import FleetReport, GapCount
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.package import Package

_PACKAGE = Package(purl="pkg:deb/debian/a@1", type="deb", name="a", version="1")
_HIGH = Finding(package=_PACKAGE, vulnerability="CVE-2024-1", severity=Severity.HIGH)
_UNKNOWN = Finding(package=_PACKAGE, vulnerability="CVE-2024-2")
_UNREAD = Gap(stage=Stage.IMAGE, why=Why.MALFORMED, subject="layer", detail="truncated")
_NO_FEED = Gap(stage=Stage.MATCH, why=Why.NO_FEED, subject="debian 12", detail="nothing")
_DOUBT = Gap(stage=Stage.MATCH, why=Why.NOT_COMPARABLE, subject="a", detail="1:")
_FILTERED = Gap(stage=Stage.SOURCE, why=Why.FILTERED, subject="tag", detail="left out")


@pytest.mark.parametrize(
    ("findings", "gaps", "fail_on", "code"),
    [
        ([], [], Severity.UNKNOWN, Exit.CLEAN),
        ([_HIGH], [], Severity.UNKNOWN, Exit.FINDINGS),
        ([_UNKNOWN], [], Severity.UNKNOWN, Exit.FINDINGS),
        ([_UNKNOWN], [], Severity.LOW, Exit.CLEAN),
        ([_HIGH], [], Severity.HIGH, Exit.FINDINGS),
        ([_HIGH], [], Severity.CRITICAL, Exit.CLEAN),
        ([], [_UNREAD], Severity.UNKNOWN, Exit.INCOMPLETE),
        ([_HIGH], [_UNREAD], Severity.UNKNOWN, Exit.INCOMPLETE),
        ([], [_NO_FEED], Severity.UNKNOWN, Exit.INCOMPLETE),
        ([_HIGH], [_NO_FEED], Severity.UNKNOWN, Exit.INCOMPLETE),
        ([], [_DOUBT], Severity.UNKNOWN, Exit.INCOMPLETE),
        ([_HIGH], [_DOUBT], Severity.UNKNOWN, Exit.FINDINGS),
        ([_HIGH], [_DOUBT], Severity.CRITICAL, Exit.INCOMPLETE),
        ([], [_FILTERED], Severity.UNKNOWN, Exit.CLEAN),
        ([_HIGH], [], None, Exit.CLEAN),
    ],
)
def test_unseen_outweighs_findings_and_findings_outweigh_doubts(
    findings: list[Finding], gaps: list[Gap], fail_on: Severity | None, code: Exit
) -> None:
    assert Exit.of_result(findings, gaps, fail_on) is code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DatabaseError("missing"), Exit.USAGE),
        (FeedError("broken"), Exit.USAGE),
        (StoreError("in use"), Exit.USAGE),
        (MalformedError("truncated"), Exit.INCOMPLETE),
        (RegistryError("no answer"), Exit.INCOMPLETE),
        (CloudError("no answer"), Exit.INCOMPLETE),
    ],
)
def test_a_missing_database_is_configuration_and_a_broken_image_is_incomplete(
    error: TidewaiterError, code: Exit
) -> None:
    assert Exit.of_error(error) is code


_SUSPENDED, _REFUSED = SMALL_FLEET.accounts[-1:], SMALL_FLEET.accounts[2:3]
_DOUBTFUL = replace(CLEAN_FLEET, gaps=(GapCount(gap=_DOUBT, images=3),))
_FOUND = replace(CLEAN_FLEET, images=(BASE,))


@pytest.mark.parametrize(
    ("report", "fail_on", "code"),
    [
        (CLEAN_FLEET, Severity.UNKNOWN, Exit.CLEAN),
        (_FOUND, Severity.UNKNOWN, Exit.FINDINGS),
        (_FOUND, Severity.MEDIUM, Exit.FINDINGS),
        (_FOUND, Severity.HIGH, Exit.CLEAN),
        (SMALL_FLEET, Severity.UNKNOWN, Exit.INCOMPLETE),
        (replace(_FOUND, accounts=_REFUSED), Severity.UNKNOWN, Exit.INCOMPLETE),
        (replace(_FOUND, accounts=_SUSPENDED), Severity.UNKNOWN, Exit.FINDINGS),
        (replace(CLEAN_FLEET, images=(ALPINE, *LEFT_OVER[:4])), Severity.UNKNOWN, Exit.CLEAN),
        (replace(CLEAN_FLEET, images=(ALPINE, LEFT_OVER[4])), Severity.UNKNOWN, Exit.INCOMPLETE),
        (replace(CLEAN_FLEET, images=(ALPINE, LEFT_OVER[5])), Severity.UNKNOWN, Exit.INCOMPLETE),
        (replace(_FOUND, gaps=(GapCount(gap=NO_FEED, images=1),)), Severity.UNKNOWN, Exit.INCOMPLETE),
        (_DOUBTFUL, Severity.UNKNOWN, Exit.INCOMPLETE),
        (replace(_DOUBTFUL, images=(BASE,)), Severity.UNKNOWN, Exit.FINDINGS),
        (EMPTY_FLEET, Severity.UNKNOWN, Exit.INCOMPLETE),
        (replace(CLEAN_FLEET, images=LEFT_OVER[:4]), Severity.UNKNOWN, Exit.INCOMPLETE),
    ],
    ids=[
        "clean", "found", "at the threshold", "below it", "of everything", "refused", "suspended", "skipped", "failed",
        "pending", "unjudged", "doubt", "found and doubt", "nothing there", "all skipped",
    ],
)  # fmt: skip
def test_what_a_fleet_skipped_is_no_gap_and_what_it_did_not_reach_is(
    report: FleetReport, fail_on: Severity, code: Exit
) -> None:
    assert Exit.of_fleet(report, fail_on) is code

"""Which exit code says what."""

import pytest

from tidewaiter.cli.exit import Exit
from tidewaiter.errors import DatabaseError, FeedError, MalformedError, RegistryError, TidewaiterError
from tidewaiter.model.finding import Finding, Severity
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
        (MalformedError("truncated"), Exit.INCOMPLETE),
        (RegistryError("no answer"), Exit.INCOMPLETE),
    ],
)
def test_a_missing_database_is_configuration_and_a_broken_image_is_incomplete(
    error: TidewaiterError, code: Exit
) -> None:
    assert Exit.of_error(error) is code

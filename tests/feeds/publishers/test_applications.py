"""What the publishers on application packages say beyond the schema."""

from collections.abc import Callable
from typing import Any

import pytest

from tidewaiter.model.advisory import Advisory, Affected, Rating, Status

Json = dict[str, Any]

OPEN = [{"type": "SEMVER", "events": [{"introduced": "0"}]}]


@pytest.mark.parametrize("word", ["LOW", "MODERATE", "HIGH", "CRITICAL"])
def test_github_rates_in_words_too(parse: Callable[..., Advisory], word: str) -> None:
    advisory = parse(database_specific={"severity": word}, severity=[{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N"}])
    assert advisory.ratings == (
        Rating(source="ghsa", system="label", label=word),
        Rating(source="ghsa", system="CVSS_V3", vector="CVSS:3.1/AV:N"),
    )


def test_github_names_the_last_version_known_to_be_affected(parse_row: Callable[..., Affected]) -> None:
    said = {"last_known_affected_version_range": "<= 4.0.0"}
    row = parse_row("GHSA-1", "Maven", ranges=OPEN, database_specific=said)
    assert (row.note, row.status) == ("last known affected: <= 4.0.0", None)


@pytest.mark.parametrize(("word", "labels"), [("Critical", ["Critical"]), ("Unknown", []), ("None", []), (None, [])])
def test_bitnami_rates_in_words_too(parse: Callable[..., Advisory], word: str | None, labels: list[str]) -> None:
    advisory = parse("BIT-activemq-2020-11998", database_specific={"severity": word, "cpes": []})
    assert [(rating.source, rating.label) for rating in advisory.ratings] == [("bitnami", label) for label in labels]


def test_rubysec_gives_scores_without_vectors(parse_row: Callable[..., Affected]) -> None:
    said = {"cvss_v2_score": 5, "cvss_v3_score": 7.5, "cvss_v4_score": None, "patched_versions": [">= 4.3.3"]}
    row = parse_row("RUBYSEC-RedCloth-CVE-2023-31606", "RubyGems", ranges=OPEN, database_specific=said)
    assert row.ratings == (
        Rating(source="rubysec", system="CVSS_V3", score=7.5),
        Rating(source="rubysec", system="CVSS_V2", score=5.0),
    )


@pytest.mark.parametrize(
    ("kinds", "informational"),
    [
        (["unmaintained"], True),
        (["unsound"], True),
        (["notice", "unsound"], True),
        ([None], False),
        (["notice", None], False),
        ([], False),
    ],
)
def test_rustsec_notices_are_no_vulnerabilities(
    parse: Callable[..., Advisory], kinds: list[str | None], informational: bool
) -> None:
    rows = [
        {"package": {"ecosystem": "crates.io", "name": "x"}, "database_specific": {"informational": kind}}
        for kind in kinds
    ]
    assert parse("RUSTSEC-2024-0001", affected=rows).informational == informational


@pytest.mark.parametrize(
    ("affects", "note"),
    [
        ({"arch": [], "functions": ["x::y"], "os": []}, ""),
        ({"functions": []}, ""),
        ({"arch": ["x86"], "os": ["windows"]}, "only on windows, x86"),
        (None, ""),
    ],
)
def test_rustsec_may_be_limited_to_systems(parse_row: Callable[..., Affected], affects: Json | None, note: str) -> None:
    row = parse_row("RUSTSEC-2024-0001", "crates.io", ranges=OPEN, ecosystem_specific={"affects": affects})
    assert (row.note, row.status) == (note, None)


def test_go_remarks_the_projects_own_numbering_and_keeps_its_ranges(parse_row: Callable[..., Affected]) -> None:
    custom = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "8.1.9"}, {"introduced": "9.0"}]}]
    row = parse_row("GO-2024-2588", "Go", ranges=OPEN, ecosystem_specific={"custom_ranges": custom})
    assert row.note == "by the project's own numbering: fixed 8.1.9, introduced 9.0"
    assert [event.version for event in row.ranges[0].events] == ["0"]
    assert row.status is None


@pytest.mark.parametrize(
    ("imports", "note"),
    [
        ([{"path": "crypto/x509", "goos": ["windows"]}], "only on windows"),
        ([{"path": "a", "goos": ["windows", "darwin"]}, {"path": "b", "goos": ["windows"]}], "only on darwin, windows"),
        ([{"path": "a", "goos": ["windows"]}, {"path": "b"}], ""),
        ([{"path": "cmd/go"}], ""),
    ],
)
def test_go_may_be_limited_to_systems(parse_row: Callable[..., Affected], imports: list[Json], note: str) -> None:
    assert parse_row("GO-2021-0223", "Go", ranges=OPEN, ecosystem_specific={"imports": imports}).note == note


def test_gitlab_keeps_a_range_that_could_not_be_told_as_events(parse_row: Callable[..., Affected]) -> None:
    said = {"affected_range": ">=1.0 <oops", "conversion_flags": ["range_unparsed"]}
    row = parse_row("GLAD-npm.x-CVE-2020-1", "npm", ranges=[], database_specific=said)
    assert (row.status, row.note) == (Status.UNKNOWN, "the publisher's range could not be read: >=1.0 <oops")


def test_gitlab_repeats_no_range_that_was_told(parse_row: Callable[..., Affected]) -> None:
    said = {"affected_range": "<1.3.0", "conversion_flags": ["exclusive_lower_bound"]}
    assert parse_row("GLAD-npm.x-CVE-2020-1", "npm", ranges=OPEN, database_specific=said).note == ""

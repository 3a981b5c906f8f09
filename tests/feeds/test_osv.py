"""OSV records, read as the schema says. https://ossf.github.io/osv-schema/."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.feeds.feed import RecordError
from tidewaiter.feeds.osv import Osv
from tidewaiter.model.advisory import Advisory, Affected, Event, EventKind, Range, RangeType, Rating, Status

Json = dict[str, Any]


def test_a_record_is_read_field_by_field(parse: Callable[..., Advisory]) -> None:
    advisory = parse(
        "GHSA-1111-2222-3333",
        published="2024-01-01T00:00:00Z",
        aliases=["CVE-2024-1", "CVE-2024-1"],
        upstream=["CVE-2024-2"],
        related=["CVE-2024-3"],
        summary="It breaks",
        details="Thoroughly.",
        severity=[{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
        references=[{"type": "WEB", "url": "https://example.org/1"}, {"type": "FIX", "url": "https://example.org/2"}],
    )
    assert advisory == Advisory(
        feed="ghsa",
        id="GHSA-1111-2222-3333",
        aliases=("CVE-2024-1",),
        upstream=("CVE-2024-2",),
        related=("CVE-2024-3",),
        summary="It breaks",
        published="2024-01-01T00:00:00Z",
        modified="2024-01-02T03:04:05Z",
        ratings=(Rating(source="ghsa", system="CVSS_V3", vector="CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"),),
        references=("https://example.org/1", "https://example.org/2"),
        affected=(
            Affected(
                ecosystem="npm",
                name="left-pad",
                ranges=(
                    Range(
                        type=RangeType.SEMVER,
                        events=(Event(EventKind.INTRODUCED, "0"), Event(EventKind.FIXED, "1.3.0")),
                    ),
                ),
            ),
        ),
    )


def test_lists_may_be_null_or_absent(parse: Callable[..., Advisory]) -> None:
    empty = dict.fromkeys(
        ("aliases", "upstream", "related", "severity", "references", "affected", "summary", "details", "withdrawn")
    )
    assert parse("PYSEC-1", **empty) == Advisory(feed="pypa", id="PYSEC-1", modified="2024-01-02T03:04:05Z")


def test_withdrawn_is_kept(parse: Callable[..., Advisory]) -> None:
    assert parse(withdrawn="2024-05-06T00:00:00Z").withdrawn == "2024-05-06T00:00:00Z"


def test_fields_that_the_schema_does_not_know_are_passed_over(parse: Callable[..., Advisory]) -> None:
    assert parse(future={"deep": [1, 2, {"x": None}]}, credits=[{"name": "A. Finder"}]) == parse()


@pytest.mark.parametrize(
    ("details", "summary"),
    [
        ("\n  One line.\nAnother.", "One line."),
        ("x" * 160, "x" * 160),
        ("x" * 161, "x" * 159 + "…"),
        ("", ""),
    ],
)
def test_without_a_summary_the_first_line_of_the_details_serves(
    parse: Callable[..., Advisory], details: str, summary: str
) -> None:
    assert parse(summary=" ", details=details).summary == summary


def test_a_summary_is_cut_where_it_is_no_summary_any_more(parse: Callable[..., Advisory]) -> None:
    assert parse(summary="x" * 500).summary == "x" * 500
    assert parse(summary="x" * 501).summary == "x" * 499 + "…"


def test_a_range_may_hold_several_pairs_in_the_publishers_order(parse: Callable[..., Advisory]) -> None:
    events = [{"introduced": "2.0"}, {"last_affected": "2.4"}, {"introduced": "0"}, {"fixed": "1.9"}, {"limit": "3.0"}]
    (row,) = parse(
        affected=[{"package": {"ecosystem": "PyPI", "name": "x"}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}]
    ).affected
    assert row.ranges[0].events == (
        Event(EventKind.INTRODUCED, "2.0"),
        Event(EventKind.LAST_AFFECTED, "2.4"),
        Event(EventKind.INTRODUCED, "0"),
        Event(EventKind.FIXED, "1.9"),
        Event(EventKind.LIMIT, "3.0"),
    )


def test_an_old_event_object_may_hold_both_ends(parse_row: Callable[..., Affected]) -> None:
    row = parse_row("OSV-1", "PyPI", ranges=[{"type": "ECOSYSTEM", "events": [{"fixed": "2", "introduced": "1"}]}])
    assert row.ranges[0].events == (Event(EventKind.INTRODUCED, "1"), Event(EventKind.FIXED, "2"))


def test_ranges_and_versions_stand_side_by_side(parse_row: Callable[..., Affected]) -> None:
    ranges = [
        {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1"}]},
        {"type": "SEMVER", "events": [{"introduced": "2.0.0"}]},
    ]
    row = parse_row("PYSEC-1", "PyPI", ranges=ranges, versions=["0.1", "0.2", "0.1"])
    assert [found.type for found in row.ranges] == [RangeType.ECOSYSTEM, RangeType.SEMVER]
    assert row.versions == ("0.1", "0.2")
    assert row.status is None


def test_commits_alone_leave_a_mark_that_they_can_not_be_judged(parse_row: Callable[..., Affected]) -> None:
    git = {"type": "GIT", "repo": "https://example.org/x", "events": [{"introduced": "0"}, {"fixed": "abcd"}]}
    row = parse_row("PYSEC-1", "PyPI", ranges=[git, git])
    assert row.ranges == (Range(type=RangeType.GIT, events=()),)
    assert row.status is None


def test_commits_beside_versions_say_nothing_new(
    parse_row: Callable[..., Affected], fix: Callable[[str], list[Json]]
) -> None:
    git = {"type": "GIT", "events": [{"introduced": "0"}]}
    assert parse_row("PYSEC-1", "PyPI", ranges=[git, *fix("2.0")]) == parse_row("PYSEC-1", "PyPI", ranges=fix("2.0"))


@pytest.mark.parametrize(
    "fields", [{}, {"ranges": []}, {"ranges": [{"type": "ECOSYSTEM", "events": []}]}, {"versions": None}]
)
def test_a_row_without_any_version_is_unknown_not_safe(parse_row: Callable[..., Affected], fields: Json) -> None:
    row = parse_row("PYSEC-1", "PyPI", **fields)
    assert (row.status, row.ranges, row.note) == (Status.UNKNOWN, (), "the advisory names no versions")


def test_fixed_in_zero_means_never_affected(
    parse_row: Callable[..., Affected], fix: Callable[[str], list[Json]]
) -> None:
    assert parse_row("DEBIAN-CVE-2024-1", "Debian:12", ranges=fix("0")).status is Status.NOT_AFFECTED
    assert parse_row("DEBIAN-CVE-2024-1", "Debian:12", ranges=fix("0"), versions=["1"]).status is None
    assert parse_row("DEBIAN-CVE-2024-1", "Debian:12", ranges=fix("0") + fix("1")).status is None


def test_a_row_without_a_package_keeps_its_place_without_a_name(parse: Callable[..., Advisory]) -> None:
    advisory = parse("PSF-2024-1", affected=[{"ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]}])
    assert advisory.affected == (Affected(ecosystem="", name="", ranges=(Range(type=RangeType.GIT, events=()),)),)


@pytest.mark.parametrize(
    ("kind", "score", "rating"),
    [
        ("CVSS_V2", "AV:N/AC:L", Rating(source="ghsa", system="CVSS_V2", vector="AV:N/AC:L")),
        ("CVSS_V4", "CVSS:4.0/AV:N", Rating(source="ghsa", system="CVSS_V4", vector="CVSS:4.0/AV:N")),
        ("CVSS_V3", "7.5", Rating(source="ghsa", system="CVSS_V3", score=7.5)),
        ("Ubuntu", "medium", Rating(source="ubuntu", system="label", label="medium")),
        ("RedHat", "Important", Rating(source="redhat", system="label", label="Important")),
    ],
)
def test_a_rating_names_who_gave_it_and_how(
    parse: Callable[..., Advisory], kind: str, score: str, rating: Rating
) -> None:
    severity = {"type": kind, "score": score}
    assert parse(severity=[severity, severity]).ratings == (rating,)


def test_a_package_may_be_rated_apart(parse_row: Callable[..., Affected]) -> None:
    row = parse_row("BIT-x-2024-1", "Bitnami", severity=[{"type": "CVSS_V3", "score": "CVSS:3.1/AV:L"}], versions=["1"])
    assert row.ratings == (Rating(source="bitnami", system="CVSS_V3", vector="CVSS:3.1/AV:L"),)


@pytest.mark.parametrize("word", ["none", "None", "unknown", "untriaged", "not yet assigned", ""])
def test_not_yet_rated_is_no_rating(parse: Callable[..., Advisory], word: str) -> None:
    assert parse(severity=[{"type": "Ubuntu", "score": word}]).ratings == ()


BROKEN = [
    ({"affected": [{"package": {"ecosystem": "npm", "name": 5}}]}, "affected[0].package.name: expected a string"),
    (
        {"affected": [{}, {"ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": 1}]}]}]},
        "affected[1].ranges[0].events[1].fixed: expected a string",
    ),
    ({"affected": [{"ranges": [{"type": "SEMVER", "events": 7}]}]}, "affected[0].ranges[0].events: expected a list"),
    ({"affected": {}}, "affected: expected a list"),
    ({"affected": [[]]}, "affected[0]: expected an object"),
    ({"affected": [{"package": {"name": "x"}}]}, "affected[0].package.ecosystem: is missing"),
    ({"affected": [{"ranges": [{"type": "WEIRD"}]}]}, "affected[0].ranges[0].type: Invalid enum value 'WEIRD'"),
    ({"id": 5}, "id: expected a string"),
    ({"id": ""}, "id: expected an identifier"),
    ({"id": "GHSA-\x1b[2J"}, "id: expected an identifier"),
    ({"id": "GHSA-" + "1" * 246}, "id: expected an identifier"),
    ({"affected": [{}] * 250_001}, "affected: more than 250000 packages"),
    ({"modified": "yesterday"}, "modified: expected a time, as 2024-01-31T12:00:00Z"),
    ({"modified": "9999-12-31T23:59:59-05:00"}, "modified: expected a time within the years 1 to 9999"),
    ({"aliases": [None]}, "aliases[0]: expected a string"),
    ({"severity": [{"type": "CVSS_V3"}]}, "severity[0].score: is missing"),
    (
        {"affected": [{"ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {}]}]}]},
        "affected[0].ranges[0].events[1]: expected introduced, fixed, last_affected or limit",
    ),
    (
        {"affected": [{"ranges": [{"type": "SEMVER", "events": [{"fixed": "1"}]}]}]},
        "affected[0].ranges[0].events: expected an introduced event",
    ),
    ({"id": "GHSA-1", "database_specific": {"severity": 5}}, "database_specific.severity: expected a string"),
    ({"id": "GHSA-1", "database_specific": [5]}, "database_specific: expected an object"),
    (
        {"id": "UBUNTU-CVE-2024-1", "affected": [{}, {"ecosystem_specific": {"status": 5}}]},
        "affected[1].ecosystem_specific.status: expected a string",
    ),
]


@pytest.mark.parametrize(("fields", "message"), BROKEN)
def test_a_broken_record_says_where(record: Callable[..., Json], fields: Json, message: str) -> None:
    with pytest.raises(RecordError) as caught:
        Osv().parse(json.dumps({**record(), **fields}).encode())
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not JSON"),
        (b'{"id": "x"', "not JSON"),
        (b'{"id": "GHSA-1", "modified": "2024-01-01"} {}', "not JSON"),
        (b'{"id": "\xff"}', "not JSON"),
        (b'{"id": "\\ud800", "modified": "2024-01-01"}', "not JSON"),
        (b"[]", "the record: expected an object"),
        (b"{}", "id: is missing"),
        (b'{"id": "GHSA-1", "modified": "2024-01-01", "x": ' + b"[" * 100_000, "nested too deeply"),
        (
            b'{"id": "GHSA-1", "modified": "2024-01-01", "database_specific": ' + b"[" * 100_000,
            "nested too deeply",
        ),
    ],
)
def test_what_is_no_record_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(RecordError, match=message):
        Osv().parse(content)


@pytest.mark.parametrize(
    "time", ["2016-09-10", "2019-04-10T00:00:00", "0001-01-01T00:00:00Z", "2024-02-16T08:07:52.686694Z"]
)
def test_times_that_publishers_really_write_are_taken(parse: Callable[..., Advisory], time: str) -> None:
    assert parse(modified=time).modified == time


def test_only_json_files_are_wanted() -> None:
    assert [name for name in ("a.json", "x/B.JSON", "README.md", "a.json.gz") if Osv().wants(name)] == [
        "a.json",
        "x/B.JSON",
    ]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["0", "1.0", "GIT"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
ROWS = st.fixed_dictionaries(
    {},
    optional={
        "package": JSON
        | st.fixed_dictionaries({"ecosystem": st.sampled_from(["npm", "Debian:12"]), "name": st.text()}),
        "ranges": JSON
        | st.lists(
            st.fixed_dictionaries({"type": st.sampled_from(RangeType), "events": JSON}, optional={"repo": JSON})
        ),
        "versions": JSON,
        "ecosystem_specific": JSON,
        "database_specific": JSON,
    },
)
RECORDS = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["DSA-1-1", "UBUNTU-CVE-1", "REDHAT-1", "ALSA-1", "GO-1", "RUSTSEC-1", "GHSA-1"]) | JSON,
        "modified": st.sampled_from(["2024-01-01", "2024-01-01T00:00:00Z"]) | JSON,
    },
    optional=dict.fromkeys(("aliases", "upstream", "related", "severity", "references", "withdrawn", "summary"), JSON)
    | {"affected": st.lists(ROWS, max_size=3) | JSON, "database_specific": JSON},
)


@given(RECORDS)
def test_any_json_is_an_advisory_or_a_broken_record(record: Json) -> None:
    with contextlib.suppress(RecordError):
        (advisory,) = Osv().parse(json.dumps(record).encode())
        assert advisory.id == record["id"]


@given(st.binary())
def test_any_bytes_are_an_advisory_or_a_broken_record(content: bytes) -> None:
    with pytest.raises(RecordError):
        Osv().parse(content)

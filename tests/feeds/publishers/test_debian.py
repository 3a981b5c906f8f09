"""What Debian's tracker says beyond the schema."""

from collections.abc import Callable
from typing import Any

import pytest

from tidewaiter.feeds.publishers.catalog import publisher_of
from tidewaiter.model.advisory import Affected, Rating, Status

Json = dict[str, Any]

OPEN = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]


@pytest.mark.parametrize(
    ("said", "ranges", "status", "note"),
    [
        ({"status": "open", "urgency": "low"}, OPEN, Status.AFFECTED, ""),
        (
            {"status": "open", "urgency": "low", "nodsa": "Minor issue", "nodsa_reason": "ignored"},
            OPEN,
            Status.WONT_FIX,
            "Minor issue",
        ),
        (
            {"status": "open", "nodsa": "Revisit when fixed upstream", "nodsa_reason": "postponed"},
            OPEN,
            Status.DEFERRED,
            "Revisit when fixed upstream",
        ),
        ({"status": "open", "nodsa": "Minor issue", "nodsa_reason": None}, OPEN, Status.DEFERRED, "Minor issue"),
        ({"status": "open", "nodsa": ""}, OPEN, Status.DEFERRED, "no DSA"),
        ({"status": "open", "urgency": "end-of-life"}, OPEN, Status.UNKNOWN, "end of life"),
        ({"state": "end-of-life", "note": None}, [], Status.UNKNOWN, "end of life"),
        ({"status": "undetermined", "urgency": "medium**"}, [], Status.UNKNOWN, "undetermined"),
        ({"status": "resolved", "urgency": "unimportant", "not_affected": True}, [], Status.NOT_AFFECTED, ""),
    ],
)
def test_debian_status_of_a_release(
    parse_row: Callable[..., Affected], said: Json, ranges: list[Json], status: Status, note: str
) -> None:
    row = parse_row("DEBIAN-CVE-2019-1", "Debian:9", ranges=ranges, ecosystem_specific=said)
    assert (row.status, row.note) == (status, note)
    assert bool(row.ranges) == bool(ranges)


@pytest.mark.parametrize(
    "said", [{"status": "resolved", "urgency": "low"}, {"status": "resolved", "nodsa": "Minor"}, {}]
)
def test_debian_fixed_needs_no_word(
    parse_row: Callable[..., Affected], fix: Callable[[str], list[Json]], said: Json
) -> None:
    assert parse_row("DSA-1-1", "Debian:9", ranges=fix("1.2-3"), ecosystem_specific=said).status is None


def test_debian_vulnerable_without_versions_means_every_version(parse_row: Callable[..., Affected]) -> None:
    row = parse_row("DEBIAN-CVE-2019-1", "Debian:9", ecosystem_specific={"status": "open"})
    assert [event.version for found in row.ranges for event in found.events] == ["0"]


@pytest.mark.parametrize(
    ("urgency", "rating"),
    [
        ("unimportant", Rating(source="debian", system="label", label="unimportant")),
        ("high", Rating(source="debian", system="label", label="high")),
        ("medium**", Rating(source="nvd", system="label", label="medium")),
    ],
)
def test_debian_urgency_with_stars_is_the_word_of_nvd(
    parse_row: Callable[..., Affected], urgency: str, rating: Rating
) -> None:
    row = parse_row("DEBIAN-CVE-2019-1", "Debian:9", ecosystem_specific={"status": "open", "urgency": urgency})
    assert row.ratings == (rating,)


@pytest.mark.parametrize("urgency", ["not yet assigned", "end-of-life", None])
def test_debian_urgency_may_be_none(parse_row: Callable[..., Affected], urgency: str | None) -> None:
    said = {"status": "open", "urgency": urgency}
    assert parse_row("DEBIAN-CVE-2019-1", "Debian:9", ecosystem_specific=said).ratings == ()


@pytest.mark.parametrize(
    ("identifier", "before"),
    [("DSA-5-2", "DSA-5-1"), ("DLA-1753-3", "DLA-1753-1"), ("DSA-5-1", ""), ("DEBIAN-CVE-2019-2", "")],
)
def test_a_regression_update_follows_the_first_of_its_number(identifier: str, before: str) -> None:
    assert publisher_of(identifier).predecessor(identifier) == before

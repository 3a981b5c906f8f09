"""What Ubuntu's tracker says beyond the schema."""

from collections.abc import Callable
from typing import Any

import pytest

from tidewaiter.model.advisory import Advisory, Affected, Rating, Status

Json = dict[str, Any]

OPEN = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]


@pytest.mark.parametrize(
    ("status", "note", "flags", "meant"),
    [
        ("needed", None, {}, Status.AFFECTED),
        ("needs-triage", None, {}, Status.AFFECTED),
        ("pending", "6.2.0-1011.11", {}, Status.AFFECTED),
        ("active", None, {}, Status.AFFECTED),
        ("deferred", "2019-09-06", {}, Status.DEFERRED),
        ("not-affected", "code not present", {}, Status.NOT_AFFECTED),
        ("DNE", None, {}, Status.NOT_AFFECTED),
        ("ignored", "end of standard support, was needed", {"wont_fix": True}, Status.WONT_FIX),
        ("ignored", "end of life, was pending [1.2]", {}, Status.WONT_FIX),
        ("ignored", "was needs-triage ESM criteria", {}, Status.WONT_FIX),
        ("ignored", "changes too intrusive", {"wont_fix": True}, Status.WONT_FIX),
        ("ignored", None, {"wont_fix": True}, Status.WONT_FIX),
        ("ignored", "end of standard support", {"undetermined": True}, Status.UNKNOWN),
        ("ignored", "superseded by linux-azure-5.3", {"undetermined": True}, Status.UNKNOWN),
        ("ignored", None, {}, Status.UNKNOWN),
        ("ignored", "end of standard support, was not-affected", {"undetermined": True}, Status.NOT_AFFECTED),
        ("ignored", "was not-affected [config not enabled]", {"wont_fix": True}, Status.NOT_AFFECTED),
        ("ignored", "end of standard support, was DNE", {"undetermined": True}, Status.NOT_AFFECTED),
    ],
)
def test_ubuntu_status_of_a_series(
    parse_row: Callable[..., Affected], status: str, note: str | None, flags: Json, meant: Status
) -> None:
    said = {"status": status, "note": note, "series": "bionic", **flags}
    row = parse_row("UBUNTU-CVE-2022-1", "Ubuntu:18.04:LTS", ranges=OPEN, ecosystem_specific=said)
    assert row.status is meant
    assert row.note == (f"{status} ({note})" if note else status)


def test_ubuntu_released_needs_no_word(parse_row: Callable[..., Affected], fix: Callable[[str], list[Json]]) -> None:
    said = {"status": "released", "note": "1.2-3ubuntu4"}
    row = parse_row("UBUNTU-CVE-2022-1", "Ubuntu:22.04:LTS", ranges=fix("1.2-3ubuntu4"), ecosystem_specific=said)
    assert (row.status, row.note) == (None, "")


@pytest.mark.parametrize(
    ("ecosystem", "said", "status", "note"),
    [
        ("Ubuntu:Pro:18.04:LTS", {"status": "released"}, Status.PRO_ONLY, "Ubuntu Pro"),
        ("Ubuntu:Pro:18.04:LTS", {}, Status.PRO_ONLY, "Ubuntu Pro"),
        (
            "Ubuntu:Pro:16.04:LTS",
            {"availability": "Available with Ubuntu Pro: https://ubuntu.com/pro"},
            Status.PRO_ONLY,
            "Available with Ubuntu Pro: https://ubuntu.com/pro",
        ),
        (
            "Ubuntu:22.04:LTS",
            {"availability": "Livepatch subscription required"},
            Status.PRO_ONLY,
            "Livepatch subscription required",
        ),
        ("Ubuntu:18.04:LTS", {"availability": "No subscription required"}, None, ""),
        ("Ubuntu:Pro:14.04:LTS", {"availability": "No subscription required"}, None, ""),
    ],
)
def test_ubuntu_fixes_for_subscribers_are_told_apart(
    parse_row: Callable[..., Affected],
    fix: Callable[[str], list[Json]],
    ecosystem: str,
    said: Json,
    status: Status | None,
    note: str,
) -> None:
    row = parse_row("UBUNTU-CVE-2022-1", ecosystem, ranges=fix("1.2"), ecosystem_specific=said)
    assert (row.status, row.note) == (status, note)


def test_ubuntu_pro_without_a_fix_is_only_vulnerable(parse_row: Callable[..., Affected]) -> None:
    assert parse_row("UBUNTU-CVE-2022-1", "Ubuntu:Pro:14.04:LTS", ranges=OPEN).status is None
    said = {"status": "needed"}
    assert (
        parse_row("UBUNTU-CVE-2022-1", "Ubuntu:Pro:14.04:LTS", ranges=OPEN, ecosystem_specific=said).status
        is Status.AFFECTED
    )


@pytest.mark.parametrize("field", ["priority", "ubuntu_priority"])
def test_ubuntu_priority_may_be_set_for_one_package(parse_row: Callable[..., Affected], field: str) -> None:
    row = parse_row("UBUNTU-CVE-2022-1", "Ubuntu:22.04:LTS", ranges=OPEN, ecosystem_specific={field: "negligible"})
    assert row.ratings == (Rating(source="ubuntu", system="label", label="negligible"),)


def test_a_live_patch_notice_lists_its_cves_as_related(parse: Callable[..., Advisory]) -> None:
    advisory = parse("LSN-0108-1", related=["CVE-2024-26800", "UBUNTU-CVE-2024-26800"])
    assert advisory.upstream == ("CVE-2024-26800",)
    assert parse("USN-1-1", upstream=["UBUNTU-CVE-2021-3782"], related=["CVE-2024-1"]).upstream == (
        "UBUNTU-CVE-2021-3782",
    )

"""What Red Hat and its rebuilders say beyond the schema."""

from collections.abc import Callable
from typing import Any

import pytest

from tidewaiter.model.advisory import Advisory, Affected, Rating, Status

Json = dict[str, Any]

OPEN = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]


@pytest.mark.parametrize(
    ("state", "ranges", "status"),
    [
        ("Not affected", [], Status.NOT_AFFECTED),
        ("Affected", OPEN, Status.AFFECTED),
        ("New", OPEN, Status.AFFECTED),
        ("Under investigation", OPEN, Status.AFFECTED),
        ("Will not fix", OPEN, Status.WONT_FIX),
        ("Out of support scope", OPEN, Status.WONT_FIX),
        ("Fix deferred", OPEN, Status.DEFERRED),
    ],
)
def test_redhat_fix_state(parse_row: Callable[..., Affected], state: str, ranges: list[Json], status: Status) -> None:
    said = {"fix_state": state, "cpe": "cpe:/o:redhat:enterprise_linux:7", "product_name": "Red Hat Enterprise Linux 7"}
    row = parse_row("REDHAT-CVE-2019-1", "Red Hat:enterprise_linux:7", ranges=ranges, ecosystem_specific=said)
    assert (row.status, row.note, row.cpe) == (status, state, "cpe:/o:redhat:enterprise_linux:7")


def test_redhat_fixed_needs_no_word(parse_row: Callable[..., Affected], fix: Callable[[str], list[Json]]) -> None:
    said = {
        "state": "fixed",
        "advisory": "RHSA-2019:1587",
        "cpe": "cpe:/o:redhat:enterprise_linux:7",
        "module": "php:7.3",
    }
    row = parse_row(
        "REDHAT-CVE-2019-1", "Red Hat:enterprise_linux:7", ranges=fix("2.7.5-80.el7_6"), ecosystem_specific=said
    )
    assert (row.status, row.module) == (None, "php:7.3")


@pytest.mark.parametrize(
    ("build", "module"),
    [
        ("mysql:8.0-8000020190807131617.f8e95b4e", "mysql:8.0"),
        ("virt:rhel-8000020190510171727.55190bc5", "virt:rhel"),
        ("389-ds:1.4-8000020190510171727.55190bc5", "389-ds:1.4"),
    ],
)
def test_a_fix_told_by_its_module_build_gives_no_version_to_compare_and_stands_under_the_module(
    parse_row: Callable[..., Affected], build: str, module: str
) -> None:
    said = {"state": "fixed", "advisory": "RHSA-2019:2511", "raw_package": build}
    row = parse_row("REDHAT-CVE-2019-1", "Red Hat:enterprise_linux:8", name=build, ranges=[], ecosystem_specific=said)
    assert (row.name, row.module, row.status) == (module, module, Status.UNKNOWN)
    assert row.note == f"fixed by RHSA-2019:2511 in the module {build}, whose packages it does not tell"


@pytest.mark.parametrize(
    ("published", "name", "module"),
    [
        ("httpd:2.4/mod_http2", "mod_http2", "httpd:2.4"),
        ("container-tools:rhel8/runc", "runc", "container-tools:rhel8"),
        ("crb/mingw-openssl", "mingw-openssl", ""),
        ("openssl", "openssl", ""),
        ("rhel8/postgresql-10", "rhel8/postgresql-10", ""),  # an image
    ],
)
def test_an_open_component_of_a_module_is_published_behind_its_stream(
    parse_row: Callable[..., Affected], published: str, name: str, module: str
) -> None:
    said = {"fix_state": "Affected", "cpe": "cpe:/o:redhat:enterprise_linux:8"}
    row = parse_row("REDHAT-CVE-2019-1", "Red Hat:enterprise_linux:8", name=published, ecosystem_specific=said)
    assert (row.name, row.module, row.status) == (name, module, Status.AFFECTED)


def test_redhat_osv_lists_its_cves_as_related(parse: Callable[..., Advisory]) -> None:
    assert parse("RHSA-2024:8709", related=["CVE-2024-9675", "RHSA-2024:1"]).upstream == ("CVE-2024-9675",)


@pytest.mark.parametrize(
    ("identifier", "source"),
    [("ALSA-2022:5468", "almalinux"), ("RLSA-2021:3891", "rocky"), ("RXSA-2023:0101", "rocky")],
)
@pytest.mark.parametrize(
    ("summary", "severity"),
    [("Important: kernel security update", "Important"), ("ALSA-2022:5468: php:8.0 security update (Low)", "Low")],
)
def test_the_severity_of_a_rebuilders_erratum_stands_in_its_summary(
    parse: Callable[..., Advisory], identifier: str, source: str, summary: str, severity: str
) -> None:
    advisory = parse(identifier, summary=summary, related=["CVE-2022-31626"])
    assert advisory.ratings == (Rating(source=source, system="label", label=severity),)
    assert advisory.upstream == ("CVE-2022-31626",)
    assert not advisory.informational


@pytest.mark.parametrize("identifier", ["ALBA-2019:0973", "ALEA-2019:3375", "RLBA-2023:1", "RLEA-2023:1"])
def test_bug_fixes_and_enhancements_are_no_vulnerabilities(parse: Callable[..., Advisory], identifier: str) -> None:
    advisory = parse(identifier, summary="container-tools: bug fix update", related=["CVE-2019-1"])
    assert advisory.informational
    assert advisory.ratings == ()


@pytest.mark.parametrize(
    ("summary", "version", "module"),
    [
        ("Important: php:8.0 security update", "1.7.3-1.module_el8.6.0+2739+efabdb8f", "php:8.0"),
        ("Moderate: httpd:2.4/mod_http2 security update", "1.15.7-10.module_el8.10.0+3839", "httpd:2.4"),
        ("Moderate: 389-ds:1.4 security update", "1.4.3-1.module_el8.10.0+1+2", "389-ds:1.4"),
        ("Important: nginx:1.22 security update", "1.22.1-1.module+el9.2.0+1+2", "nginx:1.22"),
        ("Low: virt:rhel and virt-devel:rhel security update", "6.0.0-1.module_el8.6.0+2880", ""),
        ("Important: varnish security update", "6.0.8-3.module_el8.8.0+3644", ""),
        ("Moderate: kernel:4.18.0 security update", "4.18.0-553.30.1.el8_10", ""),
        ("ALSA-2022:5468: php:8.0 security update (Important)", "1-1.module_el8.6.0+2739", "php:8.0"),
    ],
)
def test_packages_built_in_a_module_belong_to_the_stream_of_the_summary(
    parse_row: Callable[..., Affected], fix: Callable[[str], list[Json]], summary: str, version: str, module: str
) -> None:
    assert parse_row("ALSA-2022:1", "AlmaLinux:8", summary=summary, ranges=fix(version)).module == module

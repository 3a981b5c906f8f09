"""What is found in an inventory, and what is said not to be known: the rules of each distribution, one by one."""

from dataclasses import replace
from typing import Any

import pytest

from fakes.advisories import (
    ALMA8,
    ALPINE,
    BIONIC,
    BOOKWORM,
    JAMMY,
    RHEL8,
    MemoryAdvisories,
    advisory,
    affected,
    distro,
    inventory,
    package,
)
from tidewaiter.match.findings import Judgement, judge, judge_each
from tidewaiter.model.advisory import Advisory, RangeType, Rating, Status
from tidewaiter.model.finding import FixState, MatchKind, Severity
from tidewaiter.model.gap import Why
from tidewaiter.model.package import Package

CVE = "CVE-2024-0001"
BASE8 = "Red Hat:enterprise_linux:8"
ELSEWHERE = advisory("DSA-9", affected("Debian:12", "elsewhere", "introduced 0"), affected(BASE8, "elsewhere"))


def judged(packages: Package | list[Package], *advisories: Advisory) -> Judgement:
    given = [packages] if isinstance(packages, Package) else packages
    return judge(inventory(*given), MemoryAdvisories(*advisories))


def found(packages: Package | list[Package], *advisories: Advisory) -> list[str]:
    return [finding.vulnerability for finding in judged(packages, *advisories).findings]


def openssl(version: str = "3.0.11-1") -> Package:
    return package("deb", "libssl3", version, source="openssl", on=BOOKWORM)


def debian(name: str, *ranges: str, cve: str = CVE, release: str = "12", **row: Any) -> Advisory:
    return advisory(f"DEBIAN-{cve}", affected(f"Debian:{release}", name, *ranges, **row), cve=cve)


# Findings


def test_a_finding_says_which_package_which_vulnerability_why_and_what_to_do() -> None:
    high = Rating(source="debian", system="label", label="high")
    tracker = debian("openssl", "introduced 0, fixed 3.0.12-1", ratings=(high,))
    dsa = advisory(
        "DSA-5532-1",
        affected("Debian:12", "openssl", "introduced 0, fixed 3.0.12-1"),
        cve=CVE,
        summary="openssl - security update",
        references=("https://www.debian.org/security/2024/dsa-5532",),
    )
    (finding,) = judged(openssl(), tracker, dsa).findings
    assert finding.package == openssl()
    assert (finding.vulnerability, finding.aliases) == (CVE, ("DEBIAN-CVE-2024-0001", "DSA-5532-1"))
    assert (finding.severity, finding.severity_source) == (Severity.HIGH, "debian")
    assert (finding.fix.state, finding.fix.versions) == (FixState.FIXED, ("3.0.12-1",))
    assert [(match.kind, match.advisory, match.name, match.version, match.range) for match in finding.matches] == [
        (MatchKind.SOURCE, "DEBIAN-CVE-2024-0001", "openssl", "3.0.11-1", "< 3.0.12-1"),
        (MatchKind.SOURCE, "DSA-5532-1", "openssl", "3.0.11-1", "< 3.0.12-1"),
    ]
    assert (finding.summary, finding.references) == (
        "openssl - security update",
        ("https://www.debian.org/security/2024/dsa-5532",),
    )
    assert (finding.threat.kev, finding.threat.epss) == (None, None)


def test_all_binaries_of_a_source_have_the_finding_in_the_order_of_the_inventory() -> None:
    tools = package("deb", "openssl", "3.0.11-1", on=BOOKWORM)
    result = judged([tools, openssl()], debian("openssl", "introduced 0, fixed 3.0.12-1"))
    assert [finding.package.name for finding in result.findings] == ["openssl", "libssl3"]
    assert result.gaps == ()


def test_a_fixed_version_has_no_finding_and_no_gap() -> None:
    assert judged(openssl("3.0.12-1"), debian("openssl", "introduced 0, fixed 3.0.12-1")) == Judgement()


def test_withdrawn_and_informational_advisories_never_match() -> None:
    row = affected("Debian:12", "openssl", "introduced 0")
    withdrawn = advisory("DSA-1-1", row, cve=CVE, withdrawn="2024-01-01T00:00:00Z")
    notice = advisory("ALBA-1", row, cve=CVE, informational=True)
    assert found(openssl(), ELSEWHERE, withdrawn, notice) == []


def test_an_advisory_on_several_cves_gives_a_finding_for_each() -> None:
    dsa = advisory("DSA-1-1", affected("Debian:12", "openssl", "introduced 0"), upstream=("CVE-2024-0002", CVE))
    assert found(openssl(), dsa) == [CVE, "CVE-2024-0002"]


def test_another_cve_of_the_same_advisory_is_no_alias() -> None:
    dsa = advisory("DSA-1-1", affected("Debian:12", "openssl", "introduced 0"), upstream=("CVE-2024-0002", CVE))
    assert {finding.aliases for finding in judged(openssl(), dsa).findings} == {("DSA-1-1",)}


def test_the_database_is_asked_once_for_all_packages() -> None:
    database = MemoryAdvisories(debian("openssl", "introduced 0"))
    judge(inventory(*(package("deb", f"libssl{n}", "3.0", source="openssl", on=BOOKWORM) for n in range(50))), database)
    assert database.questions == {"ecosystems": 1, "candidates": 1, "advisories": 1}


# Debian


def test_a_fix_of_another_release_is_never_compared() -> None:
    sid = debian("openssl", "introduced 0, fixed 3.2.0-1", release="sid")
    eleven = debian("openssl", "introduced 0, fixed 9.0", release="11")
    assert found(openssl(), sid, eleven, ELSEWHERE) == []


def test_debians_unimportant_is_negligible_and_still_a_finding() -> None:
    ratings = (Rating(source="debian", system="label", label="unimportant"),)
    (finding,) = judged(openssl(), debian("openssl", "introduced 0", ratings=ratings)).findings
    assert finding.severity is Severity.NEGLIGIBLE


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (Status.AFFECTED, FixState.NOT_FIXED),
        (Status.DEFERRED, FixState.DEFERRED),
        (Status.WONT_FIX, FixState.WONT_FIX),
    ],
)
def test_what_is_open_is_vulnerable_and_its_state_says_whether_a_fix_will_come(status: Status, state: FixState) -> None:
    (finding,) = judged(openssl(), debian("openssl", "introduced 0", status=status)).findings
    assert (finding.fix.state, finding.fix.versions) == (state, ())


def test_fixed_in_0_is_not_affected() -> None:
    assert judged(openssl(), debian("openssl", "introduced 0, fixed 0")) == Judgement()


def test_not_affected_vetoes_what_others_say_of_the_same_vulnerability() -> None:
    safe = debian("openssl", status=Status.NOT_AFFECTED)
    dsa = advisory("DSA-1-1", affected("Debian:12", "openssl", "introduced 0"), upstream=(CVE, "CVE-2024-0002"))
    assert found(openssl(), safe, dsa) == ["CVE-2024-0002"]


@pytest.mark.parametrize(
    ("note", "why"), [("end of life", Why.END_OF_LIFE), ("undetermined", Why.UNSUPPORTED), ("", Why.UNSUPPORTED)]
)
def test_what_the_publisher_does_not_know_is_one_gap_a_source_not_a_finding(note: str, why: Why) -> None:
    unknown = [
        debian("openssl", "introduced 0", cve=f"CVE-2024-{number:04}", status=Status.UNKNOWN, note=note)
        for number in range(1, 41)
    ]
    result = judged([openssl(), package("deb", "openssl", "3.0.11-1", on=BOOKWORM)], *unknown)
    (gap,) = result.gaps
    assert result.findings == ()
    assert gap.why is why
    assert gap.subject == "pkg:deb/libssl3@3.0.11-1"
    assert "2 packages" in gap.detail
    assert "40: CVE-2024-0001, CVE-2024-0002" in gap.detail
    assert "and 20 more" in gap.detail


def test_a_fix_that_came_ends_what_was_open_or_unknown_before() -> None:
    dsa = advisory("DSA-1-1", affected("Debian:12", "openssl", "introduced 0, fixed 3.0.12-1"), cve=CVE)
    for earlier in (
        debian("openssl", "introduced 0", status=Status.AFFECTED),
        debian("openssl", status=Status.UNKNOWN),
    ):
        assert judged(openssl("3.0.12-1"), earlier, dsa) == Judgement()
        (finding,) = judged(openssl(), earlier, dsa).findings
        assert finding.fix.versions == ("3.0.12-1",)


def test_distroless_is_judged_as_its_debian_release() -> None:
    base = package("deb", "libssl3", "3.0.11-1", source="openssl", on=distro("debian", "12", pretty_name="Distroless"))
    assert found(base, debian("openssl", "introduced 0, fixed 3.0.12-1")) == [CVE]


# Ubuntu


def ubuntu(name: str, *, free: str | None = None, paid: str | None = None, **status: Status) -> Advisory:
    """Rows of 18.04: ranges for the free and for the paid updates, and their status."""
    rows = [
        affected(ecosystem, name, *([ranges] if ranges else []), status=status.get(f"{key}_"))
        for key, ecosystem, ranges in (("free", "Ubuntu:18.04:LTS", free), ("paid", "Ubuntu:Pro:18.04:LTS", paid))
        if ranges is not None
    ]
    return advisory(f"UBUNTU-{CVE}", *rows, feed="ubuntu", cve=CVE)


def gpac(version: str = "0.5.2-426") -> Package:
    return package("deb", "gpac", version, on=BIONIC)


HERE = advisory("USN-9", affected("Ubuntu:18.04:LTS", "elsewhere", "introduced 0"), feed="ubuntu")


@pytest.mark.parametrize(
    ("free", "status"),
    [
        ("introduced 0", Status.AFFECTED),
        ("introduced 0", Status.WONT_FIX),
        ("", Status.UNKNOWN),
        (None, Status.AFFECTED),
    ],
    ids=["needed", "end of standard support, was needed", "end of standard support", "no row"],
)
def test_a_fix_that_only_subscribers_get_is_reported_as_such(free: str | None, status: Status) -> None:
    said = ubuntu("gpac", free=free, paid="introduced 0, fixed 0.5.2-426ubuntu0.1~esm1", free_=status)
    (finding,) = judged(gpac(), said, HERE).findings
    assert (finding.fix.state, finding.fix.versions) == (FixState.PRO_ONLY, ("0.5.2-426ubuntu0.1~esm1",))


def test_a_free_fix_is_what_counts_for_a_free_package() -> None:
    said = ubuntu("gpac", free="introduced 0, fixed 0.5.2-427", paid="introduced 0, fixed 0.5.2-427~esm3")
    (finding,) = judged(gpac(), said).findings
    assert (finding.fix.state, finding.fix.versions) == (FixState.FIXED, ("0.5.2-427",))
    assert found(gpac("0.5.2-427"), said) == []


def test_a_paid_package_is_judged_by_the_paid_updates() -> None:
    fixed = "introduced 0, fixed 0.5.2-426ubuntu0.1~esm2"
    said = ubuntu("gpac", free="introduced 0", paid=fixed, free_=Status.WONT_FIX)
    assert found(gpac("0.5.2-426ubuntu0.1~esm2"), said) == []
    (finding,) = judged(gpac("0.5.2-426ubuntu0.1~esm1"), said).findings
    assert finding.fix.versions == ("0.5.2-426ubuntu0.1~esm2",)


def test_a_paid_package_is_judged_by_the_free_updates_where_the_paid_say_nothing() -> None:
    said = ubuntu("gpac", free="introduced 0, fixed 0.5.2-427")
    assert found(gpac("0.5.2-426ubuntu0.1~esm1"), said) == [CVE]
    assert found(gpac("0.5.2-427ubuntu0.1+esm1"), said) == []


def test_will_not_fix_stays_the_word_on_a_free_package_while_the_paid_have_no_fix_either() -> None:
    said = ubuntu("gpac", free="introduced 0", paid="introduced 0", free_=Status.WONT_FIX, paid_=Status.AFFECTED)
    (finding,) = judged(gpac(), said).findings
    assert finding.fix.state is FixState.WONT_FIX
    assert [match.ecosystem for match in finding.matches] == ["Ubuntu:18.04:LTS"]


def test_end_of_standard_support_without_another_word_is_a_gap_not_clean() -> None:
    row = affected("Ubuntu:18.04:LTS", "gpac", status=Status.UNKNOWN, note="ignored (end of standard support)")
    result = judged(gpac(), advisory(f"UBUNTU-{CVE}", row, feed="ubuntu", cve=CVE))
    assert result.findings == ()
    assert [gap.why for gap in result.gaps] == [Why.END_OF_LIFE]


def test_what_only_the_paid_updates_do_not_know_is_no_gap_for_a_free_package() -> None:
    rows = (
        affected("Ubuntu:18.04:LTS", "gpac", "introduced 0, fixed 0.5.2-400"),
        affected("Ubuntu:Pro:18.04:LTS", "gpac", status=Status.UNKNOWN),
    )
    assert judged(gpac(), advisory(f"UBUNTU-{CVE}", *rows, feed="ubuntu", cve=CVE)) == Judgement()


def test_what_the_paid_updates_alone_speak_of_and_do_not_know_is_a_gap() -> None:
    said = ubuntu("gpac", paid="", paid_=Status.UNKNOWN)
    result = judged(gpac(), said, HERE)
    assert (result.findings, [gap.why for gap in result.gaps]) == ((), [Why.UNSUPPORTED])


def test_a_free_version_above_a_fix_for_subscribers_does_not_have_it() -> None:
    fixed = "introduced 0, fixed 0.5.2-426ubuntu0.1+esm1"
    said = ubuntu("gpac", free="introduced 0", paid=fixed, free_=Status.AFFECTED)
    (finding,) = judged(gpac("0.5.2-426ubuntu0.2"), said).findings
    assert (finding.fix.state, finding.fix.versions) == (FixState.NOT_FIXED, ())
    unknown = ubuntu("gpac", free="", paid=fixed, free_=Status.UNKNOWN)
    assert len(judged(gpac("0.5.2-426ubuntu0.2"), unknown).gaps) == 1


def test_a_kernel_above_a_fix_for_subscribers_has_it_for_its_versions_bear_no_mark() -> None:
    fixed = "introduced 0, fixed 4.15.0-215.226"
    said = ubuntu("linux", free="introduced 0", paid=fixed, free_=Status.WONT_FIX)
    kernels = [package("deb", "linux", f"4.15.0-{version}", on=BIONIC) for version in ("213.224", "215.226")]
    assert [finding.package for finding in judged(kernels, said).findings] == kernels[:1]


def test_one_kernel_source_says_nothing_of_another_flavour() -> None:
    row = affected("Ubuntu:22.04:LTS", "linux-aws", "introduced 0")
    kernel = package("deb", "linux-image-generic", "5.15.0-91.101", source="linux", on=JAMMY)
    assert found(kernel, advisory(f"UBUNTU-{CVE}", row, feed="ubuntu", cve=CVE)) == []


def test_a_priority_can_be_set_for_a_package() -> None:
    mild = Rating(source="ubuntu", system="label", label="negligible")
    row = affected("Ubuntu:22.04:LTS", "bash", "introduced 0", ratings=(mild,))
    ratings = (Rating(source="ubuntu", system="Ubuntu", label="high"),)
    said = advisory(f"UBUNTU-{CVE}", row, feed="ubuntu", cve=CVE, ratings=ratings)
    (finding,) = judged(package("deb", "bash", "5.1", on=JAMMY), said).findings
    assert (finding.severity, finding.severity_source) == (Severity.NEGLIGIBLE, "ubuntu")


# Alpine


def test_alpine_is_judged_by_origin_and_branch() -> None:
    apk = package("apk", "libcrypto3", "3.1.3-r0", source="openssl", on=ALPINE)
    here = advisory(f"ALPINE-{CVE}", affected("Alpine:v3.18", "openssl", "introduced 0, fixed 3.1.4-r0"), cve=CVE)
    edge = advisory("ALPINE-CVE-2024-0002", affected("Alpine:edge", "openssl", "introduced 0, fixed 9-r0"))
    other = advisory("ALPINE-CVE-2024-0003", affected("Alpine:v3.18", "libcrypto3", "introduced 0, fixed 9-r0"))
    never = advisory("ALPINE-CVE-2024-0004", affected("Alpine:v3.18", "openssl", "introduced 0, fixed 0"))
    assert found(apk, here, edge, other, never) == [CVE]


# Red Hat and its kin


def test_fixed_statements_name_binaries_and_unfixed_ones_sources_and_both_are_found() -> None:
    libs = package("rpm", "openssl-libs", "1:1.1.1k-7.el8", source="openssl 1.1.1k-7.el8", on=RHEL8)
    row = affected(f"{BASE8}::baseos", "openssl-libs", "introduced 0, fixed 1:1.1.1k-9.el8")
    fixed = advisory("RHSA-1", row, cve=CVE)
    open_ = affected(BASE8, "openssl", "introduced 0", status=Status.DEFERRED)
    unfixed = advisory("REDHAT-CVE-2024-0002", open_, feed="redhat", cve="CVE-2024-0002")
    first, second = judged(libs, fixed, unfixed).findings
    assert (first.vulnerability, first.matches[0].kind, first.fix.state) == (CVE, MatchKind.BINARY, FixState.FIXED)
    assert (second.matches[0].kind, second.fix.state) == (MatchKind.SOURCE, FixState.DEFERRED)


def test_through_the_source_perl_errno_is_compared_without_the_epoch_of_perl() -> None:
    errno = package("rpm", "perl-Errno", "1.28-419.el8", source="perl 5.26.3-419.el8", on=RHEL8)
    said = advisory("RHSA-1", affected(BASE8, "perl", "introduced 0, fixed 4:5.26.3-419.el8"), feed="redhat", cve=CVE)
    assert found(errno, said) == []
    later = advisory("RHSA-2", affected(BASE8, "perl", "introduced 0, fixed 4:5.26.3-420.el8"), feed="redhat", cve=CVE)
    assert found(errno, later) == [CVE]


def test_what_an_advisory_says_of_the_binary_itself_outweighs_what_it_says_of_the_sources_namesake() -> None:
    errno = package("rpm", "perl-Errno", "1.28-419.el8", source="perl 5.26.3-419.el8", on=ALMA8)
    rows = (
        affected("AlmaLinux:8", "perl", "introduced 0, fixed 4:5.26.3-423.el8_10"),
        affected("AlmaLinux:8", "perl-Errno", "introduced 0, fixed 1.28-423.el8_10"),
    )
    (finding,) = judged(errno, advisory("ALSA-1", *rows, feed="almalinux", cve=CVE)).findings
    assert finding.fix.versions == ("1.28-423.el8_10",)
    assert [match.kind for match in finding.matches] == [MatchKind.BINARY]


def test_of_several_advisories_on_one_cve_the_highest_fix_ends_it() -> None:
    bind = package("rpm", "bind", "32:9.11.36-1.el8", on=RHEL8)
    rows = [affected(BASE8, "bind", f"introduced 0, fixed 32:9.11.36-{n}.el8") for n in (3, 5, 2)]
    errata = [advisory(f"RHSA-{n}", row, feed="redhat", cve=CVE) for n, row in enumerate(rows)]
    (finding,) = judged(bind, *errata).findings
    assert finding.fix.versions == ("32:9.11.36-5.el8", "32:9.11.36-2.el8", "32:9.11.36-3.el8")
    assert len(finding.matches) == 3
    assert found(replace(bind, version="32:9.11.36-4.el8"), *errata) == [CVE]
    assert found(replace(bind, version="32:9.11.36-5.el8"), *errata) == []


def test_streams_of_extended_support_and_other_products_never_judge_a_plain_image() -> None:
    rows = [
        affected(f"Red Hat:{product}", "bind", "introduced 0")
        for product in ("rhel_eus:8.6::baseos", "rhel_aus:8.4::baseos", "rhel_dotnet:2.1::el8")
    ]
    assert found(package("rpm", "bind", "32:9", on=RHEL8), advisory("RHSA-1", *rows, cve=CVE), ELSEWHERE) == []


def test_a_module_stream_is_part_of_a_packages_identity() -> None:
    ten, fourteen = (
        package("rpm", "nodejs", f"1:{version}.module+el8", on=RHEL8, module=f"nodejs:{stream}:820:abc")
        for stream, version in ((10, "10.24.0-1"), (14, "14.16.0-1"))
    )
    plain = package("rpm", "nodejs", "1:9.0-1.el8", on=RHEL8)
    row = affected(BASE8, "nodejs", "introduced 0, fixed 1:14.17.0-1.module+el8", module="nodejs:14")
    fixed = advisory("RHSA-1", row, feed="redhat", cve=CVE)
    result = judged([ten, fourteen, plain], fixed)
    assert [finding.package for finding in result.findings] == [fourteen]
    assert result.gaps == ()


def modular(name: str, version: str, module: str, **more: Any) -> Package:
    return package("rpm", name, f"{version}.module+el8", on=RHEL8, module=f"{module}:820:abc", **more)


def test_a_modular_package_is_not_judged_by_a_fix_outside_modules() -> None:
    perl = modular("perl-DBI", "1.641-2", "perl-DBI:1.641")
    row = affected(BASE8, "perl-DBI", "introduced 0, fixed 1.642-1.el8")
    assert judged(perl, advisory("RHSA-1", row, feed="redhat", cve=CVE)) == Judgement()


def test_an_open_component_named_without_a_module_may_be_of_any_stream() -> None:
    php = modular("php-cli", "7.2.11-1", "php:7.2", source="php 7.2.11-1")
    bare = affected(BASE8, "php", "introduced 0", status=Status.AFFECTED)
    result = judged(php, advisory("REDHAT-1", bare, feed="redhat", cve=CVE))
    assert (result.findings, [gap.why for gap in result.gaps]) == ((), [Why.NOT_COMPARABLE])
    own = affected(BASE8, "php", "introduced 0", status=Status.WONT_FIX, module="php:7.2")
    result = judged(php, advisory("REDHAT-1", bare, own, feed="redhat", cve=CVE))
    assert ([finding.fix.state for finding in result.findings], result.gaps) == ([FixState.WONT_FIX], ())
    safe = affected(BASE8, "php", status=Status.NOT_AFFECTED)
    assert found(php, advisory("REDHAT-1", safe, own, feed="redhat", cve=CVE)) == [CVE]


def test_what_is_said_of_a_module_as_a_whole_is_a_gap_for_each_of_its_packages() -> None:
    note = "fixed by RHSA-2019:1175 in the module virt:rhel-8000020190510171727.55190bc5"
    row = affected(BASE8, "virt:rhel", module="virt:rhel", status=Status.UNKNOWN, note=note)
    said = advisory("REDHAT-1", row, feed="redhat", cve=CVE)
    result = judged(modular("qemu-img", "15:2.12.0-63", "virt:rhel", source="qemu-kvm"), said)
    assert [gap.why for gap in result.gaps] == [Why.UNSUPPORTED]
    assert note in result.gaps[0].detail
    assert judged(modular("qemu-img", "15:4.2.0-1", "virt:8.2", source="qemu-kvm"), said) == Judgement()


def test_not_affected_of_one_stream_does_not_veto_another() -> None:
    rows = (
        affected(BASE8, "nodejs", module="nodejs:10", status=Status.NOT_AFFECTED),
        affected(BASE8, "nodejs", "introduced 0", module="nodejs:14", status=Status.AFFECTED),
    )
    said = advisory("REDHAT-1", *rows, feed="redhat", cve=CVE)
    by_stream = {
        stream: found(package("rpm", "nodejs", "1:9-1.module+el8", on=RHEL8, module=f"nodejs:{stream}:1:a"), said)
        for stream in (10, 14)
    }
    assert by_stream == {10: [], 14: [CVE]}


def test_alma_names_the_stream_in_the_summary() -> None:
    row = affected("AlmaLinux:8", "nodejs", "introduced 0, fixed 1:14.17.0-1.module_el8.4.0+2522+3bd42762")
    alsa = advisory("ALSA-1", row, feed="almalinux", cve=CVE, summary="Important: nodejs:14 security update")
    old, own = (package("rpm", "nodejs", f"1:{n}.1-1.module_el8", on=ALMA8, module=f"nodejs:{n}:8:x") for n in (10, 14))
    assert judged([old, own], alsa).findings[0].package == own
    assert len(judged([old, own], alsa).findings) == 1


def test_an_erratum_on_two_streams_speaks_of_packages_in_either() -> None:
    row = affected("AlmaLinux:8", "libvirt-devel", "introduced 0, fixed 8.0.0-10.module_el8.7.0+3346+68867adb")
    summary = "Moderate: virt:rhel and virt-devel:rhel security update"
    alsa = advisory("ALSA-1", row, feed="almalinux", cve=CVE, summary=summary)
    by_stream = {
        stream: found(package("rpm", "libvirt-devel", "6.0.0-1.module_el8", on=ALMA8, module=f"{stream}:8040:1"), alsa)
        for stream in ("virt:rhel", "virt-devel:rhel", "virt:av")
    }
    assert by_stream == {"virt:rhel": [CVE], "virt-devel:rhel": [CVE], "virt:av": []}


def test_an_unknown_stream_on_either_side_can_not_be_told() -> None:
    row = affected("AlmaLinux:8", "ruby", "introduced 0, fixed 9.9-1.module_el8")
    silent = advisory("ALSA-1", row, feed="almalinux", cve=CVE, summary="Moderate: ruby security update")
    labelled = package("rpm", "ruby", "2.5-1.module_el8", on=ALMA8, module="ruby:2.5:8:x")
    result = judged(labelled, silent)
    assert result.findings == ()
    assert [gap.why for gap in result.gaps] == [Why.NOT_COMPARABLE]
    spoken = replace(silent, summary="Moderate: ruby:2.5 security update")
    unlabelled = judged(replace(labelled, module=""), spoken)
    assert (unlabelled.findings, len(unlabelled.gaps)) == ((), 1)


def test_centos_is_judged_by_red_hats_data_and_said_to_be_over() -> None:
    centos = distro("centos", "8", pretty_name="CentOS Linux 8")
    bash = package("rpm", "bash", "4.4.19-14.el8", on=centos, vendor="CentOS")
    said = advisory("RHSA-1", affected(BASE8, "bash", "introduced 0, fixed 4.4.20-1.el8"), feed="redhat", cve=CVE)
    result = judged(bash, said)
    assert [finding.vulnerability for finding in result.findings] == [CVE]
    assert [(gap.why, "2021-12-31" in gap.detail) for gap in result.gaps] == [(Why.END_OF_LIFE, True)]


@pytest.mark.parametrize(
    ("installed", "fixed", "vulnerable"),
    [
        ("2.4.6-89.el7.centos.1", "2.4.6-89.el7_6.1", False),
        ("2.4.6-89.el7.centos", "2.4.6-89.el7_6.1", True),
        ("2.4.6-88.el7.centos", "2.4.6-89.el7_6", True),
        ("3.4.3-158.el7.centos", "3.4.3-158.el7", False),
        ("1.0.2k-16.el7_5.2", "1.0.2k-16.el7_6.1", True),  # built without a mark: the minor release counts
        ("1:10.21.0-3.module_el8.2.0+391+8da3adc6", "1:10.21.0-3.module+el8.2.0+7071+d2377ea3", False),
        ("1:10.21.0-3.module_el8.2.0+391+8da3adc6", "1:10.21.0-4.module+el8.2.0+7071+d2377ea3", True),
    ],
)
def test_centos_is_compared_without_the_marks_of_its_own_builds(installed: str, fixed: str, vulnerable: bool) -> None:
    major = installed.partition(".el")[2][:1]
    module = "nodejs:10" if ".module" in installed else ""
    own = package("rpm", "thing", installed, on=distro("centos", major), module=module)
    row = affected(f"Red Hat:enterprise_linux:{major}", "thing", f"introduced 0, fixed {fixed}", module=module)
    assert found(own, advisory("RHSA-1", row, feed="redhat", cve=CVE)) == [CVE] * vulnerable


def test_red_hats_own_builds_are_compared_whole() -> None:
    old = package("rpm", "nodejs", "1:10.21.0-3.module+el8.2.0+1+a", on=RHEL8, module="nodejs:10:1:a")
    row = affected(BASE8, "nodejs", "introduced 0, fixed 1:10.21.0-3.module+el8.2.0+2+b", module="nodejs:10")
    assert found(old, advisory("RHSA-1", row, feed="redhat", cve=CVE)) == [CVE]


# Not judged


def test_a_distribution_without_advisories_is_one_no_feed_gap_however_many_packages_it_has() -> None:
    packages = [package("deb", f"package{n}", "1.0", on=BOOKWORM) for n in range(30)]
    result = judged(packages, advisory("DSA-1-1", affected("Debian:11", "package1", "introduced 0")))
    (gap,) = result.gaps
    assert (gap.why, gap.subject) == (Why.NO_FEED, "Debian GNU/Linux 12 (bookworm)")
    assert "Debian:12" in gap.detail
    assert "30" in gap.detail
    assert result.findings == ()


def test_an_empty_database_is_a_gap_never_a_pass() -> None:
    packages = [openssl(), package("npm", "left-pad", "1.0.0"), package("generic", "thing", "1")]
    assert [gap.why for gap in judged(packages).gaps] == [Why.NO_FEED, Why.NO_FEED, Why.UNSUPPORTED]


def test_packages_of_no_known_distribution_are_a_gap() -> None:
    (gap,) = judged([package("deb", "a", "1"), package("deb", "b", "1")], ELSEWHERE).gaps
    assert (gap.why, "2: a 1, b 1" in gap.detail) == (Why.NO_FEED, True)
    assert gap.wide


def test_rpms_on_debian_are_a_gap() -> None:
    (gap,) = judged(package("rpm", "bash", "1", on=BOOKWORM), ELSEWHERE).gaps
    assert (gap.why, gap.subject) == (Why.NO_FEED, "pkg:rpm")
    assert gap.wide


@pytest.mark.parametrize(
    ("stranger", "subject"),
    [
        (package("rpm", "htop", "3.2-1.el8", on=RHEL8, vendor="Fedora Project"), "Fedora Project"),
        (package("rpm", "docker-ce", "3:24.0-1.el8", on=RHEL8, vendor="Docker"), "Docker"),
        (package("rpm", "cuda", "12-1", on=RHEL8, vendor="NVIDIA CORPORATION"), "NVIDIA CORPORATION"),
        (
            package("rpm", "rh-python36-python", "3.6", on=distro("centos", "7"), vendor="CentOS"),
            "Software Collections",
        ),
        (package("rpm", "php54-php-cli", "5.4.40-3.el7", on=distro("centos", "7")), "Software Collections"),
        (package("deb", "docker-ce", "5:24.0", on=BOOKWORM, vendor="Docker <support@docker.com>"), "Docker"),
        (package("deb", "nodejs", "18.20.4-1nodesource1", on=BOOKWORM), "nodesource"),
        (package("deb", "libpq5", "16.1-1.pgdg120+1", on=BOOKWORM), "PostgreSQL (PGDG)"),
        (package("deb", "nginx", "1.24.0-2~bpo12+1", on=BOOKWORM), "backports"),
        (package("deb", "thing", "1.0", on=BOOKWORM, origin="Somebody"), "Somebody"),
    ],
)
def test_third_party_packages_are_not_judged_by_the_distributions_data(stranger: Package, subject: str) -> None:
    everything = advisory(
        "X-1",
        *(affected(name, stranger.name, "introduced 0") for name in (BASE8, "Debian:12", "Red Hat:enterprise_linux:7")),
    )
    result = judged([stranger, replace(stranger, purl="other")], everything)
    assert result.findings == ()
    assert [(gap.why, gap.subject) for gap in result.gaps if gap.why is not Why.END_OF_LIFE] == [
        (Why.UNSUPPORTED, subject)
    ]


@pytest.mark.parametrize(
    "own",
    [
        package("rpm", "bash", "4.4-1.el8", on=RHEL8, vendor="Red Hat, Inc."),
        package("rpm", "bash", "4.4-1.el8", on=RHEL8),
        package("deb", "bash", "5.2", on=BOOKWORM, vendor="Matthias Klose <doko@debian.org>"),
        package("deb", "bash", "5.2", on=BOOKWORM, origin="Debian"),
    ],
)
def test_a_distributions_own_package_or_one_without_a_vendor_is_judged(own: Package) -> None:
    rows = (affected(ecosystem, "bash", "introduced 0") for ecosystem in (BASE8, "Debian:12"))
    said = advisory("X-1", *rows, cve=CVE)
    assert found(own, said) == [CVE]


def test_an_installed_version_that_can_not_be_compared_is_one_gap_a_package() -> None:
    rows = [advisory(f"PYSEC-{n}", affected("PyPI", "a", f"introduced 0, fixed {n}"), feed="pypa") for n in range(1, 9)]
    result = judged(package("pypi", "a", "2004 d"), *rows)
    (gap,) = result.gaps
    assert (gap.why, gap.subject) == (Why.NOT_COMPARABLE, "pkg:pypi/a@2004 d")
    assert "8: PYSEC-1" in gap.detail


def test_an_advisorys_version_that_can_not_be_compared_is_a_gap_that_names_both() -> None:
    bad = advisory("PYSEC-1", affected("PyPI", "a", "introduced 0, fixed one!"), feed="pypa", cve=CVE)
    (gap,) = judged(package("pypi", "a", "1.0"), bad).gaps
    assert (gap.why, gap.subject) == (Why.NOT_COMPARABLE, "pypa PYSEC-1")
    assert "one!" in gap.detail


def test_commits_alone_are_a_gap_not_unaffected() -> None:
    git = advisory("PSF-1", affected("PyPI", "a", "introduced 0", type=RangeType.GIT), feed="osv", cve=CVE)
    result = judged(package("pypi", "a", "1.0"), git)
    assert (result.findings, [gap.why for gap in result.gaps]) == ((), [Why.NOT_COMPARABLE])


# Application packages


def ghsa(
    *ranges: str,
    feed: str = "ghsa",
    id: str = "GHSA-aaaa-bbbb-cccc",  # noqa: A002 - the schema's own word
    status: Status | None = None,
) -> Advisory:
    row = affected("npm", "thing", *ranges, type=RangeType.SEMVER, status=status)
    return advisory(id, row, feed=feed, aliases=(CVE,))


@pytest.mark.parametrize(
    ("installed", "versions"),
    [("1.2.0", ("1.5.0", "2.3.0", "3.1.0")), ("2.0.0", ("2.3.0", "3.1.0")), ("3.0.0", ("3.1.0",))],
)
def test_the_fix_of_the_installed_line_comes_first_and_none_is_thrown_away(
    installed: str, versions: tuple[str, ...]
) -> None:
    lines = "introduced 0, fixed 1.5.0, introduced 2.0.0, fixed 2.3.0, introduced 3.0.0, fixed 3.1.0"
    (finding,) = judged(package("npm", "thing", installed), ghsa(lines)).findings
    assert finding.fix.versions == versions


def test_the_first_fix_is_one_that_every_matching_advisory_accepts() -> None:
    one = ghsa("introduced 0, fixed 1.5.0, introduced 2.0.0, fixed 2.3.0")
    two = ghsa("introduced 0, fixed 1.6.0, introduced 2.0.0, fixed 2.3.0", feed="gitlab", id="GLAD-1")
    (finding,) = judged(package("npm", "thing", "1.0.0"), one, two).findings
    assert finding.fix.versions == ("1.6.0", "1.5.0", "2.3.0")


def test_the_first_fix_is_above_what_another_advisory_calls_the_last_affected_version() -> None:
    fixes = ghsa("introduced 0, fixed 0.2.0, introduced 0.2.1-0, fixed 0.2.1")
    last = ghsa("introduced 0, last_affected 0.2.0", feed="gitlab", id="GLAD-1")
    endless = ghsa("introduced 0", feed="osv", id="OSV-1")
    (finding,) = judged(package("npm", "thing", "0.1.0"), fixes, last, endless).findings
    assert finding.fix.versions == ("0.2.1", "0.2.0")


def test_the_first_fix_is_none_that_an_advisory_on_later_versions_calls_affected() -> None:
    one = ghsa("introduced 0, fixed 2.2.1, introduced 2.3.0, fixed 2.3.1")
    two = ghsa("introduced 2.2.0, fixed 2.3.1", feed="gitlab", id="GLAD-1")
    (finding,) = judged(package("npm", "thing", "1.11.1"), one, two).findings
    assert finding.fix.versions == ("2.3.1", "2.2.1")
    assert [match.advisory for match in finding.matches] == ["GHSA-aaaa-bbbb-cccc"]


def test_where_another_range_goes_on_nothing_is_fixed() -> None:
    split = ghsa("introduced 0, fixed 1.3.0", "introduced 1.3.0, last_affected 1.3.12", "introduced 2.0.0, fixed 2.1.0")
    (finding,) = judged(package("npm", "thing", "1.0.0"), split).findings
    assert (finding.fix.state, finding.fix.versions) == (FixState.FIXED, ("2.1.0",))
    (finding,) = judged(
        package("npm", "thing", "1.0.0"), ghsa("introduced 0, fixed 1.3.0", "introduced 1.3.0, last_affected 1.3.12")
    ).findings
    assert (finding.fix.state, finding.fix.versions) == (FixState.UNKNOWN, ())


def test_publishers_are_alternatives_and_each_that_says_yes_is_kept() -> None:
    yes, no = ghsa("introduced 0, fixed 2.0.0"), ghsa("introduced 0, fixed 1.0.0", feed="gitlab", id="GLAD-1")
    also = ghsa("introduced 0, fixed 2.1.0", feed="osv", id="OSV-1")
    (finding,) = judged(package("npm", "thing", "1.5.0"), yes, no, also).findings
    assert [match.feed for match in finding.matches] == ["ghsa", "osv"]
    assert finding.aliases == ("GHSA-aaaa-bbbb-cccc", "OSV-1")


def test_never_affected_by_one_publisher_vetoes_no_other() -> None:
    never = ghsa(status=Status.NOT_AFFECTED, feed="gitlab", id="GLAD-1")
    assert found(package("npm", "thing", "1.5.0"), ghsa("introduced 0, fixed 2.0.0"), never) == [CVE]


def test_the_letter_of_an_openssl_from_conan_is_no_pre_release() -> None:
    row = affected("ConanCenter", "openssl", "introduced 1.1.1, fixed 1.1.1k")
    said = advisory("GLAD-1", row, feed="gitlab", cve=CVE)
    versions = ("1.1.1-pre9", "1.1.1", "1.1.1j", "1.1.1k", "1.1.2")
    vulnerable = [version for version in versions if found(package("conan", "openssl", version), said)]
    assert vulnerable == ["1.1.1", "1.1.1j"]


def test_a_registry_beside_the_first_one_is_asked_too() -> None:
    drupal = "Packagist:https://packages.drupal.org/8"
    row = affected(drupal, "drupal/webform", "introduced 0, fixed 6.2.9")
    said = advisory("DRUPAL-CONTRIB-2024-001", row, feed="drupal", cve=CVE)
    assert found(package("composer", "drupal/webform", "6.2.8"), said) == [CVE]
    assert found(package("composer", "drupal/webform", "6.2.9"), said) == []


def test_a_last_affected_version_does_not_say_what_fixes_it() -> None:
    (finding,) = judged(package("npm", "thing", "1.0.0"), ghsa("introduced 0, last_affected 1.5.0")).findings
    assert (finding.fix.state, finding.fix.versions) == (FixState.UNKNOWN, ())
    (open_,) = judged(package("npm", "thing", "1.0.0"), ghsa("introduced 0")).findings
    assert open_.fix.state is FixState.NOT_FIXED


def test_the_same_input_is_judged_the_same_whatever_the_order_of_advisories() -> None:
    given = [
        ghsa("introduced 0, fixed 2.0.0"),
        ghsa("introduced 0, fixed 2.1.0", feed="osv", id="OSV-1"),
        advisory("SNYK-1", affected("npm", "thing", "introduced 0"), feed="osv", aliases=("OSV-1",)),
    ]
    thing = package("npm", "thing", "1.0.0")
    ahead, back = judged(thing, *given).findings, judged(thing, *given[::-1]).findings
    assert [finding.vulnerability for finding in ahead] == [finding.vulnerability for finding in back] == [CVE]
    assert ahead[0].fix == back[0].fix
    assert {match.advisory for match in ahead[0].matches} == {"GHSA-aaaa-bbbb-cccc", "OSV-1", "SNYK-1"}


# Many packages at once, each as if it were alone


def test_packages_judged_together_are_judged_as_if_each_were_alone() -> None:
    packages = [
        openssl(),
        openssl("3.0.12-1"),
        package("deb", "zlib1g", "1.2.13", source="zlib", on=BOOKWORM),
        package("deb", "odd", "1 2", on=BOOKWORM),
        package("deb", "unfed", "1", on=JAMMY),
        package("deb", "foreign", "1", on=ALMA8),
        package("cargo", "serde", "1.0.0"),
    ]
    published = (
        debian("openssl", "introduced 0, fixed 3.0.12-1"),
        debian("odd", "introduced 0, fixed 2-1", cve="CVE-2024-0002"),
        ELSEWHERE,
    )
    together = judge_each(packages, MemoryAdvisories(*published))
    alone = [judge_each([each], MemoryAdvisories(*published))[0] for each in packages]
    assert together == alone
    assert [[finding.vulnerability for finding in each.findings] for each in together] == [
        [CVE],
        [],
        [],
        [],
        [],
        [],
        [],
    ]
    assert [[gap.why for gap in each.gaps] for each in together] == [
        [],
        [],
        [],
        [Why.NOT_COMPARABLE],
        [Why.NO_FEED],
        [Why.NO_FEED],
        [Why.NO_FEED],
    ]


def test_a_gap_of_packages_judged_together_names_the_reason_and_no_other_package() -> None:
    packages = [package("deb", name, "1", on=JAMMY) for name in ("one", "two")]
    first, second = judge_each(packages, MemoryAdvisories(ELSEWHERE))
    assert first.gaps == second.gaps
    assert "not judged" not in first.gaps[0].detail


def test_an_alias_that_only_another_packages_advisory_knows_renames_no_finding() -> None:
    here = advisory("GHSA-aaaa", affected("crates.io", "one", "introduced 0"), aliases=("RUSTSEC-1",))
    there = advisory("RUSTSEC-1", affected("crates.io", "two", "introduced 0"), aliases=("CVE-2024-0009",))
    one, two = package("cargo", "one", "1.0.0"), package("cargo", "two", "1.0.0")
    alone = judge(inventory(one), MemoryAdvisories(here, there)).findings
    both = judge(inventory(one, two), MemoryAdvisories(here, there)).findings
    assert [each for each in both if each.package == one] == list(alone)

"""Which ecosystems judge which release. https://ossf.github.io/osv-schema/#defined-ecosystems."""

import pytest

from fakes.advisories import distro
from tidewaiter.match.distributions import FAMILIES, Release, Unjudged, release_of
from tidewaiter.match.vendors import _RPM_VENDORS
from tidewaiter.model.ecosystem import scheme_of
from tidewaiter.model.gap import Why
from tidewaiter.model.package import Distro

_RHEL8 = {
    "Red Hat:enterprise_linux:8",
    "Red Hat:enterprise_linux:8::baseos",
    "Red Hat:enterprise_linux:8::appstream",
    "Red Hat:enterprise_linux:8::crb",
    "Red Hat:enterprise_linux:8::nfv",
    "Red Hat:rhel_eus:8.6::baseos",
    "Red Hat:rhel_aus:8.4::baseos",
    "Red Hat:rhel_e4s:8.4::appstream",
    "Red Hat:rhel_tus:8.4::appstream",
    "Red Hat:rhel_software_collections:3::el7",
    "Red Hat:enterprise_linux:7",
}
_RHEL7 = {
    "Red Hat:enterprise_linux:7",
    "Red Hat:enterprise_linux:7::server",
    "Red Hat:enterprise_linux:7::hypervisor",
    "Red Hat:rhel_extras:7",
    "Red Hat:rhel_extras:6",
    "Red Hat:rhel_extras_rt:7",
    "Red Hat:rhel_dotnet:2.1::el7",
}
_SLE = {
    "SUSE:Linux Enterprise Server 15 SP4",
    "SUSE:Linux Enterprise Server 15 SP4-LTSS",
    "SUSE:Linux Enterprise Module for Basesystem 15 SP4",
    "SUSE:Linux Enterprise Module for Server Applications 15 SP4",
    "SUSE:Linux Enterprise Module for Basesystem 15 SP5",
    "SUSE:Linux Enterprise Server for SAP Applications 15 SP4",
    "SUSE:Linux Enterprise Server 15 SP5",
    "SUSE:Linux Enterprise Micro 5.4",
    "SUSE:Linux Enterprise Server 12 SP5",
    "SUSE:Linux Enterprise Module for Containers 12",
    "SUSE:Linux Enterprise Software Development Kit 12 SP5",
}


@pytest.mark.parametrize(
    ("release", "known", "judged_by"),
    [
        (distro("debian", "12"), {"Debian:12", "Debian:11", "Debian:sid"}, ["Debian:12"]),
        (distro("debian", "12.5"), {"Debian:12"}, ["Debian:12"]),
        (
            distro("debian", pretty_name="Debian GNU/Linux trixie/sid", version_codename="trixie"),
            {"Debian:13", "Debian:sid"},
            ["Debian:sid"],
        ),
        (distro("debian", version_codename="trixie"), {"Debian:13", "Debian:sid"}, ["Debian:13"]),
        (distro("ubuntu", "22.04"), {"Ubuntu:22.04:LTS", "Ubuntu:23.10"}, ["Ubuntu:22.04:LTS"]),
        (distro("ubuntu", "22.04"), {"Ubuntu:22.04"}, ["Ubuntu:22.04"]),
        (distro("ubuntu", "23.10"), {"Ubuntu:22.04:LTS", "Ubuntu:23.10"}, ["Ubuntu:23.10"]),
        (distro("ubuntu", version_codename="jammy"), {"Ubuntu:22.04:LTS"}, ["Ubuntu:22.04:LTS"]),
        (distro("alpine", "3.18.4"), {"Alpine:v3.18", "Alpine:v3.17", "Alpine:edge"}, ["Alpine:v3.18"]),
        (distro("alpine", "3.19_alpha20230901"), {"Alpine:v3.19", "Alpine:edge"}, ["Alpine:edge"]),
        (distro("alpine", "3.19.0", pretty_name="Alpine Linux edge"), {"Alpine:v3.19", "Alpine:edge"}, ["Alpine:edge"]),
        (distro("wolfi", "20230201"), {"Wolfi", "Chainguard"}, ["Wolfi"]),
        (distro("chainguard", "20230214"), {"Wolfi", "Chainguard"}, ["Chainguard"]),
        (distro("almalinux", "9.3"), {"AlmaLinux:8", "AlmaLinux:9"}, ["AlmaLinux:9"]),
        (distro("rocky", "9.3"), {"Rocky Linux:9"}, ["Rocky Linux:9"]),
        (
            distro("rhel", "8.9"),
            _RHEL8,
            [
                "Red Hat:enterprise_linux:8",
                "Red Hat:enterprise_linux:8::baseos",
                "Red Hat:enterprise_linux:8::appstream",
            ],
        ),
        (
            distro("centos", "7"),
            _RHEL7,
            ["Red Hat:enterprise_linux:7", "Red Hat:enterprise_linux:7::server", "Red Hat:rhel_extras:7"],
        ),
        (
            distro("rhel", "10.1"),
            {"Red Hat:enterprise_linux:10.0", "Red Hat:enterprise_linux:10.1::baseos", "Red Hat:rhel_eus:10.0"},
            ["Red Hat:enterprise_linux:10.0", "Red Hat:enterprise_linux:10.1::baseos"],
        ),
        (
            distro("sles", "15.4"),
            _SLE,
            [
                "SUSE:Linux Enterprise Server 15 SP4",
                "SUSE:Linux Enterprise Module for Basesystem 15 SP4",
                "SUSE:Linux Enterprise Module for Server Applications 15 SP4",
                "SUSE:Linux Enterprise Server 15 SP4-LTSS",
            ],
        ),
        (
            distro("sles", "12.5"),
            _SLE,
            ["SUSE:Linux Enterprise Server 12 SP5", "SUSE:Linux Enterprise Module for Containers 12"],
        ),
        (distro("sle-micro", "5.4"), _SLE, ["SUSE:Linux Enterprise Micro 5.4"]),
        (distro("opensuse-leap", "15.5"), {"openSUSE:Leap 15.5", "openSUSE:Tumbleweed"}, ["openSUSE:Leap 15.5"]),
        (distro("opensuse-tumbleweed", "20231030"), {"openSUSE:Tumbleweed"}, ["openSUSE:Tumbleweed"]),
        (distro("amzn", "2"), {"Amazon Linux:1", "Amazon Linux:2"}, ["Amazon Linux:2"]),
        (distro("amzn", "2018.03"), {"Amazon Linux:1", "Amazon Linux:2"}, ["Amazon Linux:1"]),
        (distro("amzn", "2023"), {"Amazon Linux:2023"}, ["Amazon Linux:2023"]),
        (distro("amzn", "2023.6.20241010"), {"Amazon Linux:2023"}, ["Amazon Linux:2023"]),
        (distro("ol", "8.9"), {"Oracle Linux:8"}, ["Oracle Linux:8"]),
        (distro("photon", "4.0"), {"Photon OS:4.0"}, ["Photon OS:4.0"]),
        (distro("mariner", "2.0"), {"Azure Linux:2", "Azure Linux:3"}, ["Azure Linux:2"]),
        (distro("azurelinux", "3.0"), {"Azure Linux:2", "Azure Linux:3"}, ["Azure Linux:3"]),
        (distro("mageia", "9"), {"Mageia:9"}, ["Mageia:9"]),
        (
            distro("openEuler", "22.03", pretty_name="openEuler 22.03 (LTS-SP3)"),
            {"openEuler:22.03-LTS-SP3", "openEuler:22.03-LTS"},
            ["openEuler:22.03-LTS-SP3"],
        ),
    ],
    ids=lambda value: value.id + value.version_id if isinstance(value, Distro) else "",
)
def test_a_release_is_judged_by_its_own_ecosystems(release: Distro, known: set[str], judged_by: list[str]) -> None:
    found = release_of(release, known)
    assert isinstance(found, Release)
    assert list(found.ecosystems) == judged_by


def test_the_extras_of_a_release_alone_judge_nothing() -> None:
    for release in (distro("rhel", "7.9"), distro("centos", "7")):
        assert isinstance(release_of(release, {"Red Hat:rhel_extras:7", "Red Hat:enterprise_linux:8"}), Unjudged)


def test_ubuntu_pro_is_looked_at_beside_the_base_but_fips_and_realtime_are_not() -> None:
    known = {"Ubuntu:22.04:LTS", "Ubuntu:Pro:22.04:LTS", "Ubuntu:Pro:FIPS:22.04:LTS", "Ubuntu:Pro:22.04:LTS:Realtime"}
    found = release_of(distro("ubuntu", "22.04"), known)
    assert isinstance(found, Release)
    assert (found.ecosystems, found.paid) == (("Ubuntu:22.04:LTS",), ("Ubuntu:Pro:22.04:LTS",))


@pytest.mark.parametrize(
    ("release", "reason"),
    [
        (distro("debian", "12"), "Debian:12"),
        (distro("ubuntu", "24.04"), "Ubuntu:24.04:LTS"),
        (distro("alpine", "3.22.1"), "Alpine:v3.22"),
        (distro("centos", "9", pretty_name="CentOS Stream 9"), "Stream 9"),
        (distro("centos", "8", pretty_name="CentOS Stream 8"), "Stream 8"),
        (distro("alpine"), "Alpine:v"),
        (distro("linuxmint", "21"), "linuxmint"),
        (distro("slackware", "15.0"), "slackware"),
        (distro(""), "does not say its name"),
    ],
    ids=str,
)
def test_a_release_that_nothing_speaks_of_is_not_judged_and_says_what_was_missing(release: Distro, reason: str) -> None:
    known = {"Debian:11", "Ubuntu:22.04:LTS", "Alpine:v3.21", "Alpine:edge", *_RHEL8}
    found = release_of(release, known)
    assert isinstance(found, Unjudged)
    assert found.why is Why.NO_FEED
    assert reason in found.reason


def test_a_derivative_is_never_judged_by_its_parent() -> None:
    raspbian = Distro(id="raspbian", version_id="12", id_like=("debian",))
    found = release_of(raspbian, {"Debian:12"})
    assert isinstance(found, Unjudged)
    assert "debian" in found.reason


@pytest.mark.parametrize(("version", "day"), [("6.10", "2020-11-30"), ("7", "2024-06-30"), ("8", "2021-12-31")])
def test_centos_linux_is_judged_by_red_hats_data_and_is_over(version: str, day: str) -> None:
    known = {f"Red Hat:enterprise_linux:{version.partition('.')[0]}"}
    found = release_of(distro("centos", version, pretty_name=f"CentOS Linux {version}"), known)
    assert isinstance(found, Release)
    assert found.ended == day


def test_every_family_has_a_version_order_and_every_rpm_family_its_vendors() -> None:
    for name, family in FAMILIES.items():
        wanted = family.wanted(distro(name, "8.0"))
        assert [scheme_of(each) for each in getattr(wanted, "spellings", ())] == [family.type] * len(
            getattr(wanted, "spellings", ())
        ), name
    assert {name for name, family in FAMILIES.items() if family.type == "rpm"} == set(_RPM_VENDORS)

"""Under which names a package is found, and which version counts there."""

import pytest

from fakes.advisories import ALMA8, ALPINE, BOOKWORM, distro, package
from tidewaiter.match.distributions import Release, release_of
from tidewaiter.match.keys import APPLICATION_ECOSYSTEMS, application_lookup, system_lookups
from tidewaiter.model.ecosystem import scheme_of
from tidewaiter.model.finding import MatchKind
from tidewaiter.model.package import Distro, Package


def names(of: Package, on: Distro, *known: str) -> list[tuple[str, str, str]]:
    release = release_of(on, known)
    assert isinstance(release, Release)
    return [(str(each.kind), each.name, each.version) for each in system_lookups(of, release)]


def test_a_deb_is_found_by_its_source_and_the_sources_version() -> None:
    deb = package("deb", "libc-bin", "2.36-9+deb12u1+b2", source="glibc 2.36-9+deb12u1", on=BOOKWORM)
    assert names(deb, BOOKWORM, "Debian:12") == [("source", "glibc", "2.36-9+deb12u1")]


def test_a_source_without_a_version_has_the_binarys_and_no_mark_of_a_rebuild() -> None:
    plain = package("deb", "libssl3", "3.0.11-1", source="openssl", on=BOOKWORM)
    assert names(plain, BOOKWORM, "Debian:12") == [("source", "openssl", "3.0.11-1")]
    rebuilt = package("deb", "bash", "5.2.15-2+b7", on=BOOKWORM)
    assert names(rebuilt, BOOKWORM, "Debian:12") == [("source", "bash", "5.2.15-2")]


@pytest.mark.parametrize(
    ("source", "version", "kernel"),
    [
        ("linux-signed", "5.15.0-91.101", "linux"),
        ("linux-signed-hwe-5.4 5.4.0-150.167~18.04.1", "5.4.0-150.167~18.04.1", "linux-hwe-5.4"),
        ("linux-signed-amd64 6.1.76+1", "6.1.76-1", "linux"),
        ("linux-signed-5.10-arm64 5.10.92+1~bpo10+1", "5.10.92-1~bpo10+1", "linux-5.10"),
        ("linux", "6.1.76-1", "linux"),
        ("linux-aws", "5.15.0-1001.4", "linux-aws"),
    ],
)
def test_a_signed_kernel_is_found_by_the_kernel_that_was_signed(source: str, version: str, kernel: str) -> None:
    image = package("deb", "linux-image", version, source=source, on=BOOKWORM)
    assert names(image, BOOKWORM, "Debian:12") == [("source", kernel, version)]


def test_an_apk_is_found_by_its_origin() -> None:
    apk = package("apk", "libcrypto3", "3.1.4-r0", source="openssl", on=ALPINE)
    assert names(apk, ALPINE, "Alpine:v3.18") == [("source", "openssl", "3.1.4-r0")]


def test_an_rpm_is_found_by_its_own_name_and_by_its_sources() -> None:
    rpm = package("rpm", "perl-Errno", "1.28-419.el8", source="perl 5.26.3-419.el8", on=ALMA8)
    assert names(rpm, ALMA8, "AlmaLinux:8") == [
        ("binary", "perl-Errno", "1.28-419.el8"),
        ("source", "perl", "5.26.3-419.el8"),
    ]


def test_an_rpm_that_bears_its_sources_name_is_looked_up_once_with_its_epoch() -> None:
    rpm = package("rpm", "perl", "4:5.26.3-419.el8", source="perl 5.26.3-419.el8", on=ALMA8)
    assert names(rpm, ALMA8, "AlmaLinux:8") == [("binary", "perl", "4:5.26.3-419.el8")]


def test_amazons_advisories_name_binaries_only() -> None:
    amazon = distro("amzn", "2")
    rpm = package("rpm", "perl-libs", "4:5.16.3-299.amzn2", source="perl 5.16.3-299.amzn2", on=amazon)
    assert names(rpm, amazon, "Amazon Linux:2") == [("binary", "perl-libs", "4:5.16.3-299.amzn2")]


@pytest.mark.parametrize(
    ("type", "name", "version", "expected"),
    [
        ("pypi", "Flask_SQLAlchemy", "2.5", ("PyPI", "flask-sqlalchemy", "2.5", "pep440")),
        ("npm", "@babel/core", "7.0.0", ("npm", "@babel/core", "7.0.0", "semver")),
        ("maven", "org.ow2.asm:asm", "5.3", ("Maven", "org.ow2.asm:asm", "5.3", "maven")),
        ("golang", "golang.org/x/net", "v0.7.0", ("Go", "golang.org/x/net", "0.7.0", "semver")),
        ("golang", "stdlib", "go1.22.1", ("Go", "stdlib", "1.22.1", "semver")),
        ("golang", "stdlib", "go1.22rc1", ("Go", "stdlib", "1.22.0-rc.1", "semver")),
        ("golang", "stdlib", "go1.22.1 X:boringcrypto", ("Go", "stdlib", "1.22.1", "semver")),
        ("golang", "toolchain", "go1.22rc2 (Red Hat 1.22-0.rc2.el9)", ("Go", "toolchain", "1.22.0-rc.2", "semver")),
        ("gem", "rack", "2.2.3", ("RubyGems", "rack", "2.2.3", "gem")),
        ("nuget", "Newtonsoft.Json", "12.0.3", ("NuGet", "newtonsoft.json", "12.0.3", "nuget")),
        ("composer", "Symfony/Http-Kernel", "v5.4.1", ("Packagist", "symfony/http-kernel", "v5.4.1", "composer")),
        ("cargo", "time", "0.1.44", ("crates.io", "time", "0.1.44", "semver")),
        ("bitnami", "spark", "3.3.1-12", ("Bitnami", "spark", "3.3.1", "semver")),
        ("conan", "zlib", "1.2.11", ("ConanCenter", "zlib", "1.2.11", "maven")),
    ],
)
def test_an_application_package_is_found_by_its_purl_type(
    type: str,  # noqa: A002 - purl's own word
    name: str,
    version: str,
    expected: tuple[str, str, str, str],
) -> None:
    lookup = application_lookup(package(type, name, version))
    assert lookup is not None
    assert (lookup.ecosystem, lookup.name, lookup.version, lookup.scheme) == expected
    assert lookup.kind is MatchKind.NAME


def test_a_type_without_an_ecosystem_or_an_order_is_not_looked_up() -> None:
    assert application_lookup(package("generic", "thing", "1.0")) is None
    unordered = {name for name in APPLICATION_ECOSYSTEMS.values() if scheme_of(name) is None}
    assert unordered == {"CRAN", "GitHub Actions", "Hackage", "Pub"}

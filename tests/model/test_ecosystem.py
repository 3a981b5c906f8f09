"""OSV's ecosystems, sentence by sentence."""

import pytest

from tidewaiter.model.ecosystem import normalise, scheme_of, split_ecosystem


@pytest.mark.parametrize(
    ("ecosystem", "base", "release"),
    [
        ("npm", "npm", ""),
        ("Debian:12", "Debian", "12"),
        ("Ubuntu:22.04:LTS", "Ubuntu", "22.04:LTS"),
        ("Ubuntu:Pro:18.04:LTS", "Ubuntu", "Pro:18.04:LTS"),
        ("Alpine:v3.18", "Alpine", "v3.18"),
        ("Rocky Linux:9", "Rocky Linux", "9"),
        ("SUSE:Linux Enterprise Server 15 SP5", "SUSE", "Linux Enterprise Server 15 SP5"),
        ("Red Hat:rhel_eus:9.2::appstream", "Red Hat", "rhel_eus:9.2::appstream"),
    ],
)
def test_the_release_is_all_after_the_first_colon(ecosystem: str, base: str, release: str) -> None:
    assert split_ecosystem(ecosystem) == (base, release)


@pytest.mark.parametrize(
    ("ecosystem", "scheme"),
    [
        ("Debian:12", "deb"),
        ("Ubuntu:Pro:14.04:LTS", "deb"),
        ("Alpine:v3.20", "apk"),
        ("Wolfi", "apk"),
        ("Chainguard", "apk"),
        ("Red Hat:enterprise_linux:8", "rpm"),
        ("AlmaLinux:9", "rpm"),
        ("Rocky Linux:9", "rpm"),
        ("SUSE:Linux Enterprise Server 15 SP5", "rpm"),
        ("openSUSE:Leap 15.5", "rpm"),
        ("Amazon Linux:2023", "rpm"),
        ("Photon OS:5.0", "rpm"),
        ("Azure Linux:3", "rpm"),
        ("PyPI", "pep440"),
        ("npm", "semver"),
        ("Go", "semver"),
        ("crates.io", "semver"),
        ("Bitnami", "semver"),
        ("ConanCenter", "maven"),
        ("SwiftURL", "semver"),
        ("Maven", "maven"),
        ("Maven:https://repo1.example", "maven"),
        ("RubyGems", "gem"),
        ("Ruby", "gem"),
        ("NuGet", "nuget"),
        ("Packagist", "composer"),
        ("Root:Debian:12", "deb"),
        ("Root:PyPI", "pep440"),
    ],
)
def test_an_ecosystem_orders_versions_by_its_scheme(ecosystem: str, scheme: str) -> None:
    assert scheme_of(ecosystem) == scheme


@pytest.mark.parametrize("ecosystem", ["", "Haskell", "GIT", "debian:12", "Root", "Root:"])
def test_an_unknown_ecosystem_has_no_order(ecosystem: str) -> None:
    assert scheme_of(ecosystem) is None


@pytest.mark.parametrize(
    ("ecosystem", "name", "normal"),
    [
        ("PyPI", "Zope._-Interface", "zope-interface"),
        ("Root:PyPI", "Zope.Interface", "zope-interface"),
        ("Packagist", "Symfony/Http-Kernel", "symfony/http-kernel"),
        ("NuGet", "Newtonsoft.Json", "newtonsoft.json"),
        ("GitHub Actions", "TJ-Actions/Changed-Files", "tj-actions/changed-files"),
        ("Maven", "org.Example:Thing_A", "org.Example:Thing_A"),
        ("npm", "@Scope/JSONStream", "@Scope/JSONStream"),
        ("Go", "github.com/BurntSushi/toml", "github.com/BurntSushi/toml"),
        ("crates.io", "serde_json", "serde_json"),
        ("Debian:12", "libA_b", "libA_b"),
    ],
)
def test_names_are_compared_as_the_ecosystem_does(ecosystem: str, name: str, normal: str) -> None:
    assert normalise(ecosystem, name) == normal
    assert normalise(ecosystem, normal) == normal

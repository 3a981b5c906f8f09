"""OSV's ecosystems: where a name with a release is cut, how versions are ordered, when two package names are the same.

https://ossf.github.io/osv-schema/#defined-ecosystems
"""

import re

_MEMBERS = {
    "deb": ("Debian", "Echo", "Ubuntu"),
    "apk": ("Alpaquita", "Alpine", "BellSoft Hardened Containers", "Chainguard", "MinimOS", "Wolfi"),
    "rpm": (
        "AlmaLinux",
        "Amazon Linux",
        "Azure Linux",
        "CentOS",
        "Fedora",
        "Mageia",
        "openEuler",
        "openSUSE",
        "Oracle Linux",
        "Photon OS",
        "Red Hat",
        "Rocky Linux",
        "SUSE",
    ),
    "pep440": ("PyPI",),
    "semver": (
        "Bioconductor",
        "Bitnami",
        "crates.io",
        "Go",
        "Hex",
        "Julia",
        "Kubernetes",
        "kubernetes",
        "npm",
        "SwiftURL",
    ),
    # Conan's versions are those of the projects: letters behind a number come later (OpenSSL's 1.1.1k is newer than
    # 1.1.1), behind a hyphen they come before (1.1.1-pre1). semver takes both for pre-releases, Maven tells them apart.
    "maven": ("Maven", "ConanCenter"),
    "gem": ("Ruby", "RubyGems"),
    "nuget": ("NuGet",),
    "composer": ("Packagist",),
}
_SCHEMES = {base: scheme for scheme, bases in _MEMBERS.items() for base in bases}
_PYPI_RUN = re.compile(r"[-_.]+")
_CASELESS = frozenset({"GitHub Actions", "NuGet", "Packagist", "VSCode"})

# Root rebuilds the packages of others: its suffix is an ecosystem of its own, "Root:Debian:12", "Root:PyPI".
_REBUILDER = "Root"


def split_ecosystem(ecosystem: str) -> tuple[str, str]:
    """The ecosystem's base and its release: ("Debian", "12"), ("Ubuntu", "22.04:LTS"), ("npm", "")."""
    base, _, release = ecosystem.partition(":")
    return base, release


def scheme_of(ecosystem: str) -> str | None:
    """The name of the version order in `versions`, with or without a release; None where no order is known."""
    base, release = split_ecosystem(ecosystem)
    return scheme_of(release) if base == _REBUILDER else _SCHEMES.get(base)


def normalise(ecosystem: str, name: str) -> str:
    """The package name as the ecosystem compares it: two names are the same package if this is equal.

    PyPI: https://packaging.python.org/en/latest/specifications/name-normalization/
    Packagist, NuGet, VSCode and GitHub Actions ignore case; all others are exact (Maven's `group:artifact` too).
    """
    base, release = split_ecosystem(ecosystem)
    if base == _REBUILDER:
        return normalise(release, name)
    if base == "PyPI":
        return _PYPI_RUN.sub("-", name).lower()
    return name.lower() if base in _CASELESS else name

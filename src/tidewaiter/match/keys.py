"""Under which ecosystems and names the advisories on a package are found, and which of its versions they speak of.

Operating system packages are found by their distribution release (see `distributions`). Others are found by their purl
type, and `Package.name` is the whole name as the ecosystem writes it: `@scope/name` (npm), `group:artifact` (Maven),
the module path (Go; `stdlib` and `toolchain` too), `vendor/name` (Packagist, GitHub Actions), the repository's URL
(SwiftURL).
"""

import re
from dataclasses import dataclass, replace

from tidewaiter.match.distributions import Release
from tidewaiter.model.ecosystem import normalise, scheme_of
from tidewaiter.model.finding import MatchKind
from tidewaiter.model.package import Package

SYSTEM_TYPES = frozenset({"deb", "rpm", "apk"})

# https://github.com/package-url/purl-spec/blob/main/PURL-TYPES.rst
APPLICATION_ECOSYSTEMS = {
    "bitnami": "Bitnami",
    "cargo": "crates.io",
    "composer": "Packagist",
    "conan": "ConanCenter",
    "cran": "CRAN",
    "gem": "RubyGems",
    "github": "GitHub Actions",
    "githubactions": "GitHub Actions",
    "golang": "Go",
    "hackage": "Hackage",
    "hex": "Hex",
    "maven": "Maven",
    "npm": "npm",
    "nuget": "NuGet",
    "pub": "Pub",
    "pypi": "PyPI",
    "swift": "SwiftURL",
}

_REBUILD = re.compile(r"\+b\d+$")
_BITNAMI_REVISION = re.compile(r"-\d+$")
_GO_PRERELEASE = re.compile(r"go(\d+\.\d+)(\.\d+)?(rc|beta)(\d+)$")
# Ubuntu's linux-signed-hwe-5.4, Debian's linux-signed-amd64.
_SIGNED_KERNEL = re.compile(r"linux-signed(?P<flavour>(?:-.+?)??)(?:-(?:amd64|arm64|i386))?")
_EPOCH = re.compile(r"^\d+:")

# CentOS Linux built Red Hat's sources again, and put its mark where the original has that of a minor release
# (2.4.6-89.el7.centos.1 from 2.4.6-89.el7_6.1) or the number of the module's build, which restarted at 1.
_REBUILDERS = frozenset({"centos"})
_REBUILDERS_MARK = re.compile(r"\.centos\b|\.module_el")
_BUILD_MARKS = re.compile(r"(?<=\.el[5-8])(_\d+)?(\.centos\b)?|\.module[+_]el.*")

_PAID_BUILD = re.compile(r"[~+]esm\d")


@dataclass(frozen=True, slots=True)
class Lookup:
    """One place to look for a package: `name` as `ecosystem` normalises it, and the `version` to judge there.

    `scheme` orders the versions. `any_epoch` is set where the version comes from an rpm's source package, whose file
    name carries no epoch. `paid` marks an ecosystem of fixes for subscribers. `rebuilt` is set where the advisories
    name the builds of another distribution, from whose sources the package was built again under a mark of its own.
    """

    ecosystem: str
    name: str
    version: str
    scheme: str
    kind: MatchKind
    any_epoch: bool = False
    paid: bool = False
    rebuilt: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What the database is asked for."""
        return self.ecosystem, self.name

    def at(self, version: str) -> "Lookup":
        """The same place, asked for another version."""
        return replace(self, version=version)

    def within(self, ecosystem: str) -> "Lookup":
        """The same name and version, looked for in another ecosystem."""
        return replace(self, ecosystem=ecosystem)


def application_lookup(package: Package) -> Lookup | None:
    """Where a package that no distribution judges is found; None if no ecosystem is known for its purl type."""
    ecosystem = APPLICATION_ECOSYSTEMS.get(package.type, "")
    scheme = scheme_of(ecosystem)
    if not ecosystem or scheme is None:
        return None
    version = _application_version(package)
    return Lookup(ecosystem, normalise(ecosystem, package.name), version, scheme, MatchKind.NAME)


def _application_version(package: Package) -> str:
    """The version as OSV writes it: Go's `v1.2.3` and `go1.22rc1` as 1.2.3 and 1.22.0-rc.1, Bitnami's unrevised.

    A toolchain adds what it was built with behind a space: `go1.22.1 X:boringcrypto`, `go1.21.9 (Red Hat …)`.
    """
    match package.type:
        case "golang":
            version = package.version.partition(" ")[0]
            toolchain = _GO_PRERELEASE.match(version)
            if toolchain:
                return f"{toolchain[1]}{toolchain[2] or '.0'}-{toolchain[3]}.{toolchain[4]}"
            return version.removeprefix("go").removeprefix("v")
        case "bitnami":
            return _BITNAMI_REVISION.sub("", package.version)
        case _:
            return package.version


def system_lookups(package: Package, release: Release) -> tuple[Lookup, ...]:
    """Where a distribution's package is found: by its source, its own name or both, in each of its ecosystems."""
    places = [(name, False) for name in release.ecosystems] + [(name, True) for name in release.paid]
    names = _names(package, release.names) + _module(package)
    rebuilt = release.distro.id.lower() in _REBUILDERS and _REBUILDERS_MARK.search(package.version) is not None
    return tuple(
        Lookup(ecosystem, name, version, package.type, kind, _loses_epoch(package, kind), paid, rebuilt)
        for ecosystem, paid in places
        for kind, name, version in names
    )


def _loses_epoch(package: Package, kind: MatchKind) -> bool:
    return package.type == "rpm" and kind is MatchKind.SOURCE


def _names(package: Package, kinds: frozenset[MatchKind]) -> list[tuple[MatchKind, str, str]]:
    """A source that bears the binary's own name is looked up once, by the binary: its version has the epoch."""
    source = (MatchKind.SOURCE, *_source(package))
    binary = (MatchKind.BINARY, package.name, package.version)
    if kinds == {MatchKind.SOURCE}:
        return [source]
    if kinds == {MatchKind.BINARY} or package.source is None or package.source.name == package.name:
        return [binary]
    return [binary, source]


def _module(package: Package) -> list[tuple[MatchKind, str, str]]:
    """Under its `name:stream` stands what is said of a module as a whole; no package's name has a colon."""
    return [(MatchKind.SOURCE, name_and_stream(package.module), package.version)] if package.module else []


def name_and_stream(label: str) -> str:
    """The `name:stream` at the beginning of a module label, `name:stream:version:context`."""
    return ":".join(label.split(":")[:2])


def _source(package: Package) -> tuple[str, str]:
    """The source package's name and version: dpkg names both only where they differ from the binary's.

    `+bN` marks a rebuild of the binary alone: its source never had it. A signed kernel has a source of signatures,
    which no advisory names; the binary has the version of the kernel that was signed.
    https://www.debian.org/doc/debian-policy/ch-controlfields.html#source
    """
    own = _REBUILD.sub("", package.version) if package.type == "deb" else package.version
    if package.source is None:
        return package.name, own
    signed = _SIGNED_KERNEL.fullmatch(package.source.name) if package.type == "deb" else None
    if signed:
        return f"linux{signed['flavour']}", own
    return package.source.name, package.source.version or own


def without_epoch(version: str) -> str:
    """The version without its leading `epoch:`."""
    return _EPOCH.sub("", version)


def without_build_marks(version: str) -> str:
    """The version without what tells a build of Red Hat's from its rebuild: 2.4.6-89.el7.1, 10.21.0-3."""
    return _BUILD_MARKS.sub("", version)


def has_epoch(version: str) -> bool:
    """Whether the version names an epoch."""
    return _EPOCH.match(version) is not None


def is_paid_build(version: str) -> bool:
    """Whether the version says that only subscribers got it: `1.0.2g-1ubuntu4.20+esm1`."""
    return _PAID_BUILD.search(version) is not None

"""Which OSV ecosystems judge a distribution release.

The release names are those of https://ossf.github.io/osv-schema/#defined-ecosystems. A derivative (`ID_LIKE`) is never
judged by its parent's data: it rebuilds, pins and patches packages under the same names.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from tidewaiter.model.finding import MatchKind
from tidewaiter.model.gap import Why
from tidewaiter.model.package import Distro

_NOT_A_NUMBER = re.compile(r"[^0-9.].*$")
_MAJOR_OF_CODENAME = {
    "etch": "4",
    "lenny": "5",
    "squeeze": "6",
    "wheezy": "7",
    "jessie": "8",
    "stretch": "9",
    "buster": "10",
    "bullseye": "11",
    "bookworm": "12",
    "trixie": "13",
    "forky": "14",
    "duke": "15",
}
_UBUNTU_CODENAMES = {
    "precise": "12.04",
    "trusty": "14.04",
    "xenial": "16.04",
    "bionic": "18.04",
    "focal": "20.04",
    "jammy": "22.04",
    "noble": "24.04",
    "resolute": "26.04",
}
_CENTOS_ENDED = {"5": "2017-03-31", "6": "2020-11-30", "7": "2024-06-30", "8": "2021-12-31"}
_LAST_CENTOS_LINUX = 8
_SUSE_MODULAR_SINCE = 15
_SECOND_AMAZON_YEAR = 2022


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The ecosystems a release needs.

    `spellings` are taken as far as the database holds them, and so is what `pattern` finds; `extras` are beside them,
    and alone judge nothing. `paid` hold fixes that only subscribers get. `ended` is the day support ended (RFC 3339),
    where the release's own publisher fell silent.
    """

    spellings: tuple[str, ...]
    pattern: re.Pattern[str] | None = None
    extras: tuple[str, ...] = ()
    paid: tuple[str, ...] = ()
    ended: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncovered:
    """A release for which nobody publishes advisories in any form that could be loaded, and the reason."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A distribution: the purl type of its packages, the names its advisories use, how to find its release."""

    type: str
    names: frozenset[MatchKind]
    wanted: Callable[[Distro], Wanted | Uncovered]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A distribution release that can be judged, with the ecosystems that the database really holds."""

    distro: Distro
    type: str
    names: frozenset[MatchKind]
    ecosystems: tuple[str, ...]
    paid: tuple[str, ...] = ()
    ended: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unjudged:
    """A distribution release that can not be judged: why, and what was looked for."""

    why: Why
    reason: str


def release_of(distro: Distro, known: Collection[str]) -> Release | Unjudged:
    """The ecosystems among `known` that judge this release, or why there is none."""
    family = FAMILIES.get(distro.id.lower())
    if family is None:
        return Unjudged(why=Why.NO_FEED, reason=_unknown(distro))
    wanted = family.wanted(distro)
    if isinstance(wanted, Uncovered):
        return Unjudged(why=Why.NO_FEED, reason=wanted.reason)
    found = _held(wanted, known)
    if not found:
        missing = " or ".join(wanted.spellings)
        return Unjudged(why=Why.NO_FEED, reason=f"the database holds no advisories for {missing}")
    return Release(
        distro=distro,
        type=family.type,
        names=family.names,
        ecosystems=found,
        paid=tuple(name for name in wanted.paid if name in known),
        ended=wanted.ended,
    )


def _held(wanted: Wanted, known: Collection[str]) -> tuple[str, ...]:
    found = [name for name in wanted.spellings if name in known]
    if wanted.pattern is not None:
        found += sorted(name for name in known if name not in found and wanted.pattern.fullmatch(name))
    if found:
        found += [name for name in wanted.extras if name in known]
    return tuple(found)


def _unknown(distro: Distro) -> str:
    name = distro.id or "a distribution that does not say its name"
    parents = f", and is never judged by the data of {' or '.join(distro.id_like)}" if distro.id_like else ""
    return f"no advisories are known for {name}{parents}"


def _major(distro: Distro) -> str:
    return distro.version_id.partition(".")[0]


def _minor(distro: Distro) -> str:
    return ".".join(_NOT_A_NUMBER.sub("", distro.version_id).split(".")[:2])


def _by_major(ecosystem: str, *more: str) -> Callable[[Distro], Wanted]:
    def wanted(distro: Distro) -> Wanted:
        major = _major(distro)
        return Wanted(spellings=(f"{ecosystem}:{major}", *(f"{name}:{major}" for name in more)))

    return wanted


def _by_version(ecosystem: str) -> Callable[[Distro], Wanted]:
    return lambda distro: Wanted(spellings=(f"{ecosystem}:{distro.version_id}",))


def _rolling(ecosystem: str) -> Callable[[Distro], Wanted]:
    return lambda _: Wanted(spellings=(ecosystem,))


def _debian(distro: Distro) -> Wanted:
    """Testing and unstable name no version, and can not be told apart: both say `trixie/sid`.

    Unstable judges both: what enters testing comes from there, under the same version.
    """
    if distro.version_id:
        return Wanted(spellings=(f"Debian:{_major(distro)}",))
    if distro.version_codename == "sid" or distro.pretty_name.endswith("/sid"):
        return Wanted(spellings=("Debian:sid",))
    return Wanted(spellings=(f"Debian:{_MAJOR_OF_CODENAME.get(distro.version_codename, distro.version_codename)}",))


def _ubuntu(distro: Distro) -> Wanted:
    """Only the plain Pro ecosystem: `Ubuntu:Pro:FIPS…` and `…:Realtime` say nothing about the base."""
    version = _minor(distro) or _UBUNTU_CODENAMES.get(distro.version_codename, distro.version_codename)
    both = (f"{version}:LTS", version) if _is_lts(version) else (version, f"{version}:LTS")
    return Wanted(
        spellings=tuple(f"Ubuntu:{name}" for name in both),
        paid=tuple(f"Ubuntu:Pro:{name}" for name in both),
    )


def _is_lts(version: str) -> bool:
    year, _, month = version.partition(".")
    return month == "04" and year.isdigit() and int(year) % 2 == 0


def _alpine(distro: Distro) -> Wanted:
    if "edge" in distro.pretty_name.lower() or "_alpha" in distro.version_id or distro.version_id == "edge":
        return Wanted(spellings=("Alpine:edge",))
    return Wanted(spellings=(f"Alpine:v{_minor(distro)}",))


def _redhat(distro: Distro) -> Wanted:
    """BaseOS and AppStream of the release; before 8 its server, with the extras of 7.

    Never the streams of extended support (EUS, AUS, E4S, TUS: fixes of their own), never other products. From 10 on
    Red Hat names the minor release in the product, and each follows the one before.
    """
    major = _major(distro)
    variants = ("baseos", "appstream") if major.isdigit() and int(major) >= _LAST_CENTOS_LINUX else ("server",)
    product = f"Red Hat:enterprise_linux:{major}"
    extras = ("Red Hat:rhel_extras:7",) if major == "7" else ()
    minors = re.compile(rf"Red Hat:enterprise_linux:{re.escape(major)}\.\d+(::({'|'.join(variants)}))?")
    return Wanted(spellings=(product, *(f"{product}::{name}" for name in variants)), pattern=minors, extras=extras)


def _centos(distro: Distro) -> Wanted | Uncovered:
    major = _major(distro)
    if "stream" in distro.pretty_name.lower() or (major.isdigit() and int(major) > _LAST_CENTOS_LINUX):
        return Uncovered(reason=f"nobody publishes advisories for CentOS Stream {major}: Red Hat's do not cover it")
    return replace(_redhat(distro), ended=_CENTOS_ENDED.get(major, ""))


def _suse(*products: str) -> Callable[[Distro], Wanted]:
    """A plain image consumes modules: all products of one service pack (`15 SP4`, LTSS too) together.

    The modules of 12 bear no service pack.
    """

    def wanted(distro: Distro) -> Wanted:
        major, _, pack = distro.version_id.partition(".")
        release = f"{major} SP{pack}" if pack not in {"", "0"} else major
        older = major.isdigit() and int(major) < _SUSE_MODULAR_SINCE
        module = re.escape(release) + (f"|{re.escape(major)}" if older else "")
        names = "|".join(map(re.escape, products))
        pattern = rf"SUSE:Linux Enterprise (({names}) {re.escape(release)}(-LTSS.*)?|Module for .+ ({module}))"
        return Wanted(
            spellings=tuple(f"SUSE:Linux Enterprise {name} {release}" for name in products), pattern=re.compile(pattern)
        )

    return wanted


def _suse_micro(distro: Distro) -> Wanted:
    version = distro.version_id
    return Wanted(spellings=(f"SUSE:Linux Enterprise Micro {version}", f"SUSE:Linux Micro {version}"))


def _leap(distro: Distro) -> Wanted:
    return Wanted(spellings=(f"openSUSE:Leap {distro.version_id}",))


def _amazon(distro: Distro) -> Wanted:
    """`2018.03` is the last name of the first Amazon Linux; 2, 2022 and 2023 are releases of their own."""
    major = _major(distro)
    first = major.isdigit() and "." in distro.version_id and int(major) < _SECOND_AMAZON_YEAR
    return Wanted(spellings=("Amazon Linux:1",) if first else (f"Amazon Linux:{major}",))


def _openeuler(distro: Distro) -> Wanted:
    """`openEuler 22.03 (LTS-SP3)` is `openEuler:22.03-LTS-SP3`."""
    support = re.search(r"\((LTS[^)]*)\)", distro.pretty_name)
    suffix = f"-{support[1]}" if support else ""
    return Wanted(spellings=(f"openEuler:{distro.version_id}{suffix}",))


_SOURCE = frozenset({MatchKind.SOURCE})
_BINARY = frozenset({MatchKind.BINARY})
_BOTH = _SOURCE | _BINARY

# By the ID of os-release, in lower case.
FAMILIES = {
    "debian": Family(type="deb", names=_SOURCE, wanted=_debian),
    "ubuntu": Family(type="deb", names=_SOURCE, wanted=_ubuntu),
    "echo": Family(type="deb", names=_SOURCE, wanted=_rolling("Echo")),
    "alpine": Family(type="apk", names=_SOURCE, wanted=_alpine),
    "alpaquita": Family(type="apk", names=_SOURCE, wanted=_by_version("Alpaquita")),
    "wolfi": Family(type="apk", names=_BOTH, wanted=_rolling("Wolfi")),
    "chainguard": Family(type="apk", names=_BOTH, wanted=_rolling("Chainguard")),
    "minimos": Family(type="apk", names=_BOTH, wanted=_rolling("MinimOS")),
    "rhel": Family(type="rpm", names=_BOTH, wanted=_redhat),
    "centos": Family(type="rpm", names=_BOTH, wanted=_centos),
    "almalinux": Family(type="rpm", names=_BOTH, wanted=_by_major("AlmaLinux")),
    "rocky": Family(type="rpm", names=_BOTH, wanted=_by_major("Rocky Linux")),
    "ol": Family(type="rpm", names=_BOTH, wanted=_by_major("Oracle Linux")),
    "fedora": Family(type="rpm", names=_BOTH, wanted=_by_major("Fedora")),
    "amzn": Family(type="rpm", names=_BINARY, wanted=_amazon),
    "photon": Family(type="rpm", names=_BOTH, wanted=_by_version("Photon OS")),
    "azurelinux": Family(type="rpm", names=_BOTH, wanted=_by_major("Azure Linux")),
    "mariner": Family(type="rpm", names=_BOTH, wanted=_by_major("Azure Linux")),
    "mageia": Family(type="rpm", names=_BOTH, wanted=_by_major("Mageia")),
    "openeuler": Family(type="rpm", names=_BOTH, wanted=_openeuler),
    "sles": Family(type="rpm", names=_BOTH, wanted=_suse("Server")),
    "sles_sap": Family(type="rpm", names=_BOTH, wanted=_suse("Server", "Server for SAP Applications")),
    "sled": Family(type="rpm", names=_BOTH, wanted=_suse("Desktop")),
    "sle-micro": Family(type="rpm", names=_BOTH, wanted=_suse_micro),
    "sl-micro": Family(type="rpm", names=_BOTH, wanted=_suse_micro),
    "opensuse-leap": Family(type="rpm", names=_BOTH, wanted=_leap),
    "opensuse-tumbleweed": Family(type="rpm", names=_BOTH, wanted=_rolling("openSUSE:Tumbleweed")),
}

"""Which distribution an image holds: os-release, and the files that came before it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from tidewaiter.inventory import os_release
from tidewaiter.inventory.stanzas import below_root
from tidewaiter.model.package import Distro, Extraction

Reader = Callable[[str], Distro | None]

_STREAM = "stream"
_UNNAMED = "linux"

# What the one line of a release file calls the distribution, and its ID in os-release.
_NAMES = (
    ("CentOS Stream", "centos"),
    ("CentOS", "centos"),
    ("Red Hat", "rhel"),
    ("Rocky Linux", "rocky"),
    ("AlmaLinux", "almalinux"),
    ("Oracle Linux", "ol"),
    ("Enterprise Linux Enterprise Linux", "ol"),
    ("Amazon Linux", "amzn"),
    ("Fedora", "fedora"),
    ("Scientific Linux", "scientific"),
)
_RELEASE_LINE = re.compile(r"(?P<name>.+?) release (?P<version>[0-9][0-9A-Za-z_.]*)")
_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_ALPINE_VERSION = re.compile(r"[0-9]+\.[0-9A-Za-z_.]+")
_BEFORE_RELEASE = re.compile(r"([A-Za-z]+)/sid")
_SUSE_FIELD = re.compile(r"^(VERSION|PATCHLEVEL)[ \t]*=[ \t]*([0-9.]+)", re.MULTILINE)
_FIRST_AMAZON_BY_YEAR = "2022"  # compared as text: 2 and 2018.03 come before it


def read_release_line(text: str) -> Distro | None:
    """One line as `CentOS Linux release 7.9.2009 (Core)`; the version as that distribution's os-release writes it."""
    line = _first_line(text)
    match = _RELEASE_LINE.match(line)
    id_ = next((id_ for name, id_ in _NAMES if line.startswith(name)), None)
    if match is None or id_ is None:
        return None
    variant = _STREAM if line.startswith("CentOS Stream") else ""
    return Distro(id=id_, version_id=_short(id_, match["version"]), pretty_name=line, variant_id=variant)


def read_debian_version(text: str) -> Distro | None:
    """`12.5`, or `trixie/sid` before a release and in unstable: the codename alone, since both say the same."""
    release = text.strip()
    pretty_name = f"Debian GNU/Linux {release}"
    if _VERSION.fullmatch(release):
        return Distro(id="debian", version_id=release.partition(".")[0], pretty_name=pretty_name)
    before = _BEFORE_RELEASE.fullmatch(release)
    return Distro(id="debian", version_codename=before[1].lower(), pretty_name=pretty_name) if before else None


def read_alpine_release(text: str) -> Distro | None:
    """`3.18.4`, or `3.21_alpha20240923` for edge."""
    release = text.strip()
    if not _ALPINE_VERSION.fullmatch(release):
        return None
    return Distro(id="alpine", version_id=os_release.alpine_version(release))


def read_suse_release(text: str) -> Distro | None:
    """A name, then `VERSION = 11` and `PATCHLEVEL = 4` (SLES), or `VERSION = 13.2` (openSUSE)."""
    line = _first_line(text)
    fields = dict(_SUSE_FIELD.findall(text))
    ids = {"SUSE Linux Enterprise Server": "sles", "SUSE Linux Enterprise Desktop": "sled", "openSUSE": "opensuse"}
    id_ = next((id_ for name, id_ in ids.items() if line.startswith(name)), None)
    if id_ is None or "VERSION" not in fields:
        return None
    level = fields.get("PATCHLEVEL", "0")
    version = fields["VERSION"] if level == "0" else f"{fields['VERSION']}.{level}"
    return Distro(id=id_, version_id=version, pretty_name=line)


def read_lsb_release(text: str) -> Distro | None:
    """`DISTRIB_ID=Ubuntu` and its kin; None where the file only lists the LSB's own versions."""
    fields, _ = os_release.assignments(text)
    id_ = fields.get("DISTRIB_ID", "").lower()
    if not re.fullmatch(r"[a-z0-9._-]+", id_):
        return None
    return Distro(
        id=id_,
        version_id=fields.get("DISTRIB_RELEASE", ""),
        version_codename=fields.get("DISTRIB_CODENAME", ""),
        pretty_name=fields.get("DISTRIB_DESCRIPTION", ""),
    )


_OS_RELEASE = ("etc/os-release", "usr/lib/os-release")
_OLDER: dict[str, Reader] = {
    "etc/alpine-release": read_alpine_release,
    "etc/oracle-release": read_release_line,
    "etc/rocky-release": read_release_line,
    "etc/almalinux-release": read_release_line,
    "etc/centos-release": read_release_line,
    "etc/fedora-release": read_release_line,
    "etc/system-release": read_release_line,
    "etc/redhat-release": read_release_line,
    "etc/SuSE-release": read_suse_release,
    "etc/lsb-release": read_lsb_release,
    "etc/debian_version": read_debian_version,
}

PATHS = (*_OS_RELEASE, *_OLDER)
"""The files that name a distribution, the one to believe first: rebuilds keep their model's `redhat-release`, and
Ubuntu keeps Debian's `debian_version`."""


class DistroFiles:
    """Reads the files that name the distribution, of the image and of chroots in it.

    One file gives a part of the truth; `combine` puts together what those of one root say. An older file that says
    nothing known is no gap: it is only asked where os-release is silent.
    """

    name = "distro"
    version = 1
    basenames = frozenset(path.rpartition("/")[2] for path in PATHS)
    parents: frozenset[str] = frozenset()
    well_known: tuple[str, ...] = PATHS
    ceiling = 64 << 10

    def wants(self, path: str) -> bool:
        """Whether it is one of `PATHS`, at the image's root or below a chroot's."""
        return _place(path) is not None

    def extract(self, path: str, content: bytes) -> Extraction:
        """The release that the file names, with `root` and `path`; what is broken in os-release is a gap."""
        place = _place(path)
        if place is None:
            return Extraction()
        known, root = place
        text = content.decode("utf-8-sig", "replace")
        if known in _OS_RELEASE:
            distro, gaps = os_release.read(text, path)
        else:
            distro, gaps = _OLDER[known](text), ()
        return Extraction(distro=replace(distro, root=root, path=path) if distro else None, gaps=gaps)


def combine(found: Sequence[Distro]) -> Distro:
    """The release that all files of one root name together. Raises ValueError where none is given.

    The first in the order of `PATHS` speaks; an os-release without ID only if no other does. Others of the same
    distribution fill in what it leaves open (Debian's testing has no VERSION_ID), but `etc/os-release` replaces
    `usr/lib/os-release` as a whole. https://www.freedesktop.org/software/systemd/man/latest/os-release.html
    """
    if not found:
        raise ValueError("no distribution to combine")
    ordered = sorted(found, key=_rank)
    best = next((distro for distro in ordered if distro.id != _UNNAMED), ordered[0])
    for other in ordered:
        if other.id == best.id and _known(other.path) not in _OS_RELEASE:
            best = replace(
                best,
                version_id=best.version_id or other.version_id,
                version_codename=best.version_codename or other.version_codename,
                pretty_name=best.pretty_name or other.pretty_name,
                variant_id=best.variant_id or other.variant_id,
            )
    return best


def _place(path: str) -> tuple[str, str] | None:
    """Which of `PATHS` it is, and the root that holds it."""
    for known in PATHS:
        root = below_root(path, known)
        if root is not None:
            return known, root
    return None


def _known(path: str) -> str:
    place = _place(path)
    return place[0] if place else ""


def _rank(distro: Distro) -> int:
    known = _known(distro.path)
    return PATHS.index(known) if known else len(PATHS)


def _first_line(text: str) -> str:
    return os_release.printable(text.strip().partition("\n")[0].strip())


def _short(id_: str, version: str) -> str:
    """The VERSION_ID that the distribution's os-release would have: CentOS and Fedora without the minor version."""
    major = version.partition(".")[0]
    if id_ in ("centos", "fedora") or (id_ == "amzn" and major >= _FIRST_AMAZON_BY_YEAR):
        return major
    return version

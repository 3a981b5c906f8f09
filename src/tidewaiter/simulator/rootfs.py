"""What distributions leave in a root file system of their packages: for images made on the spot."""

from collections.abc import Sequence
from typing import NamedTuple

from tidewaiter.simulator.images import Content, Symlink
from tidewaiter.simulator.rpmdb import InstalledRpm, sqlite_database

STATUS = "var/lib/dpkg/status"
INSTALLED = "lib/apk/db/installed"
RPMDB = "var/lib/rpm/rpmdb.sqlite"

DEBIAN = b"""PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION_CODENAME=bookworm
ID=debian
"""
ALPINE = b"""NAME="Alpine Linux"
ID=alpine
VERSION_ID=3.18.4
PRETTY_NAME="Alpine Linux v3.18"
"""
ALMALINUX = b"""NAME="AlmaLinux"
VERSION="9.2 (Turquoise Kodkod)"
ID="almalinux"
ID_LIKE="rhel centos fedora"
VERSION_ID="9.2"
PRETTY_NAME="AlmaLinux 9.2 (Turquoise Kodkod)"
"""


class Installed(NamedTuple):
    """A package: its name, its version as the distribution writes it, and its source ("" for the same name).

    The source may name its version as dpkg does: `bash (5.2.15-2)`. For rpm the version is `[epoch:]version-release`.
    """

    name: str
    version: str
    source: str = ""


def debian(packages: Sequence[Installed], *, architecture: str = "amd64") -> dict[str, Content]:
    """The files of a Debian 12 with these packages."""
    return {
        "etc/os-release": Symlink("../usr/lib/os-release"),
        "usr/lib/os-release": DEBIAN,
        STATUS: dpkg_status(packages, architecture=architecture),
    }


def distroless(packages: Sequence[Installed], *, architecture: str = "amd64") -> dict[str, Content]:
    """The files of a Debian 12 without a package manager: one entry a package."""
    entries = {
        f"{STATUS}.d/{package.name}": _stanza(package, architecture, state=False).encode() for package in packages
    }
    return {"etc/os-release": Symlink("../usr/lib/os-release"), "usr/lib/os-release": DEBIAN, **entries}


def alpine(packages: Sequence[Installed], *, architecture: str = "x86_64") -> dict[str, Content]:
    """The files of an Alpine 3.18 with these packages."""
    return {"etc/os-release": ALPINE, INSTALLED: apk_installed(packages, architecture=architecture)}


def almalinux(packages: Sequence[Installed], *, architecture: str = "x86_64") -> dict[str, Content]:
    """The files of an AlmaLinux 9 with these packages."""
    return {"etc/os-release": ALMALINUX, RPMDB: rpm_database(packages, architecture=architecture)}


def dpkg_status(packages: Sequence[Installed], *, architecture: str = "amd64") -> bytes:
    """`var/lib/dpkg/status` with these packages installed."""
    return "\n".join(_stanza(package, architecture, state=True) for package in packages).encode()


def apk_installed(packages: Sequence[Installed], *, architecture: str = "x86_64") -> bytes:
    """`lib/apk/db/installed` with these packages."""
    return "".join(
        f"P:{package.name}\nV:{package.version}\nA:{architecture}\no:{package.source or package.name}\nL:MIT\n\n"
        for package in packages
    ).encode()


def rpm_database(packages: Sequence[Installed], *, architecture: str = "x86_64") -> bytes:
    """`rpmdb.sqlite` with these packages, as AlmaLinux built them."""
    return sqlite_database(_rpm(package, architecture) for package in packages)


def _rpm(package: Installed, architecture: str) -> InstalledRpm:
    epoch, _, rest = package.version.rpartition(":")
    version, _, release = rest.rpartition("-")
    return InstalledRpm(
        name=package.name,
        epoch=int(epoch) if epoch else None,
        version=version,
        release=release,
        architecture=architecture,
        source_rpm=f"{package.source or package.name}-{version}-{release}.src.rpm",
        vendor="AlmaLinux",
    )


def _stanza(package: Installed, architecture: str, *, state: bool) -> str:
    lines = [f"Package: {package.name}"]
    lines += ["Status: install ok installed"] if state else []
    lines += [f"Architecture: {architecture}"]
    lines += [f"Source: {package.source}"] if package.source else []
    return "\n".join([*lines, f"Version: {package.version}", "Maintainer: Debian", ""])

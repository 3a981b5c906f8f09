"""What `tidewaiter demo` looks through: two small images, and a handful of real facts about their packages."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tidewaiter.simulator import rootfs
from tidewaiter.simulator.archives import write_docker_archive, write_layout
from tidewaiter.simulator.images import BuiltLayer, build_image, build_layer
from tidewaiter.simulator.rootfs import Installed

DEBIAN_BASE = (
    Installed("base-files", "12.4+deb12u1"),
    Installed("bash", "5.2.15-2+b2", "bash (5.2.15-2)"),
    Installed("libc6", "2.36-9+deb12u1", "glibc"),
    Installed("zlib1g", "1:1.2.13.dfsg-1", "zlib"),
)
DEBIAN_CURL = (
    Installed("curl", "7.88.1-10+deb12u3"),
    Installed("libcurl4", "7.88.1-10+deb12u3", "curl"),
    Installed("libssl3", "3.0.11-1~deb12u1", "openssl"),
)
ALPINE_BASE = (
    Installed("alpine-baselayout", "3.4.3-r1"),
    Installed("busybox", "1.36.1-r2"),
    Installed("libcrypto3", "3.1.3-r0", "openssl"),
    Installed("libssl3", "3.1.3-r0", "openssl"),
    Installed("musl", "1.2.4-r1"),
)
ALPINE_CURL = (Installed("curl", "8.3.0-r0"), Installed("libcurl", "8.3.0-r0", "curl"))
ALMALINUX_BASE = (
    Installed("almalinux-release", "9.2-1.el9"),
    Installed("bash", "5.1.8-6.el9_1"),
    Installed("glibc", "2.34-60.el9"),
    Installed("openssl-libs", "1:3.0.7-17.el9_2", "openssl"),
    Installed("zlib", "1.2.11-39.el9"),
)
ALMALINUX_CURL = (
    Installed("curl", "7.76.1-23.el9_2.1"),
    Installed("libcurl", "7.76.1-23.el9_2.1", "curl"),
)
DISTROLESS_BASE = (
    Installed("base-files", "12.4+deb12u1"),
    Installed("netbase", "6.4"),
    Installed("tzdata", "2023c-5+deb12u1"),
)
DISTROLESS_SSL = (
    Installed("libc6", "2.36-9+deb12u3", "glibc"),
    Installed("libssl3", "3.0.11-1~deb12u1", "openssl"),
)

_ALL = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"


class _Fix(NamedTuple):
    """Where a vulnerability is: ecosystem and source package, the version that fixes it, or why there is none."""

    ecosystem: str
    package: str
    version: str = ""
    reason: str = ""


# (CVE, CVSS vector, what it is, where it is), as Debian and Alpine tell it
_FACTS = (
    (
        "CVE-2023-38545",
        _ALL,
        "curl: heap buffer overflow in the SOCKS5 proxy handshake",
        (_Fix("Debian:12", "curl", "7.88.1-10+deb12u4"), _Fix("Alpine:v3.18", "curl", "8.4.0-r0")),
    ),
    (
        "CVE-2023-38546",
        "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:L/A:N",
        "curl: cookie injection with none file",
        (_Fix("Debian:12", "curl", "7.88.1-10+deb12u4"), _Fix("Alpine:v3.18", "curl", "8.4.0-r0")),
    ),
    (
        "CVE-2023-5363",
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N",
        "openssl: incorrect cipher key and IV length processing",
        (_Fix("Debian:12", "openssl", "3.0.11-1~deb12u2"), _Fix("Alpine:v3.18", "openssl", "3.1.4-r0")),
    ),
    (
        "CVE-2023-4911",
        "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H",
        "glibc: buffer overflow in the dynamic loader (GLIBC_TUNABLES)",
        (_Fix("Debian:12", "glibc", "2.36-9+deb12u3"),),
    ),
    (
        "CVE-2023-45853",
        _ALL,
        "zlib: integer overflow in MiniZip",
        (_Fix("Debian:12", "zlib", reason="ignored"),),
    ),
)
_PREFIXES = {"Debian:12": "DEBIAN", "Alpine:v3.18": "ALPINE"}

# (erratum, what it is, its CVEs, the binary packages, the version that fixes them), as AlmaLinux tells it
_ERRATA = (
    (
        "ALSA-2023:5763",
        "Important: curl security update",
        ("CVE-2023-38545", "CVE-2023-38546"),
        ("curl", "libcurl"),
        "7.76.1-23.el9_2.4",
    ),
    ("ALSA-2023:5453", "Important: glibc security update", ("CVE-2023-4911",), ("glibc",), "2.34-60.el9_2.7"),
    (
        "ALSA-2024:0310",
        "Moderate: openssl security update",
        ("CVE-2023-5363",),
        ("openssl", "openssl-libs"),
        "1:3.0.7-25.el9_3",
    ),
)


def write_images(folder: Path) -> tuple[Path, Path]:
    """A Debian-like image as a docker-archive, and an Alpine-like one as an OCI layout. The same bytes each time."""
    debian = build_image([debian_base(), debian_curl()])
    alpine = build_image([alpine_base(), alpine_curl()])
    return (
        write_docker_archive(folder / "debian-like.tar", {"demo/debian-like:1": debian}),
        write_layout(folder / "alpine-like", {"demo/alpine-like:1": alpine}),
    )


def debian_base() -> BuiltLayer:
    """The lowest layer of a Debian 12."""
    return build_layer(rootfs.debian(DEBIAN_BASE), created_by="ADD rootfs.tar.xz /")


def debian_curl() -> BuiltLayer:
    """curl, on top of that."""
    status = rootfs.dpkg_status((*DEBIAN_BASE, *DEBIAN_CURL))
    return build_layer({rootfs.STATUS: status}, created_by="RUN apt-get install -y curl")


def alpine_base() -> BuiltLayer:
    """The lowest layer of an Alpine 3.18."""
    return build_layer(rootfs.alpine(ALPINE_BASE), created_by="ADD alpine-minirootfs.tar.gz /")


def alpine_curl() -> BuiltLayer:
    """curl, on top of that."""
    installed = rootfs.apk_installed((*ALPINE_BASE, *ALPINE_CURL))
    return build_layer({rootfs.INSTALLED: installed}, created_by="RUN apk add curl")


def write_advisories(folder: Path) -> Path:
    """The facts as records in OSV's format, one file each, in a folder for `db build`."""
    folder.mkdir()
    for record in (*_tracked(), *_errata()):
        (folder / f"{record['id']}.json").write_text(json.dumps(record))
    return folder


def _tracked() -> Iterator[dict[str, object]]:
    """One record a vulnerability and distribution."""
    for cve, vector, summary, places in _FACTS:
        for place in places:
            yield {
                **_record(f"{_PREFIXES[place.ecosystem]}-{cve}", summary, upstream=[cve]),
                "severity": [{"type": "CVSS_V3", "score": vector}],
                "affected": [_affected(place)],
            }


def _errata() -> Iterator[dict[str, object]]:
    """One record an update."""
    for erratum, summary, cves, packages, version in _ERRATA:
        affected = [_affected(_Fix("AlmaLinux:9", package, version)) for package in packages]
        yield {**_record(erratum, summary, related=list(cves)), "affected": affected}


def _record(name: str, summary: str, **links: Sequence[str]) -> dict[str, object]:
    return {"schema_version": "1.7.0", "id": name, "modified": "2023-10-31T00:00:00Z", "summary": summary, **links}


def _affected(place: _Fix) -> dict[str, object]:
    events = [{"introduced": "0"}, *([{"fixed": place.version}] if place.version else [])]
    why_not = {"status": "open", "nodsa": "no DSA", "nodsa_reason": place.reason} if place.reason else {}
    return {
        "package": {"ecosystem": place.ecosystem, "name": place.package},
        "ranges": [{"type": "ECOSYSTEM", "events": events}],
        "ecosystem_specific": why_not,
    }

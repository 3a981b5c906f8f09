"""What `tidewaiter demo` looks through: two small images, and a handful of real facts about their packages."""

import json
from pathlib import Path

from tidewaiter.simulator.archives import write_docker_archive, write_layout
from tidewaiter.simulator.images import BuiltLayer, Content, Symlink, build_image, build_layer

_DEBIAN = b"""PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION_CODENAME=bookworm
ID=debian
"""
_ALPINE = b"""NAME="Alpine Linux"
ID=alpine
VERSION_ID=3.18.4
PRETTY_NAME="Alpine Linux v3.18"
"""

# (binary package, version, source package)
_DEBIAN_BASE = (
    ("base-files", "12.4+deb12u1", ""),
    ("bash", "5.2.15-2+b2", "bash (5.2.15-2)"),
    ("libc6", "2.36-9+deb12u1", "glibc"),
    ("zlib1g", "1:1.2.13.dfsg-1", "zlib"),
)
_DEBIAN_MORE = (
    ("curl", "7.88.1-10+deb12u3", ""),
    ("libcurl4", "7.88.1-10+deb12u3", "curl"),
    ("libssl3", "3.0.11-1~deb12u1", "openssl"),
)
_ALPINE_BASE = (
    ("alpine-baselayout", "3.4.3-r1", "alpine-baselayout"),
    ("busybox", "1.36.1-r2", "busybox"),
    ("libcrypto3", "3.1.3-r0", "openssl"),
    ("libssl3", "3.1.3-r0", "openssl"),
    ("musl", "1.2.4-r1", "musl"),
)
_ALPINE_MORE = (("curl", "8.3.0-r0", "curl"), ("libcurl", "8.3.0-r0", "curl"))

_ALL = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
# (CVE, CVSS vector, what it is, where it is fixed: ecosystem, source package, version ("" for not at all), why not)
_FACTS = (
    (
        "CVE-2023-38545",
        _ALL,
        "curl: heap buffer overflow in the SOCKS5 proxy handshake",
        (("Debian:12", "curl", "7.88.1-10+deb12u4", ""), ("Alpine:v3.18", "curl", "8.4.0-r0", "")),
    ),
    (
        "CVE-2023-38546",
        "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:L/A:N",
        "curl: cookie injection with none file",
        (("Debian:12", "curl", "7.88.1-10+deb12u4", ""), ("Alpine:v3.18", "curl", "8.4.0-r0", "")),
    ),
    (
        "CVE-2023-5363",
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N",
        "openssl: incorrect cipher key and IV length processing",
        (("Debian:12", "openssl", "3.0.11-1~deb12u2", ""), ("Alpine:v3.18", "openssl", "3.1.4-r0", "")),
    ),
    (
        "CVE-2023-4911",
        "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H",
        "glibc: buffer overflow in the dynamic loader (GLIBC_TUNABLES)",
        (("Debian:12", "glibc", "2.36-9+deb12u3", ""),),
    ),
    (
        "CVE-2023-45853",
        _ALL,
        "zlib: integer overflow in MiniZip",
        (("Debian:12", "zlib", "", "ignored"),),
    ),
)
_PREFIXES = {"Debian:12": "DEBIAN", "Alpine:v3.18": "ALPINE"}


def write_images(folder: Path) -> tuple[Path, Path]:
    """A Debian-like image as a docker-archive, and an Alpine-like one as an OCI layout. The same bytes each time."""
    debian = build_image(
        [
            _layer("ADD rootfs.tar.xz /", _debian_base()),
            _layer("RUN apt-get install -y curl", {_STATUS: _status(*_DEBIAN_BASE, *_DEBIAN_MORE)}),
        ]
    )
    alpine = build_image(
        [
            _layer("ADD alpine-minirootfs.tar.gz /", _alpine_base()),
            _layer("RUN apk add curl", {_INSTALLED: _installed(*_ALPINE_BASE, *_ALPINE_MORE)}),
        ]
    )
    return (
        write_docker_archive(folder / "debian-like.tar", {"demo/debian-like:1": debian}),
        write_layout(folder / "alpine-like", {"demo/alpine-like:1": alpine}),
    )


def write_advisories(folder: Path) -> Path:
    """The facts as records in OSV's format, one file each, in a folder for `db build`."""
    folder.mkdir()
    for cve, vector, summary, places in _FACTS:
        for ecosystem, package, fixed, reason in places:
            record = _record(cve, vector, summary, ecosystem, package, fixed, reason)
            (folder / f"{record['id']}.json").write_text(json.dumps(record))
    return folder


_STATUS = "var/lib/dpkg/status"
_INSTALLED = "lib/apk/db/installed"


def _layer(created_by: str, contents: dict[str, Content]) -> BuiltLayer:
    return build_layer(contents, created_by=created_by)


def _debian_base() -> dict[str, Content]:
    return {
        "etc/os-release": Symlink("../usr/lib/os-release"),
        "usr/lib/os-release": _DEBIAN,
        _STATUS: _status(*_DEBIAN_BASE),
    }


def _alpine_base() -> dict[str, Content]:
    return {"etc/os-release": _ALPINE, _INSTALLED: _installed(*_ALPINE_BASE)}


def _status(*packages: tuple[str, str, str]) -> bytes:
    stanzas = []
    for name, version, source in packages:
        lines = [f"Package: {name}", "Status: install ok installed", "Architecture: amd64"]
        lines += [f"Source: {source}"] if source else []
        stanzas.append("\n".join([*lines, f"Version: {version}", "Maintainer: Debian", ""]))
    return "\n".join(stanzas).encode()


def _installed(*packages: tuple[str, str, str]) -> bytes:
    return "".join(
        f"P:{name}\nV:{version}\nA:x86_64\no:{origin}\nL:MIT\n\n" for name, version, origin in packages
    ).encode()


def _record(
    cve: str, vector: str, summary: str, ecosystem: str, package: str, fixed: str, reason: str
) -> dict[str, object]:
    events = [{"introduced": "0"}, {"fixed": fixed}] if fixed else [{"introduced": "0"}]
    return {
        "schema_version": "1.7.0",
        "id": f"{_PREFIXES[ecosystem]}-{cve}",
        "modified": "2023-10-31T00:00:00Z",
        "upstream": [cve],
        "summary": summary,
        "severity": [{"type": "CVSS_V3", "score": vector}],
        "affected": [
            {
                "package": {"ecosystem": ecosystem, "name": package},
                "ranges": [{"type": "ECOSYSTEM", "events": events}],
                "ecosystem_specific": {"status": "open", "nodsa": "no DSA", "nodsa_reason": reason} if reason else {},
            }
        ],
    }

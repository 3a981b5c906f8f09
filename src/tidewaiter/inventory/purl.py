"""Package URLs: how packages are named across tools.

https://github.com/package-url/purl-spec/blob/main/PURL-SPECIFICATION.rst
"""

import re
from collections.abc import Mapping

from tidewaiter.model.package import Distro, Package, SourcePackage

_UNSAFE = re.compile(rb"[^A-Za-z0-9.\-_~:]")
_SAFE = re.compile(r"[A-Za-z0-9.\-_~:]*")
_NO_SEGMENTS = frozenset({"", ".", ".."})

_VENDORS = {"rhel": "redhat"}


def purl(
    type: str,  # noqa: A002 - the specification's name of the component
    namespace: str,
    name: str,
    version: str,
    qualifiers: Mapping[str, str],
    subpath: str = "",
) -> str:
    """The canonical package URL of its components; empty ones, and qualifiers without a value, are left out.

    Rules of a type (lower case, which part is the namespace) are the caller's.
    https://github.com/package-url/purl-spec/blob/main/docs/how-to-build.md
    """
    head = "/".join(["pkg:" + type.lower(), *_segments(namespace), encode(name.strip("/") if namespace else name)])
    at_version = f"@{encode(version)}" if version else ""
    pairs = sorted(f"{key.lower()}={encode(value)}" for key, value in qualifiers.items() if value)
    question = "?" + "&".join(pairs) if pairs else ""
    parts = _segments(subpath)
    return head + at_version + question + ("#" + "/".join(parts) if parts else "")


def encode(text: str) -> str:
    """Percent-encodes all but letters, digits, `.-_~` and the colon.

    https://github.com/package-url/purl-spec/blob/main/docs/ecma/character-encoding.md
    """
    if _SAFE.fullmatch(text):
        return text
    return _UNSAFE.sub(lambda found: b"%%%02X" % found[0][0], text.encode("utf-8", "replace")).decode("ascii")


def package_purl(package: Package) -> str:
    """The package URL of an installed package, whose `distro` gives namespace and `distro` qualifier."""
    return purl_of(package, package.distro)


def purl_of(package: Package, distro: Distro | None) -> str:
    """The package URL of a package that is judged by this distribution.

    Without one deb, apk and rpm stand without namespace: a wrong vendor would be worse than none.
    """
    version, epoch = _without_epoch(package)
    qualifiers = {
        "arch": package.architecture,
        "distro": _release(distro) if distro else "",
        "epoch": epoch,
        "rpmmod": package.module,
        "upstream": _upstream(package),
    }
    name = package.name if package.type == "rpm" else package.name.lower()
    return purl(package.type, _vendor(distro) if distro else "", name, version, qualifiers)


def _segments(path: str) -> list[str]:
    return [encode(segment) for segment in path.split("/") if segment not in _NO_SEGMENTS]


def _vendor(distro: Distro) -> str:
    """The namespace: os-release's ID, but `redhat` for RHEL and `opensuse` for Leap and Tumbleweed.

    So do syft and Red Hat's own advisories; the specification names no list.
    """
    if distro.id.startswith("opensuse"):
        return "opensuse"
    return _VENDORS.get(distro.id, distro.id)


def _release(distro: Distro) -> str:
    """`debian-12`, `rhel-8.9`; `debian-trixie` where a release has no number yet; "" where nothing is known."""
    release = distro.version_id or distro.version_codename
    return f"{distro.id}-{release}" if release else ""


def _without_epoch(package: Package) -> tuple[str, str]:
    """Version and epoch: only rpm's epoch stands apart from the version."""
    epoch, colon, rest = package.version.partition(":")
    return (rest, epoch) if package.type == "rpm" and colon else (package.version, "")


def _upstream(package: Package) -> str:
    """The source package where it is not the package's namesake, as syft writes it.

    `name@version` (`name` alone if the versions are equal), for rpm the name of the source package's file.
    """
    source = package.source
    if source is None:
        return ""
    version, _ = _without_epoch(package)
    same_version = source.version in ("", package.version, version)
    if source.name == package.name and same_version:
        return ""
    if package.type == "rpm":
        return _source_rpm(source, version)
    return source.name if same_version else f"{source.name}@{source.version}"


def _source_rpm(source: SourcePackage, version: str) -> str:
    release = source.version.rpartition(":")[2] or version
    return f"{source.name}-{release}.src.rpm"

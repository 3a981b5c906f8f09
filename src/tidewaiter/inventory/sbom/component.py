"""What an SBOM lists, whatever its format: from a package URL and the tool's own notes to a package that can be judged.

https://github.com/package-url/purl-spec/blob/main/PURL-SPECIFICATION.rst
"""

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.image import Digest, Layer
from tidewaiter.model.package import Distro, Location, Package, SourcePackage

if TYPE_CHECKING:
    from packageurl import PackageURL

SYSTEM_TYPES = frozenset({"apk", "deb", "rpm"})
_IMAGES = frozenset({"docker", "oci"})
_SOURCE_RPM = re.compile(r"(?P<name>.+)-(?P<version>[^-]+-[^-]+?)(\.(no)?src)?(\.rpm)?")
_LONGEST = 200

# Names that differ from os-release's ID: of trivy's families, and of purl namespaces.
_IDS = {
    "alma": "almalinux",
    "amazon": "amzn",
    "cbl-mariner": "mariner",
    "opensuse leap": "opensuse-leap",
    "opensuse tumbleweed": "opensuse-tumbleweed",
    "opensuse.leap": "opensuse-leap",
    "opensuse.tumbleweed": "opensuse-tumbleweed",
    "oracle": "ol",
    "oraclelinux": "ol",
    "red hat enterprise linux": "rhel",
    "redhat": "rhel",
    "suse linux enterprise micro": "sle-micro",
    "suse linux enterprise server": "sles",
}
_IDS_WITHOUT_RELEASE = frozenset({"opensuse-leap", "opensuse-tumbleweed", "sle-micro", "sl-micro"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A component as its SBOM describes it. `place` is where it stands there: `components[3]`.

    `facts` are the tool's own notes that its purl does not hold, under the names of `Package`'s fields.
    """

    place: str
    name: str = ""
    version: str = ""
    purl: str = ""
    source: SourcePackage | None = None
    module: str = ""
    vendor: str = ""
    origin: str = ""
    root: str = ""
    provides: tuple[str, ...] = ()
    licenses: tuple[str, ...] = ()
    locations: tuple[Location, ...] = ()
    extractor: str = "sbom"


@dataclass(frozen=True, slots=True)
class Systems:
    """The distributions that an SBOM names, on their own or in its packages' purls."""

    named: tuple[Distro, ...]
    _met: dict[tuple[str, str], Distro] = field(default_factory=dict)

    def judging(self, purl: "PackageURL", root: str) -> Distro | None:
        """The release that judges a package: as its purl says, else the SBOM's own, else the namespace alone."""
        qualifier = str(_qualifiers(purl).get("distro", ""))
        namespace = distro_id(purl.namespace or "")
        said = parse_release(qualifier, namespace) if qualifier else None
        own = [distro for distro in self.named if distro.root == root]
        if said is None:
            fitting = [distro for distro in own if not namespace or distro.id.startswith(namespace)]
            said = fitting[0] if fitting else (Distro(id=namespace) if namespace else None)
        if said is None:
            return None
        release = said.version_id or said.version_codename
        alike = [
            distro for distro in own if distro.id == said.id and release in {distro.version_id, distro.version_codename}
        ]
        return alike[0] if alike else self._met.setdefault((said.id, release), said)


def distro_id(name: str) -> str:
    """The ID of os-release for a distribution's name in an SBOM."""
    return _IDS.get(name.lower(), name.lower())


def parse_release(text: str, namespace: str) -> Distro:
    """The release that a purl's `distro` names: `debian-12`, `opensuse-leap-15.5`, `debian-trixie`, `3.18.4`."""
    known = distro_id(text)
    if known in _IDS_WITHOUT_RELEASE:
        return Distro(id=known)
    head, _, release = text.rpartition("-")
    id_ = distro_id(head) if head else namespace
    if release[:1].isdigit() or release == "edge":
        return Distro(id=id_, version_id=release)
    return Distro(id=id_, version_codename=release)


def package_of(entry: Entry, systems: Systems) -> Package | Gap:
    """The package that the entry describes, or the gap that it leaves."""
    if not entry.purl:
        return _gap(Why.UNSUPPORTED, entry, "it has no package URL: nobody can tell which package it is.")
    from packageurl import PackageURL

    try:
        purl = PackageURL.from_string(entry.purl)
    except ValueError as error:
        return _gap(Why.MALFORMED, entry, f"its package URL is wrong: {str(error)[:_LONGEST]}")
    if purl.type in _IMAGES:
        return _gap(Why.UNSUPPORTED, entry, "it is an image, not a package: scan it by itself.")
    version = _version(purl, entry.version)
    if not version:
        return _gap(Why.NOT_COMPARABLE, entry, "it names no version: nobody can tell whether it is affected.")
    return _package(entry, purl, version, systems)


def _package(entry: Entry, purl: "PackageURL", version: str, systems: Systems) -> Package:
    qualifiers = _qualifiers(purl)
    return Package(
        purl=entry.purl,
        type=purl.type,
        name=_name(purl, entry.name),
        version=version,
        source=_source(entry.source, purl, version),
        architecture=qualifiers.get("arch", ""),
        distro=systems.judging(purl, entry.root) if purl.type in SYSTEM_TYPES else None,
        module=entry.module or qualifiers.get("rpmmod", "") or qualifiers.get("modularitylabel", ""),
        vendor=entry.vendor,
        origin=entry.origin,
        provides=entry.provides,
        licenses=entry.licenses,
        locations=entry.locations,
        extractor=entry.extractor,
    )


def _gap(why: Why, entry: Entry, detail: str) -> Gap:
    named = entry.purl or " ".join(filter(None, (entry.name, entry.version))) or entry.place
    return Gap(stage=Stage.INVENTORY, why=why, subject=named[:_LONGEST], detail=detail)


def _qualifiers(purl: "PackageURL") -> dict[str, str]:
    return purl.qualifiers or {}


def _name(purl: "PackageURL", stated: str) -> str:
    """The name as the ecosystem writes it: `@scope/name`, `group:artifact`, `github.com/a/b`; a system's alone.

    syft puts the end of a Go module's path into the subpath (`…/xxhash#v2`), which the standard keeps for a place
    within the module: the name that the SBOM states beside decides, unless it is that of a command (`…#cmd/registry`).
    A purl of npm is in lower case, but some of its oldest packages are not (`Haraka`).
    """
    if purl.type == "npm" and stated.lower() == "/".join(filter(None, (purl.namespace, purl.name))).lower():
        return stated
    if purl.type in SYSTEM_TYPES or not purl.namespace:
        return purl.name
    name = f"{purl.namespace}{':' if purl.type == 'maven' else '/'}{purl.name}"
    longer = f"{name}/{purl.subpath}"
    return longer if stated == longer and "cmd" not in str(purl.subpath).split("/") else name


def _version(purl: "PackageURL", stated: str) -> str:
    """The version with its epoch, which rpm's purls (and trivy's for deb) keep apart."""
    version = purl.version or stated
    epoch = _qualifiers(purl).get("epoch", "")
    apart = purl.type in SYSTEM_TYPES and epoch and version and not version.startswith(f"{epoch}:")
    return f"{epoch}:{version}" if apart else version


def _source(stated: SourcePackage | None, purl: "PackageURL", version: str) -> SourcePackage | None:
    """The source package: the tool's own note, or the `upstream` qualifier.

    An rpm's source never has an epoch, whatever the tool says: the name of its file has none. A deb's or apk's has the
    binary's version where none is given.
    """
    upstream = _qualifiers(purl).get("upstream", "")
    source = stated or (_upstream(upstream, purl.type) if upstream else None)
    if source is None:
        return None
    if purl.type == "rpm":
        return replace(source, version=re.sub(r"^\d+:", "", source.version))
    return source if source.version else replace(source, version=version)


def _upstream(text: str, kind: str) -> SourcePackage:
    """`name@version` or `name`; for rpm the file name of the source package."""
    if kind == "rpm":
        return source_of_rpm(text)
    name, _, version = text.rpartition("@")
    return SourcePackage(name=name, version=version) if name else SourcePackage(name=text)


def source_of_rpm(text: str) -> SourcePackage:
    """The source package of `name-version-release.src.rpm`."""
    found = _SOURCE_RPM.fullmatch(text) if text.endswith(".rpm") else None
    return SourcePackage(name=found["name"], version=found["version"]) if found else SourcePackage(name=text)


class Layers:
    """The layers that an SBOM names, in the order in which it does."""

    def __init__(self) -> None:
        self._found: dict[str, Layer] = {}

    def put(self, layer: Layer | None) -> None:
        """Adds a layer of which more than the digest is known."""
        if layer is not None:
            self._found.setdefault(str(layer.digest), layer)

    def add(self, text: str) -> Layer | None:
        """The layer of that digest; None if the text is no digest."""
        if text not in self._found:
            try:
                digest = Digest.parse(text)
            except ValueError:
                return None
            self._found[text] = Layer(index=len(self._found), digest=digest)
        return self._found[text]

    def all(self) -> tuple[Layer, ...]:
        """All that were added."""
        return tuple(self._found.values())

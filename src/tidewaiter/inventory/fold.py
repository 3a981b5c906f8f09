"""From what the files of an image say to its inventory: which release judges what, and which layer brought it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tidewaiter.inventory.distro import combine
from tidewaiter.inventory.purl import purl_of
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.image import Layer
from tidewaiter.model.package import Distro, FileInventory, Location, Package

_DEB = ("debian", "ubuntu", "raspbian", "kali", "linuxmint", "devuan", "pop", "deepin", "echo")
_APK = ("alpine", "wolfi", "chainguard", "alpaquita", "bellsoft-hardened-containers", "minimos", "postmarketos")
_RED_HAT = ("rhel", "centos", "fedora", "rocky", "almalinux", "ol", "amzn", "scientific", "eurolinux", "virtuozzo")
_SUSE = (
    "suse",
    "sles",
    "sles_sap",
    "sled",
    "sle_hpc",
    "sle-micro",
    "sl-micro",
    "opensuse",
    "opensuse-leap",
    "opensuse-tumbleweed",
)
_OTHER_RPM = ("mariner", "azurelinux", "photon", "openEuler", "openeuler", "anolis", "alinux", "mageia", "bottlerocket")
_KINDS = {
    **dict.fromkeys(_DEB, "deb"),
    **dict.fromkeys(_APK, "apk"),
    **dict.fromkeys((*_RED_HAT, *_SUSE, *_OTHER_RPM), "rpm"),
}
_SHOWN = 3
OS_TYPES = frozenset(_KINDS.values())
_Identity = tuple[str, str, str, str, str]
_Installed = tuple[str, Package, tuple[Location, ...]]


@dataclass(frozen=True, slots=True)
class Version:
    """What a layer made of one file: what each extractor read there. `layer` is None where there are no layers."""

    layer: Layer | None
    files: tuple[FileInventory, ...]


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A visible file, at `path` in the end, with all that the layers made of it, lowest first."""

    path: str
    versions: tuple[Version, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """An image's packages and releases; `distro` is the image's own."""

    distro: Distro | None
    distros: tuple[Distro, ...]
    packages: tuple[Package, ...]
    gaps: tuple[Gap, ...]


def fold(found: Iterable[FoundFile], root_of: Callable[[str], str], subject: str) -> Folded:
    """Put together what the visible files say.

    A package's layer is the lowest one from which on all versions of its database hold it. A package in several
    databases of one root is one package in several places. `root_of` tells the root that a path belongs to, `subject`
    is what gaps call the image.
    """
    files = sorted(found, key=lambda file: file.path)
    distros = _distros(files, root_of)
    packages, strangers = _judged(_installed(files, root_of), distros)
    broken = tuple(gap for file in files for each in file.versions[-1].files for gap in each.extraction.gaps)
    nothing = () if packages else (_nothing_gap(files, subject),)
    gaps = broken + strangers + nothing
    return Folded(distro=distros.get(""), distros=tuple(distros.values()), packages=packages, gaps=gaps)


def _distros(files: Sequence[FoundFile], root_of: Callable[[str], str]) -> dict[str, Distro]:
    """The release of each root, the image's own first."""
    said: dict[str, list[Distro]] = {}
    for file in files:
        for inventory in file.versions[-1].files:
            distro = inventory.extraction.distro
            if distro is not None:
                said.setdefault(root_of(inventory.path), []).append(distro)
    return {root: replace(combine(said[root]), root=root) for root in sorted(said)}


def _installed(files: Sequence[FoundFile], root_of: Callable[[str], str]) -> Iterator[_Installed]:
    """Each package with the root it is installed in, and its places in the layer that brought it."""
    for file in files:
        for inventory in file.versions[-1].files:
            if not inventory.extraction.packages:
                continue
            layers = _layers(file.versions, inventory)
            root = root_of(inventory.path)
            for package in inventory.extraction.packages:
                layer = layers[_identity(package)]
                places = [Location(path=place.path, layer=layer, within=place.within) for place in package.locations]
                yield root, package, tuple(places or [Location(path=inventory.path, layer=layer)])


def _identity(package: Package) -> _Identity:
    return package.type, package.name, package.version, package.architecture, package.module


def _layers(versions: Sequence[Version], newest: FileInventory) -> dict[_Identity, Layer | None]:
    """For each package of the newest version the lowest layer from which on every version holds it."""
    layers = {_identity(package): versions[-1].layer for package in newest.extraction.packages}
    still = set(layers)
    for version in reversed(versions[:-1]):
        still &= {
            _identity(package)
            for inventory in version.files
            if inventory.extractor == newest.extractor
            for package in inventory.extraction.packages
        }
        if not still:
            break
        layers.update(dict.fromkeys(still, version.layer))
    return layers


def _judged(
    installed: Iterable[_Installed], distros: Mapping[str, Distro]
) -> tuple[tuple[Package, ...], tuple[Gap, ...]]:
    """The packages with the release that judges them and their purl; gaps for those of the system that none judges."""
    packages: dict[tuple[str, _Identity], Package] = {}
    elsewhere: dict[tuple[str, _Identity], list[Location]] = {}
    strangers: dict[tuple[str, str], list[Package]] = {}
    for root, package, places in installed:
        home = root if root in distros else ""
        key = home, _identity(package)
        if key in packages:
            elsewhere.setdefault(key, []).extend(places)
            continue
        packages[key] = _named(package, distros.get(home), places)
        if packages[key].distro is None and package.type in OS_TYPES:
            strangers.setdefault((home, package.type), []).append(packages[key])
    packages |= {key: _also_at(packages[key], places) for key, places in elsewhere.items()}
    ordered = sorted(packages.values(), key=lambda package: (package.purl, package.locations[0].path))
    gaps = (_stranger_gap(kind, those, distros.get(home)) for (home, kind), those in strangers.items())
    return tuple(ordered), tuple(gaps)


def _named(package: Package, distro: Distro | None, places: tuple[Location, ...]) -> Package:
    """The package at its places, with its release, if that is of its kind, and its purl."""
    judge = distro if distro is not None and package.type in OS_TYPES and _kind(distro) in ("", package.type) else None
    return replace(package, purl=purl_of(package, judge), distro=judge, locations=places)


def _kind(distro: Distro) -> str:
    """The type of package that a release is made of; "" for one that is not known."""
    return next((_KINDS[name] for name in (distro.id, *distro.id_like) if name in _KINDS), "")


def _also_at(package: Package, locations: Iterable[Location]) -> Package:
    return replace(package, locations=tuple(dict.fromkeys((*package.locations, *locations))))


def _stranger_gap(kind: str, packages: Sequence[Package], distro: Distro | None) -> Gap:
    place = packages[0].locations[0].path
    if distro is None:
        detail = f"nothing says which release they are of: its {_count(kind, packages)} are not judged."
    else:
        detail = f"{distro} is not made of {kind} packages: {_count(kind, packages)} are not judged by it."
    return Gap(stage=Stage.INVENTORY, why=Why.UNSUPPORTED, subject=place, detail=detail)


def _count(kind: str, packages: Sequence[Package]) -> str:
    return f"{len(packages):,} {kind} package{'s' if len(packages) > 1 else ''} (as {packages[0].name})"


def _nothing_gap(files: Sequence[FoundFile], subject: str) -> Gap:
    places = sorted({each.path for file in files for each in file.versions[-1].files if each.extraction.distro is None})
    shown = ", ".join(places[:_SHOWN]) + (f" and {len(places) - _SHOWN:,} more" if len(places) > _SHOWN else "")
    looked = f"{shown} named none" if places else "there is no package database"
    detail = f"no installed package was found ({looked}): what software is in it is not known."
    return Gap(stage=Stage.INVENTORY, why=Why.UNSUPPORTED, subject=subject, detail=detail)

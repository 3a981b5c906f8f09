"""What is installed in an image, and where it was found."""

from dataclasses import dataclass

from tidewaiter.model.gap import Gap
from tidewaiter.model.image import Digest, ImageIdentity, Layer


@dataclass(frozen=True, slots=True, kw_only=True)
class Distro:
    """A distribution release, from os-release or the files that came before it.

    `root` is "" for the image itself, and the path of a chroot ("srv/jail") for one inside it. `path` is the
    file that said so. https://www.freedesktop.org/software/systemd/man/latest/os-release.html
    """

    id: str
    version_id: str = ""
    pretty_name: str = ""
    version_codename: str = ""
    id_like: tuple[str, ...] = ()
    cpe_name: str = ""
    variant_id: str = ""
    root: str = ""
    path: str = ""

    def __str__(self) -> str:
        return self.pretty_name or f"{self.id} {self.version_id}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePackage:
    """The package of sources that a binary package was built from; `version` is "" where the database gives none."""

    name: str
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where a package was found: the database or manifest's path, and the layer that brought the package.

    `layer` is None in a layer's own inventory, in a plain folder, and in a read SBOM without layers. `within` is
    the path inside an archive.
    """

    path: str
    layer: Layer | None = None
    within: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """An installed package.

    `type` is the purl type (deb, apk, rpm, pypi …). `version` is the whole version as the ecosystem writes it:
    with the epoch (`1:2.3-4`) for deb and rpm. `distro` is the release that judges it (None for application
    packages). `module` is an rpm's MODULARITYLABEL (`name:stream:version:context`), else "".
    `vendor` is who built an rpm, or who maintains a deb. `provides` are names that the package also answers to (apk).
    `origin` is the distribution's own mark of where it comes from (dpkg's Origin field), else "".
    """

    purl: str
    type: str
    name: str
    version: str
    source: SourcePackage | None = None
    architecture: str = ""
    distro: Distro | None = None
    module: str = ""
    vendor: str = ""
    origin: str = ""
    licenses: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    locations: tuple[Location, ...] = ()
    extractor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """What one file says: packages, a release, gaps. `owned` are paths that a package owns (as files of the image)."""

    packages: tuple[Package, ...] = ()
    distro: Distro | None = None
    owned: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileInventory:
    """What an extractor took from one file of a layer; `path` is as the layer spells it, without a leading slash."""

    path: str
    extractor: str
    extraction: Extraction


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTree:
    """The names in a layer, in its own order, so that layers can be laid over each other without reading them again.

    `entries` joins records with NUL: a letter (`d` directory, `l` symbolic link, `h` hard link, `f` all else) and
    the path, clean and relative, in the layer's own bytes. `symlinks` and `hardlinks` give the targets. `whiteouts`
    are the hidden paths (without `.wh.`), `opaques` the directories whose lower content is hidden.
    """

    entries: bytes = b""
    symlinks: tuple[tuple[str, str], ...] = ()
    hardlinks: tuple[tuple[str, str], ...] = ()
    whiteouts: tuple[str, ...] = ()
    opaques: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCost:
    """What the reading of a layer counts against the ceilings of an image, in bytes.

    `unpacked` is what passed, `names` what its names take; `looked` the files that were looked into, and `kept` what is
    kept of them, both with those that a ceiling refused.
    """

    unpacked: int = 0
    names: int = 0
    looked: int = 0
    kept: int = 0

    def __add__(self, other: "LayerCost") -> "LayerCost":
        return LayerCost(
            unpacked=self.unpacked + other.unpacked,
            names=self.names + other.names,
            looked=self.looked + other.looked,
            kept=self.kept + other.kept,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerInventory:
    """What one layer holds. Its key in any store is (`digest`, `fingerprint`), and only if `verified`.

    `fingerprint` names the extractors and their versions. `size` is the number of bytes unpacked, `stored` that of the
    stored bytes that were read.
    """

    digest: Digest | None
    verified: bool
    fingerprint: str
    tree: LayerTree
    files: tuple[FileInventory, ...] = ()
    gaps: tuple[Gap, ...] = ()
    size: int = 0
    stored: int = 0
    cost: LayerCost = LayerCost()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What an image holds: its layers' inventories folded by the overlay rules.

    `distro` is the image's own release; `distros` are all that were found, chroots too. `extractors` are the names
    of those that looked.
    """

    image: ImageIdentity
    distro: Distro | None = None
    distros: tuple[Distro, ...] = ()
    packages: tuple[Package, ...] = ()
    gaps: tuple[Gap, ...] = ()
    extractors: tuple[str, ...] = ()

"""The JSON documents `tidewaiter/report/1` and `tidewaiter/inventory/1`, as they stand in a file.

What `report/json.py` writes and `inventory/sbom/native.py` reads. Within version 1 keys are only ever added; each has a
default here unless a document says nothing without it, so that older and hand-made documents can be read. None is
written as null and means "not known".
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

REPORT = "tidewaiter/report/1"
REPORTS = "tidewaiter/reports/1"
INVENTORY = "tidewaiter/inventory/1"
INVENTORIES = "tidewaiter/inventories/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerEntry:
    """A layer, with the line of the image's history that brought it."""

    index: int
    digest: str
    diff_id: str | None = None
    media_type: str = ""
    size: int = 0
    created_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageEntry:
    """The image; `digest` and `platform` are null for a folder."""

    reference: str
    digest: str | None = None
    platform: str | None = None
    tags: tuple[str, ...] = ()
    created: datetime | None = None
    layers: tuple[LayerEntry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DistroEntry:
    """A distribution release; `root` is "" for the image's own, `path` the file that said so."""

    id: str
    version_id: str = ""
    pretty_name: str = ""
    version_codename: str = ""
    id_like: tuple[str, ...] = ()
    cpe_name: str = ""
    variant_id: str = ""
    root: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DistroKey:
    """Which of the document's distributions judges a package."""

    id: str
    version_id: str = ""
    root: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceEntry:
    """The package of sources."""

    name: str
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationEntry:
    """A place of a package; `layer` is the digest of the layer that brought it, `layer_index` its place."""

    path: str
    within: str = ""
    layer: str | None = None
    layer_index: int | None = None
    created_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageEntry:
    """An installed package. `distro` is null where no release judges it; without the key it is the image's own."""

    purl: str
    type: str
    name: str
    version: str
    source: SourceEntry | None = None
    architecture: str = ""
    distro: DistroKey | Literal["image"] | None = "image"
    module: str = ""
    vendor: str = ""
    origin: str = ""
    licenses: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    locations: tuple[LocationEntry, ...] = ()
    extractor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GapEntry:
    """What was not looked at or not judged."""

    stage: str
    why: str
    subject: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryDocument:
    """What an image holds."""

    schema: str
    image: ImageEntry
    distro: DistroEntry | None = None
    distros: tuple[DistroEntry, ...] = ()
    packages: tuple[PackageEntry, ...] = ()
    gaps: tuple[GapEntry, ...] = ()
    extractors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchEntry:
    """Why one advisory says that the package is vulnerable."""

    kind: str
    feed: str
    advisory: str
    ecosystem: str
    name: str
    version: str
    range: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvisoryEntry:
    """The name of an advisory."""

    feed: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FixEntry:
    """What can be done by upgrading."""

    state: str
    versions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreatEntry:
    """What is known of attacks; null without a feed that could say."""

    kev: bool | None = None
    epss: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingEntry:
    """A vulnerability in the package of that purl."""

    vulnerability: str
    aliases: tuple[str, ...]
    purl: str
    package: str
    installed: str
    severity: str
    severity_source: str
    score: float | None
    fix: FixEntry
    threat: ThreatEntry
    advisories: tuple[AdvisoryEntry, ...]
    matches: tuple[MatchEntry, ...]
    summary: str
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
    """A publisher's data: `newest` and `fetched` are null where nobody could know."""

    name: str
    advisories: int
    affected: int
    withdrawn: int
    broken: int
    newest: str | None
    fetched: str | None
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDocument(InventoryDocument):
    """An inventory, judged; `hidden` counts the findings that the user chose not to see."""

    findings: tuple[FindingEntry, ...] = ()
    feeds: tuple[FeedEntry, ...] = ()
    hidden: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportsDocument:
    """Several images of one run."""

    schema: str
    reports: tuple[ReportDocument, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoriesDocument:
    """Several images of one run, not judged."""

    schema: str
    inventories: tuple[InventoryDocument, ...]

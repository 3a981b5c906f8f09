"""What the store takes and gives, beyond the nouns of the model."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from tidewaiter.model.cloud import ImageDetail, Registry
from tidewaiter.model.finding import Finding
from tidewaiter.model.fleet import Kind, Outcome
from tidewaiter.model.gap import Gap
from tidewaiter.model.image import Digest, Platform
from tidewaiter.model.package import Package


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run. `finished` is None for one that is under way, or was ended from outside; times are in UTC.

    `continued` tells that the run of its scope before it did not come to its end.
    """

    id: int
    command: str
    scope: str
    started: datetime
    finished: datetime | None
    continued: bool
    layers_read: int
    bytes_pulled: int
    looked: int
    known: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """How a manifest of a repository ended.

    `image` is the digest under which its inventory is kept, None where there is none. `indexes` are those of the
    repository that list it; `tags` its own and theirs.
    """

    digest: Digest
    kind: Kind
    outcome: Outcome
    platform: Platform | None = None
    image: Digest | None = None
    indexes: tuple[Digest, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestRow:
    """A manifest as a run found it in a repository. Its outcome is PENDING where the run did not come to it."""

    registry: Registry
    repository: str
    detail: ImageDetail
    settled: Settled


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageContents:
    """What an image holds: the number of each package with that of the layer that brought it, -1 for none.

    `distro` is "" where it is not known. `gaps` are those of its inventory.
    """

    digest: Digest
    distro: str
    layers: tuple[Digest, ...]
    packages: Sequence[tuple[int, int]]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageJudgement:
    """What advisories say of a distinct package, by its number."""

    package: int
    findings: tuple[Finding, ...] = ()
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What is known of the distinct package numbered `package`; `subject` is that one, as in its findings."""

    package: int
    subject: Package
    findings: tuple[Finding, ...]
    gaps: tuple[Gap, ...]


class MovedTag(NamedTuple):
    """A tag that names another manifest than before a run; `repository` has the host."""

    repository: str
    tag: str
    old: Digest
    new: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRow:
    """A connection of the brokered integration, and how much waits of it. `revoked` is None for one in use."""

    name: str
    created: datetime
    revoked: datetime | None
    results: int
    result_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelRow:
    """A tunnel, for one of the connections that it carries.

    `load` are requests under way; `url` is where other servers reach the one that holds it, "" where they do not.
    """

    key: str
    connection: str
    replica: str
    load: int
    since: datetime
    server: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """What an agent delivered under a job: its size in bytes, and `sha256:<hex>` of the whole."""

    key: str
    job: str
    size: int
    digest: str
    arrived: datetime

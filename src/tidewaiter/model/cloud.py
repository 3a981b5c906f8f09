"""Where images lie in Amazon's cloud: accounts, roles, registries, repositories, and what is listed of each image."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from tidewaiter.model.gap import Gap
from tidewaiter.model.image import Digest

ACTIVE = "ACTIVE"
"""The state of an account that can be used; all others are skipped with their state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account: 12 digits, its name and the path of its organizational unit ("" where that is not known).

    `state` is one of Organizations' words: PENDING_ACTIVATION, ACTIVE, SUSPENDED, PENDING_CLOSURE, CLOSED.
    https://docs.aws.amazon.com/organizations/latest/APIReference/API_Account.html
    """

    id: str
    name: str = ""
    ou_path: str = ""
    state: str = ACTIVE
    management: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleHop:
    """One `AssumeRole`. `duration` is in seconds; the chaining rule may shorten it.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    """

    role_arn: str
    session_name: str = "tidewaiter"
    external_id: str = field(default="", repr=False)
    duration: int = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who asks: the principal's ARN, its account and partition, what gave the base credentials, the hops after them."""

    arn: str
    account: str
    partition: str
    provider: str = ""
    hops: tuple[RoleHop, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Registry:
    """The registry of one account in one region. `host` is its name in references.

    A public one has the region `us-east-1` and the host `public.ecr.aws/<alias>`. `via` tells apart by which way it is
    entered, where several connections lead to it: what one may read is not given to another. It is never stored.
    """

    partition: str
    account: str
    region: str
    host: str
    public: bool = False
    via: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Repository:
    """A repository of a registry."""

    registry: Registry
    name: str

    def __str__(self) -> str:
        return f"{self.registry.host}/{self.name}"


class ImageStatus(StrEnum):
    """Whether an image can be pulled: an archived one has to be restored first."""

    ACTIVE = "ACTIVE"
    ARCHIVED = "ARCHIVED"
    ACTIVATING = "ACTIVATING"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageDetail:
    """What a registry lists of one manifest.

    `size` is that of the compressed layers in bytes, for an index that of its largest child. `pulled` is the last
    recorded pull, None where none was recorded; times have a zone. `subject` is the manifest that this one describes.
    https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageDetail.html
    """

    digest: Digest
    tags: tuple[str, ...] = ()
    size: int = 0
    pushed: datetime | None = None
    pulled: datetime | None = None
    media_type: str = ""
    artifact_type: str = ""
    subject: Digest | None = None
    status: ImageStatus = ImageStatus.ACTIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestAnswer:
    """A manifest as the registry gave it, not verified; or, where `content` is empty, why it gave none.

    `failure` is ECR's code (`ImageNotFound`, `ImageInaccessible` …), `reason` its sentence.
    https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageFailure.html
    """

    content: bytes = b""
    media_type: str = ""
    failure: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """Where a blob's bytes can be had now: an address that is signed, or with headers that allow it.

    `expires` is when it stops to work, as far as that is known; a new one can be asked for at any time.
    """

    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    expires: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """A login to the registry's Docker API, good until `expires`."""

    endpoint: str
    username: str
    password: str = field(repr=False)
    expires: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """An account, or a region of one, that could not be entered: the gap says why. `region` is "" for the account."""

    account: Account
    gap: Gap
    region: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """An account that is left out on purpose: it is not active, or a filter leaves it out."""

    account: Account
    gap: Gap

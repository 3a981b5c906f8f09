"""What callers ask of ECR, in types, with the limits of its API.

https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_Operations.html
"""

import base64
from typing import Annotated, Literal, TypeVar

import msgspec

from tidewaiter.simulator.service import Arguments, ServiceError

Name = Annotated[
    str,
    msgspec.Meta(
        min_length=2,
        max_length=256,
        pattern=r"^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$",
    ),
]
Most = Annotated[int, msgspec.Meta(ge=1, le=1000)]
PrincipalArn = Annotated[
    str, msgspec.Meta(max_length=200, pattern=r"^arn:aws(-[a-z]+)*:iam::[0-9]{12}:(role|user)/.+$")
]
_T = TypeVar("_T")
_Hundred = msgspec.Meta(min_length=1, max_length=100)


class ImageId(msgspec.Struct, rename="camel", omit_defaults=True, frozen=True):
    """A manifest by its digest, its tag, or both."""

    image_digest: str = ""
    image_tag: str = ""


ImageIds = Annotated[list[ImageId], _Hundred]


class Filter(msgspec.Struct, rename="camel"):
    """Which manifests a listing gives."""

    tag_status: Literal["TAGGED", "UNTAGGED", "ANY"] = "ANY"
    image_status: Literal["ACTIVE", "ARCHIVED", "ACTIVATING", "ANY"] = "ACTIVE"


class Request(msgspec.Struct, rename="camel", kw_only=True):
    """What all requests may name: the registry."""

    registry_id: str = ""


class Paged(Request, kw_only=True):
    """A request for a page of a listing."""

    next_token: str = ""
    max_results: Most | None = None


class InRepository(Request, kw_only=True):
    """A request about one repository."""

    repository_name: Name


class DescribeRepositories(Paged, kw_only=True):
    """Some repositories, or a page of all."""

    repository_names: Annotated[list[Name], _Hundred] | None = None


class CreateRepository(InRepository, kw_only=True):
    """A new repository."""

    image_tag_mutability: Literal["MUTABLE", "IMMUTABLE"] = "MUTABLE"


class DeleteRepository(InRepository, kw_only=True):
    """No repository any more."""

    force: bool = False


class ListImages(InRepository, kw_only=True):
    """A page of a repository's manifests."""

    next_token: str = ""
    max_results: Most | None = None
    filter: Filter = msgspec.field(default_factory=Filter)


class DescribeImages(ListImages, kw_only=True):
    """Some manifests of a repository, or a page of all."""

    image_ids: ImageIds | None = None


class BatchGetImage(InRepository, kw_only=True):
    """The bytes of manifests."""

    image_ids: ImageIds
    accepted_media_types: Annotated[list[str], _Hundred] | None = None


class BatchDeleteImage(InRepository, kw_only=True):
    """Tags or manifests to take away."""

    image_ids: ImageIds


class GetDownloadUrlForLayer(InRepository, kw_only=True):
    """Where a blob can be had."""

    layer_digest: str


class BatchCheckLayerAvailability(InRepository, kw_only=True):
    """Which blobs are here."""

    layer_digests: Annotated[list[str], _Hundred]


class PutImage(InRepository, kw_only=True):
    """A manifest that is pushed, after its blobs."""

    image_manifest: Annotated[str, msgspec.Meta(min_length=1, max_length=4194304)]
    image_manifest_media_type: str = ""
    image_tag: str = ""
    image_digest: str = ""


class UpdateImageStorageClass(InRepository, kw_only=True):
    """Into the archive, or back."""

    image_id: ImageId
    target_storage_class: Literal["STANDARD", "ARCHIVE"]


class ReferrerFilter(msgspec.Struct, rename="camel"):
    """Which referrers a listing gives."""

    artifact_types: Annotated[list[str], msgspec.Meta(max_length=5)] = msgspec.field(default_factory=list)
    artifact_status: Literal["ACTIVE", "ARCHIVED", "ACTIVATING", "ANY"] = "ACTIVE"


class ListImageReferrers(InRepository, kw_only=True):
    """A page of what describes a manifest."""

    subject_id: ImageId
    filter: ReferrerFilter = msgspec.field(default_factory=ReferrerFilter)
    next_token: str = ""
    max_results: Annotated[int, msgspec.Meta(ge=1, le=50)] = 20


class Exclusion(Request, kw_only=True):
    """A principal whose pulls leave no time."""

    principal_arn: PrincipalArn


class ListExclusions(Paged, kw_only=True):
    """A page of those principals."""


class GetAuthorizationToken(Request, kw_only=True):
    """A login to the Docker API."""

    registry_ids: Annotated[list[str], msgspec.Meta(min_length=1, max_length=10)] | None = None


def typed(arguments: Arguments, kind: type[_T]) -> _T:
    """The arguments as a `kind`. Raises ServiceError, as ECR does for what breaks a rule of its API."""
    try:
        return msgspec.convert(arguments, kind)
    except msgspec.ValidationError as error:
        raise invalid(f"Invalid parameter: {error}") from None


def invalid(message: str) -> ServiceError:
    """ECR's error for arguments that it cannot take."""
    return ServiceError("InvalidParameterException", message)


def page_token(listing: str, position: str) -> str:
    """What names the rest of a listing after that position."""
    return base64.urlsafe_b64encode(msgspec.json.encode([listing, position])).decode()


def position(token: str, listing: str) -> str:
    """The position that a token of this listing names, "" for no token. Raises ServiceError for any other."""
    if not token:
        return ""
    try:
        owner, found = msgspec.json.decode(base64.urlsafe_b64decode(token), type=tuple[str, str])
    except (ValueError, msgspec.MsgspecError):
        owner, found = "", ""
    if owner != listing:
        raise invalid("Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid token'")
    return found

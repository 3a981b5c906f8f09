"""What ECR and ECR Public list, as types: repositories and images. Both answer in the same shapes."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from tidewaiter.aws.answers import typed
from tidewaiter.errors import CloudError
from tidewaiter.model.cloud import ImageDetail, ImageStatus
from tidewaiter.model.image import Digest

PAGE = 1000
"""The most that a listing gives at once; without asking for it, it gives 100."""

RepositoryName = Annotated[
    str,
    msgspec.Meta(
        min_length=2,
        max_length=256,
        pattern=r"^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*\Z",
    ),
]
"""https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_Repository.html"""


class _Repository(msgspec.Struct, frozen=True, rename="camel"):
    repository_name: RepositoryName


class _Repositories(msgspec.Struct, frozen=True, rename="camel"):
    repositories: tuple[_Repository, ...] = ()


class _Image(msgspec.Struct, frozen=True, rename="camel"):
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageDetail.html."""

    image_digest: str
    image_tags: tuple[str, ...] = ()
    image_size_in_bytes: int = 0
    image_pushed_at: datetime | None = None
    last_recorded_pull_time: datetime | None = None
    image_manifest_media_type: str = ""
    artifact_media_type: str = ""
    subject_manifest_digest: str = ""
    image_status: str = ImageStatus.ACTIVE


class _Images(msgspec.Struct, frozen=True, rename="camel"):
    image_details: tuple[_Image, ...] = ()


def repository_names(pages: Iterable[Mapping[str, Any]], *, action: str) -> Iterator[str]:
    """The names in pages of DescribeRepositories. Raises CloudError for what cannot be one."""
    for page in pages:
        for repository in typed(page, _Repositories, action=action).repositories:
            yield repository.repository_name


def image_details(pages: Iterable[Mapping[str, Any]], *, action: str) -> Iterator[ImageDetail]:
    """The images in pages of DescribeImages. Raises CloudError for what is not as documented."""
    for page in pages:
        for image in typed(page, _Images, action=action).image_details:
            yield _detail(image, action)


def only_digest(answer: Mapping[str, Any], *, action: str, where: str) -> Digest:
    """The digest of the one image that DescribeImages was asked for. Raises CloudError where there is none."""
    found = next(image_details((answer,), action=action), None)
    if found is None:
        raise CloudError("the registry has no such image", where=where, code="ImageNotFoundException")
    return found.digest


def digest(text: str, *, action: str) -> Digest:
    """The digest that AWS wrote. Raises CloudError for what is none."""
    try:
        return Digest.parse(text)
    except ValueError as error:
        raise CloudError(f"AWS answered {action} with what is {error}") from None


def _detail(image: _Image, action: str) -> ImageDetail:
    subject = image.subject_manifest_digest
    return ImageDetail(
        digest=digest(image.image_digest, action=action),
        tags=image.image_tags,
        size=image.image_size_in_bytes,
        pushed=_utc(image.image_pushed_at),
        pulled=_utc(image.last_recorded_pull_time),
        media_type=image.image_manifest_media_type,
        artifact_type=image.artifact_media_type,
        subject=digest(subject, action=action) if subject else None,
        status=_status(image.image_status),
    )


def _status(text: str) -> ImageStatus:
    """A status that is not known yet counts as active: pulling the image then tells what it means."""
    try:
        return ImageStatus(text)
    except ValueError:
        return ImageStatus.ACTIVE


def _utc(time: datetime | None) -> datetime | None:
    return time.astimezone(UTC) if time else None

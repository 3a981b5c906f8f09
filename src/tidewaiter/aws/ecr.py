"""The private registry of one account in one region, through ECR's own API.

https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_Operations.html
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain as joined
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from tidewaiter.aws import hosts
from tidewaiter.aws.answers import typed
from tidewaiter.aws.docker_login import AuthorizationData, login
from tidewaiter.aws.listing import PAGE, image_details, only_digest, repository_names
from tidewaiter.aws.principal import Principal
from tidewaiter.errors import CloudError
from tidewaiter.model.cloud import Authorization, Download, ImageDetail, ManifestAnswer, Registry
from tidewaiter.model.image import Digest

MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
"""What is taken as a manifest: with all of them named, a registry has no reason to convert one into another."""

_BATCH = 100
_REPOSITORIES = "ecr:DescribeRepositories"
_IMAGES = "ecr:DescribeImages"
_MANIFESTS = "ecr:BatchGetImage"
_BLOB = "ecr:GetDownloadUrlForLayer"
_TOKEN = "ecr:GetAuthorizationToken"  # noqa: S105 - the name of an action


class _ImageId(msgspec.Struct, frozen=True, rename="camel"):
    image_digest: str = ""


class _Image(msgspec.Struct, frozen=True, rename="camel"):
    image_id: _ImageId
    image_manifest: str
    image_manifest_media_type: str = ""


class _Failure(msgspec.Struct, frozen=True, rename="camel"):
    image_id: _ImageId
    failure_code: str = "Unknown"
    failure_reason: str = ""


class _Batch(msgspec.Struct, frozen=True, rename="camel"):
    images: tuple[_Image, ...] = ()
    failures: tuple[_Failure, ...] = ()


class _Layer(msgspec.Struct, frozen=True, rename="camel"):
    download_url: str


_NOT_ANSWERED = ManifestAnswer(failure="NotAnswered", reason="the registry answered without a word about this image")


class _Tokens(msgspec.Struct, frozen=True, rename="camel"):
    authorization_data: tuple[AuthorizationData, ...] = ()


class Ecr:
    """A private registry, asked as one identity, which may be of another account. Thread-safe."""

    def __init__(self, chain: Principal, registry: Registry) -> None:
        self._chain = chain
        self._registry = registry
        self._begun: deque[Iterator[Mapping[str, Any]]] = deque()

    @property
    def registry(self) -> Registry:
        """Which registry it is."""
        return self._registry

    def enter(self) -> None:
        """Ask for the first page of repositories, so that a refusal shows now; the next listing goes on from there."""
        pages = self._repository_pages()
        first = next(pages, {})
        self._begun.append(joined((first,), pages))

    def repositories(self) -> Iterator[str]:
        """The names of all repositories, page by page."""
        try:
            pages = self._begun.pop()
        except IndexError:
            pages = self._repository_pages()
        return repository_names(pages, action=_REPOSITORIES)

    def images(self, repository: str) -> Iterator[ImageDetail]:
        """All manifests of a repository, archived ones too, page by page."""
        asked = {"repositoryName": repository, "maxResults": PAGE, "filter": {"imageStatus": "ANY"}}
        pages = self._chain.pages(*self._where, _IMAGES, self._owned(asked), resource=self._arn(repository))
        return image_details(pages, action=_IMAGES)

    def resolve(self, repository: str, tag: str) -> Digest:
        """The manifest that a tag names now. The image is not pulled, so nothing is synchronised or converted."""
        answer = self._ask(_IMAGES, repository, {"imageIds": [{"imageTag": tag}]})
        return only_digest(answer, action=_IMAGES, where=f"{self._registry.host}/{repository}:{tag}")

    def manifests(self, repository: str, digests: Sequence[Digest]) -> Mapping[Digest, ManifestAnswer]:
        """The manifests of these digests, 100 a call: an answer for each, not verified.

        Those that an answer passes over are asked for again, as long as that brings any.
        """
        answers: dict[Digest, ManifestAnswer] = {}
        left = list(dict.fromkeys(digests))
        while left:
            batch, left = left[:_BATCH], left[_BATCH:]
            given = self._batch(repository, batch)
            answers |= given or dict.fromkeys(batch, _NOT_ANSWERED)
            left = [each for each in batch if given and each not in given] + left
        return answers

    def download(self, repository: str, digest: Digest) -> Download:
        """The presigned address of a blob: good for a limited time, and without any header of ours."""
        answer = self._ask(_BLOB, repository, {"layerDigest": str(digest)})
        url = typed(answer, _Layer, action=_BLOB).download_url
        return Download(url=url, expires=expiry(url))

    def authorization(self) -> Authorization:
        """A login to the registry's Docker API; the same token opens all registries that the identity may read."""
        answer = self._chain.call(*self._where, _TOKEN, {})
        tokens = typed(answer, _Tokens, action=_TOKEN).authorization_data
        if not tokens:
            raise CloudError(f"AWS answered {_TOKEN} without a token", where=self._registry.host)
        return login(tokens[0], endpoint=self._endpoint(tokens[0].proxy_endpoint), action=_TOKEN)

    @property
    def _where(self) -> tuple[str, str]:
        return "ecr", self._registry.region

    def _repository_pages(self) -> Iterator[Mapping[str, Any]]:
        return self._chain.pages(
            *self._where, _REPOSITORIES, self._owned({"maxResults": PAGE}), resource=self._arn("*")
        )

    def _batch(self, repository: str, digests: Sequence[Digest]) -> dict[Digest, ManifestAnswer]:
        asked = {
            "imageIds": [{"imageDigest": str(each)} for each in digests],
            "acceptedMediaTypes": list(MANIFEST_TYPES),
        }
        batch = typed(self._ask(_MANIFESTS, repository, asked), _Batch, action=_MANIFESTS)
        failures = {each.image_id.image_digest: _failed(each) for each in batch.failures}
        images = {each.image_id.image_digest: _given(each) for each in batch.images}
        answers = failures | images
        return {each: answers[str(each)] for each in digests if str(each) in answers}

    def _ask(self, action: str, repository: str, asked: Mapping[str, object]) -> Mapping[str, Any]:
        arguments = self._owned({"repositoryName": repository, **asked})
        return self._chain.call(*self._where, action, arguments, resource=self._arn(repository))

    def _owned(self, arguments: Mapping[str, object]) -> Mapping[str, object]:
        """With the account that owns the registry: it need not be the caller's, where repositories have policies."""
        return {"registryId": self._registry.account, **arguments}

    def _arn(self, repository: str) -> str:
        owner = self._registry
        return f"arn:{owner.partition}:ecr:{owner.region}:{owner.account}:repository/{repository}"

    def _endpoint(self, proxy: str) -> str:
        """The registry itself: AWS names that of the caller's account. Another host stands for it, as a proxy's."""
        host = urlsplit(proxy).hostname or ""
        return proxy if host and hosts.parse_host(host) is None else f"https://{self._registry.host}"


def expiry(url: str) -> datetime | None:
    """When a presigned address stops to work, None where it does not say so.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
    """
    query = {key.lower(): values[0] for key, values in parse_qs(urlsplit(url).query).items()}
    try:
        if "x-amz-date" in query:
            signed = datetime.strptime(query["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            return signed + timedelta(seconds=int(query["x-amz-expires"]))
        return datetime.fromtimestamp(int(query["expires"]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return None


def _given(image: _Image) -> ManifestAnswer:
    """The manifest's own bytes; what is no Unicode is passed on as it came, and then has another digest."""
    content = image.image_manifest.encode(errors="surrogatepass")
    return ManifestAnswer(content=content, media_type=image.image_manifest_media_type)


def _failed(failure: _Failure) -> ManifestAnswer:
    return ManifestAnswer(failure=failure.failure_code, reason=failure.failure_reason)

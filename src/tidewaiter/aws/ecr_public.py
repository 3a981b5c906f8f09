"""The public registry of an account: listed by the API of ECR Public, pulled through its Docker API.

https://docs.aws.amazon.com/AmazonECRPublic/latest/APIReference/API_Operations.html
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from tidewaiter.aws import hosts
from tidewaiter.aws.answers import typed
from tidewaiter.aws.docker_login import AuthorizationData, login
from tidewaiter.aws.listing import PAGE, image_details, only_digest, repository_names
from tidewaiter.aws.principal import Principal
from tidewaiter.aws.public_host import PublicHost
from tidewaiter.model.cloud import Authorization, Download, ImageDetail, ManifestAnswer, Registry
from tidewaiter.model.image import Digest

_REGISTRIES = "ecr-public:DescribeRegistries"
_REPOSITORIES = "ecr-public:DescribeRepositories"
_IMAGES = "ecr-public:DescribeImages"
_TOKEN = "ecr-public:GetAuthorizationToken"  # noqa: S105 - the name of an action
_WHERE = ("ecr-public", hosts.PUBLIC_REGION)


class _Registry(msgspec.Struct, frozen=True, rename="camel"):
    registry_id: str
    registry_uri: str = ""


class _Registries(msgspec.Struct, frozen=True, rename="camel"):
    registries: tuple[_Registry, ...] = ()


class _Token(msgspec.Struct, frozen=True, rename="camel"):
    authorization_data: AuthorizationData


class EcrPublic:
    """A public registry, asked as one identity of its account. Thread-safe.

    It has no archived images, tells no pulls, and gives manifests and blobs by the Docker API only.
    """

    def __init__(self, chain: Principal, registry: Registry) -> None:
        self._chain = chain
        self._registry = registry
        self._alias = registry.host.partition("/")[2]
        self._host = PublicHost(registry.host.partition("/")[0], self.authorization)

    @property
    def registry(self) -> Registry:
        """Which registry it is."""
        return self._registry

    def repositories(self) -> Iterator[str]:
        """The names of all repositories, page by page."""
        asked = {"registryId": self._registry.account, "maxResults": PAGE}
        pages = self._chain.pages(*_WHERE, _REPOSITORIES, asked, resource=self._arn("*"))
        return repository_names(pages, action=_REPOSITORIES)

    def images(self, repository: str) -> Iterator[ImageDetail]:
        """All manifests of a repository, page by page."""
        asked = self._of(repository, maxResults=PAGE)
        pages = self._chain.pages(*_WHERE, _IMAGES, asked, resource=self._arn(repository))
        return image_details(pages, action=_IMAGES)

    def resolve(self, repository: str, tag: str) -> Digest:
        """The manifest that a tag names now."""
        asked = self._of(repository, imageIds=[{"imageTag": tag}])
        answer = self._chain.call(*_WHERE, _IMAGES, asked, resource=self._arn(repository))
        return only_digest(answer, action=_IMAGES, where=f"{self._registry.host}/{repository}:{tag}")

    def manifests(self, repository: str, digests: Sequence[Digest]) -> Mapping[Digest, ManifestAnswer]:
        """The manifests of these digests, one request each: an answer for each, not verified."""
        path = self._path(repository)
        return {digest: self._host.manifest(path, digest) for digest in dict.fromkeys(digests)}

    def download(self, repository: str, digest: Digest) -> Download:
        """The address that the registry redirects to for a blob; no login goes with it."""
        return self._host.download(self._path(repository), digest)

    def authorization(self) -> Authorization:
        """A login to the registry's Docker API."""
        answer = self._chain.call(*_WHERE, _TOKEN, {})
        data = typed(answer, _Token, action=_TOKEN).authorization_data
        return login(data, endpoint=self._host.endpoint, action=_TOKEN)

    def _path(self, repository: str) -> str:
        return f"{self._alias}/{repository}" if self._alias else repository

    def _of(self, repository: str, **arguments: object) -> Mapping[str, Any]:
        return {"registryId": self._registry.account, "repositoryName": repository, **arguments}

    def _arn(self, repository: str) -> str:
        return f"arn:{self._registry.partition}:ecr-public::{self._registry.account}:repository/{repository}"


def public_registry(chain: Principal, account: str, partition: str) -> Registry | None:
    """The public registry of the account that `chain` is in, None where it has none yet.

    Its host is the address that AWS gives for it, with the alias: `public.ecr.aws/<alias>`.
    """
    for page in chain.pages(*_WHERE, _REGISTRIES, {}):
        for found in typed(page, _Registries, action=_REGISTRIES).registries:
            if found.registry_id == account and found.registry_uri:
                return Registry(
                    partition=partition,
                    account=account,
                    region=hosts.PUBLIC_REGION,
                    host=found.registry_uri.removesuffix("/"),
                    public=True,
                )
    return None

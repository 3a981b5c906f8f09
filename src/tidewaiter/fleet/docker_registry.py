"""Registries that are not Amazon's, asked by the Docker API: the same seam as ECR has.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from tidewaiter.aws.ecr import expiry
from tidewaiter.aws.registries import Place
from tidewaiter.errors import (
    CloudDeniedError,
    CloudError,
    LimitError,
    MalformedError,
    RegistryAbsentError,
    RegistryDeniedError,
    RegistryError,
    TidewaiterError,
    UsageError,
)
from tidewaiter.fleet.blob_relay import BlobRelay
from tidewaiter.fleet.lanes import side_by_side
from tidewaiter.fleet.tagged import LARGEST_MANIFEST, Tagged
from tidewaiter.model.cloud import Account, Authorization, Download, ImageDetail, ManifestAnswer, Registry
from tidewaiter.model.image import Digest, Reference
from tidewaiter.registry.catalogues import Catalogue
from tidewaiter.registry.client import RegistryClient
from tidewaiter.registry.credentials import Credential, OneLogin
from tidewaiter.registry.kinds import Base, Kind, base_of, kind_of, login_of
from tidewaiter.registry.reference import DOCKER_HUB, is_repository, is_tag
from tidewaiter.registry.transport import Transport, Waiting

_MANIFESTS_AT_ONCE = 8
_SURELY_RELAYED = 3
"""After so many blobs in a row that a registry gives itself, it is not asked any more where the next one is."""

_LOGIN = "Check the user name and the password or token of its connection, and what they may read."
_EMPTY_OR_HIDDEN = "the registry lists this repository, and then has none of this name: it is empty, or may not be read"
_LEAVE_OUT = "If it is empty, leave it out by --exclude-repository."
_NAMES = "Or name the connection's repositories: then it need not list them."


def docker_registry(
    kind: str,
    /,
    *,
    base: str = "",
    username: str = "",
    password: str = "",
    token: str = "",
    repositories: Sequence[str] = (),
    via: str = "",
    waiting: Waiting | None = None,
) -> "DockerRegistry":
    """The registry of this type (`docker-hub`, `acr`, `harbor-cr` …) at `base`, entered with a login or without one.

    Nothing is sent yet. `repositories` are all that are looked at, where the registry cannot list them or is not to be
    asked. Raises UsageError for settings that cannot be.
    """
    known = kind_of(kind)
    place = base_of(known, base)
    credential = login_of(known, username=username, password=password, token=token)
    named = tuple(dict.fromkeys(_named(name, place) for name in repositories))
    return DockerRegistry(known, place, credential, repositories=named, via=via, waiting=waiting)


class DockerRegistry:
    """A registry, asked with one login by its Docker API, `aws.registries.RegistryApi`.

    Thread-safe; close it after use, or let go of it: its connections end with it. Blobs that the registry itself gives
    only to who logs in are relayed by this process, so that those who read them need no login.
    """

    def __init__(
        self,
        kind: Kind,
        base: Base,
        credential: Credential | None,
        *,
        repositories: Sequence[str] = (),
        via: str = "",
        waiting: Waiting | None = None,
    ) -> None:
        self._kind = kind
        self._base = base
        self._named = tuple(repositories)
        self._registry = Registry(partition="", account=base.registry, region="", host=base.registry, via=via)
        self._client = RegistryClient(keychain=OneLogin(credential), waiting=waiting)
        transport = Transport(waiting or Waiting(), insecure=False)
        self._catalogue = Catalogue(
            kind=kind, base=base, credential=credential, client=self._client, transport=transport
        )
        self._relay = BlobRelay(self._client)
        self._unredirected = 0
        self._ending = weakref.finalize(self, _end, self._relay, self._client, transport)

    def __repr__(self) -> str:
        return f"DockerRegistry({self._kind.name!r}, {self._registry.host!r})"

    @property
    def registry(self) -> Registry:
        """Which registry it is: its host stands for the account, and it has no region."""
        return self._registry

    @property
    def place(self) -> Place:
        """The registry, in what stands for its account."""
        return Place(account=Account(id=self._registry.account, name=self._kind.title), api=self)

    def close(self) -> None:
        """Ends all connections, also those of who reads relayed blobs."""
        self._ending()

    def repositories(self) -> Iterator[str]:
        """The names of all repositories: those that were told, else those that the registry lists.

        Raises CloudError after the last of them where some have names that cannot be, or where none is below the base.
        """
        if self._named:
            yield from self._named
            return
        strange: list[str] = []
        found = False
        with self._told(_NAMES):
            for name in self._catalogue.names():
                if not is_repository(name):
                    strange.append(name)
                elif self._base.covers(name):
                    found = True
                    yield name
        if strange:
            what = f"it lists {len(strange)} repositories with names that cannot be, as {strange[0][:100]!r}"
            raise CloudError(what, where=self._registry.host)
        if self._base.namespace and not found:
            what = f"it lists no repository below {self._base.namespace}"
            raise CloudError(
                what, where=self._registry.host, advice="Check how that is spelled, and what its login sees."
            )

    def images(self, repository: str) -> Iterator[ImageDetail]:
        """All tagged manifests of a repository; what has no tag is found by the indexes that list it.

        One that has many tags may come again, with more of them. Raises CloudError after the last where a tag names
        nothing that can be had, and for a repository that is listed and not there: some registries say so of what they
        hide.
        """
        found = Tagged(self._client, self._reference(repository), google=self._kind.google)
        with self._told():
            try:
                yield from found
            except RegistryAbsentError as error:
                if found.begun or repository in self._named:
                    raise
                where = f"{self._registry.host}/{repository}"
                raise CloudError(_EMPTY_OR_HIDDEN, where=where, advice=_LEAVE_OUT, code="NotFound") from error
        if found.refused:
            tag, refusal = found.refused[0]
            others = f", and {len(found.refused) - 1} more of its tags" if found.refused[1:] else ""
            raise _as_cloud_error(refusal, f"tag {tag}{others}: ", where=f"{self._registry.host}/{repository}")

    def resolve(self, repository: str, tag: str) -> Digest:
        """The manifest that a tag names now."""
        with self._told():
            return self._client.resolve(self._reference(repository, tag=tag), ceiling=LARGEST_MANIFEST)[0]

    def manifests(self, repository: str, digests: Sequence[Digest]) -> Mapping[Digest, ManifestAnswer]:
        """The manifests of these digests: an answer for each, not verified."""
        self._reference(repository)
        return side_by_side(lambda digest: self._manifest(repository, digest), digests, threads=_MANIFESTS_AT_ONCE)

    def download(self, repository: str, digest: Digest) -> Download:
        """Where the bytes of a blob can be had now, without a login: a signed address, or one of this process."""
        reference = self._reference(repository)
        with self._told():
            if self._unredirected >= _SURELY_RELAYED:
                return self._relay.download(reference, digest)
            url, headers = self._client.address(reference, digest)
            if "Authorization" not in headers:
                self._unredirected = 0
                return Download(url=url, headers=tuple(headers.items()), expires=expiry(url))
            self._unredirected += 1
            return self._relay.download(reference, digest)

    def authorization(self) -> Authorization:
        """Never: what is asked here is the Docker API, and there is no other. Raises CloudError."""
        raise CloudError("there is no other way into the registry", where=self._registry.host)

    def _reference(self, repository: str, *, tag: str = "", digest: Digest | None = None) -> Reference:
        """What is asked for. Names come from who may be far away: they must not lead to other paths of the host.

        Raises CloudError for what is no name, and for a repository that is not one of the connection's.
        """
        where = f"{self._registry.host}/{repository[:300]}"
        if not is_repository(repository) or (tag and not is_tag(tag)):
            raise CloudError("there can be no such repository or tag", where=where, code="NotFound")
        if not self._base.covers(repository) or (self._named and repository not in self._named):
            raise CloudError("is not one of the repositories of this connection", where=where, code="NotFound")
        return Reference(registry=self._registry.host, repository=repository, tag=tag, digest=digest)

    def _manifest(self, repository: str, digest: Digest) -> ManifestAnswer:
        reference = self._reference(repository, digest=digest)
        try:
            content, media_type = self._client.given(reference, ceiling=LARGEST_MANIFEST)
        except (RegistryError, MalformedError, LimitError) as error:
            return ManifestAnswer(failure=_failure(error), reason=error.what)
        return ManifestAnswer(content=content, media_type=media_type)

    @contextmanager
    def _told(self, advice: str = "") -> Iterator[None]:
        """Registries' errors as those of the seam; `advice` is what else helps where the registry refuses."""
        try:
            yield
        except (RegistryError, MalformedError, LimitError) as error:
            raise _as_cloud_error(error, advice=advice) from error


def _end(relay: BlobRelay, client: RegistryClient, transport: Transport) -> None:
    relay.close()
    client.close()
    transport.close()


def _named(name: str, base: Base) -> str:
    """The repository that a setting means: below the base, and on Docker Hub as Docker writes it."""
    full = name if base.covers(name) else f"{base.namespace}/{name}"
    if base.registry == DOCKER_HUB and "/" not in full:
        full = f"library/{full}"
    if not is_repository(full):
        raise UsageError(f"{name[:100]!r} is no repository", where=base.registry)
    return full


def _as_cloud_error(error: TidewaiterError, before: str = "", *, where: str = "", advice: str = "") -> CloudError:
    """A registry's error as that of the seam; `before` begins its sentence, `advice` helps where it refuses."""
    what, where = f"{before}{error.what}", where or error.where
    if isinstance(error, RegistryDeniedError):
        told = " ".join(filter(None, (_LOGIN, advice)))
        return CloudDeniedError(what, where=where, advice=told, code="Unauthorized")
    if isinstance(error, RegistryAbsentError):
        return CloudError(what, where=where, advice=advice, code="NotFound")
    return CloudError(what, where=where, advice=error.advice, retry=error.retry)


def _failure(error: TidewaiterError) -> str:
    """ECR's word for why there is no manifest.

    https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageFailure.html
    """
    match error:
        case RegistryAbsentError():
            return "ImageNotFound"
        case RegistryDeniedError():
            return "UpstreamAccessDenied"
        case _:
            return "UpstreamUnavailable"

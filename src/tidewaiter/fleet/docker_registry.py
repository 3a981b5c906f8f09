"""Registries that are not Amazon's, asked by the Docker API: the same seam as ECR has.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

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
    UsageError,
)
from tidewaiter.fleet.blob_relay import BlobRelay
from tidewaiter.fleet.lanes import Lanes
from tidewaiter.model.cloud import Account, Authorization, Download, ImageDetail, ManifestAnswer, Registry
from tidewaiter.model.image import Digest, Reference
from tidewaiter.registry.catalogues import catalogue
from tidewaiter.registry.client import RegistryClient
from tidewaiter.registry.credentials import Credential
from tidewaiter.registry.kinds import Base, Kind, base_of, kind_of, login_of
from tidewaiter.registry.reference import DOCKER_HUB, is_repository
from tidewaiter.registry.transport import Waiting

_AT_ONCE = 8  # requests of one listing, or of one batch of manifests
_LARGEST_MANIFEST = 16 << 20
_DENIED = "Unauthorized"
_ABSENT = "ImageNotFound"
_Q = TypeVar("_Q", bound=Hashable)
_A = TypeVar("_A")


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
    asked. The caller closes it. Raises UsageError for settings that cannot be.
    """
    known = kind_of(kind)
    place = base_of(known, base)
    credential = login_of(known, username=username, password=password, token=token)
    named = tuple(dict.fromkeys(_named(name, place) for name in repositories))
    return DockerRegistry(known, place, credential, repositories=named, via=via, waiting=waiting)


class DockerRegistry:
    """A registry, asked with one login by its Docker API, `aws.registries.RegistryApi`.

    Thread-safe; close it after use.
    Blobs that the registry itself gives only to who logs in are relayed by this process, so that those who read them
    need no login.
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
        self._credential = credential
        self._named = tuple(repositories)
        self._registry = Registry(partition="", account=base.registry, region="", host=base.registry, via=via)
        self._client = RegistryClient(keychain=_Login(credential), waiting=waiting)
        self._waiting = waiting
        self._relay = BlobRelay(self._client)
        self._relays = False

    @property
    def registry(self) -> Registry:
        """Which registry it is: its host stands for the account, and it has no region."""
        return self._registry

    @property
    def place(self) -> Place:
        """The registry in what stands for its account."""
        return Place(account=Account(id=self._registry.account, name=self._kind.title), api=self)

    def close(self) -> None:
        """Ends all connections, also those of who reads relayed blobs."""
        self._relay.close()
        self._client.close()

    def repositories(self) -> Iterator[str]:
        """The names of all repositories: those that were told, else those that the registry lists.

        Raises CloudError after the last of them where some have names that cannot be.
        """
        if self._named:
            yield from self._named
            return
        strange = []
        with self._told():
            for name in catalogue(self._kind, self._base, self._credential, self._client, self._waiting):
                if not is_repository(name):
                    strange.append(name)
                elif self._base.covers(name):
                    yield name
        if strange:
            what = f"it lists {len(strange)} repositories with names that cannot be, as {strange[0][:100]!r}"
            raise CloudError(what, where=self._registry.host)

    def images(self, repository: str) -> Iterator[ImageDetail]:
        """All tagged manifests of a repository; what has no tag is found by the indexes that list it.

        Raises CloudError after the last of them where a tag cannot be resolved.
        """
        with self._told():
            found: dict[Digest, _Tagged] = {}
            refused: list[tuple[str, RegistryError]] = []
            answers = _side_by_side(lambda tag: self._resolved(repository, tag), self._tags(repository))
            for tag, resolved in answers.items():
                if isinstance(resolved, RegistryError):
                    refused.append((tag, resolved))
                else:
                    found.setdefault(resolved[0], _Tagged(resolved[1])).tags.append(tag)
        for digest, tagged in found.items():
            yield ImageDetail(digest=digest, tags=tuple(tagged.tags), media_type=tagged.media_type)
        if refused:
            raise self._unresolved(repository, refused)

    def resolve(self, repository: str, tag: str) -> Digest:
        """The manifest that a tag names now."""
        with self._told():
            return self._client.resolve(self._reference(repository, tag=tag), ceiling=_LARGEST_MANIFEST)[0]

    def manifests(self, repository: str, digests: Sequence[Digest]) -> Mapping[Digest, ManifestAnswer]:
        """The manifests of these digests: an answer for each, not verified."""
        return _side_by_side(lambda digest: self._manifest(repository, digest), digests)

    def download(self, repository: str, digest: Digest) -> Download:
        """Where the bytes of a blob can be had now, without a login: a signed address, or one of this process."""
        reference = self._reference(repository)
        with self._told():
            if self._relays:
                return self._relay.download(reference, digest)
            url, headers = self._client.address(reference, digest)
        if "Authorization" in headers:
            self._relays = True
            return self._relay.download(reference, digest)
        return Download(url=url, headers=tuple(headers.items()), expires=expiry(url))

    def authorization(self) -> Authorization:
        """Never: it is the Docker API that is asked here, and there is no other to log in to."""
        raise CloudError("the registry has no other way in", where=self._registry.host)

    def _reference(self, repository: str, *, tag: str = "", digest: Digest | None = None) -> Reference:
        return Reference(registry=self._registry.host, repository=repository, tag=tag, digest=digest)

    def _tags(self, repository: str) -> list[str]:
        try:
            return list(dict.fromkeys(self._client.tags(self._reference(repository))))
        except RegistryAbsentError:
            if self._named:
                raise
            return []  # listed by the registry, which has no tag of it

    def _resolved(self, repository: str, tag: str) -> tuple[Digest, str] | RegistryError:
        try:
            return self._client.resolve(self._reference(repository, tag=tag), ceiling=_LARGEST_MANIFEST)
        except RegistryError as error:
            return error

    def _unresolved(self, repository: str, refused: Sequence[tuple[str, RegistryError]]) -> CloudError:
        """The error of tags that name nothing that could be had, by the first of them."""
        first = self._as_cloud_error(refused[0][1])
        first.where = f"{self._registry.host}/{repository}"
        return first

    def _manifest(self, repository: str, digest: Digest) -> ManifestAnswer:
        try:
            content, media_type = self._client.given(
                self._reference(repository, digest=digest), ceiling=_LARGEST_MANIFEST
            )
        except RegistryAbsentError as error:
            return ManifestAnswer(failure=_ABSENT, reason=error.what)
        except RegistryDeniedError as error:
            return ManifestAnswer(failure="UpstreamAccessDenied", reason=error.what)
        except (RegistryError, LimitError) as error:
            return ManifestAnswer(failure="NotGiven", reason=error.what)
        return ManifestAnswer(content=content, media_type=media_type)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Registries' errors as those of the seam."""
        try:
            yield
        except (RegistryError, MalformedError, LimitError) as error:
            raise self._as_cloud_error(error) from error

    def _as_cloud_error(self, error: RegistryError | MalformedError | LimitError) -> CloudError:
        if isinstance(error, RegistryDeniedError):
            advice = "Check the user name and the password or token of its connection, and what they may read."
            return CloudDeniedError(error.what, where=error.where, advice=advice, code=_DENIED)
        return CloudError(error.what, where=error.where, advice=error.advice, retry=error.retry)


@dataclass(slots=True)
class _Tagged:
    """A manifest with the tags that name it."""

    media_type: str
    tags: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Login:
    """The keychain that holds one login."""

    credential: Credential | None

    def find(self, registry: str, repository: str) -> Credential | None:  # noqa: ARG002 - the client has one registry
        return self.credential

    def troubles(self) -> tuple[str, ...]:
        return ()


def _side_by_side(ask: Callable[[_Q], _A], questions: Sequence[_Q]) -> dict[_Q, _A]:
    """The answers to all these questions, asked several at a time, in the order of the questions."""
    answers: dict[_Q, _A] = {}

    def note(question: _Q) -> None:
        answers[question] = ask(question)

    Lanes().each(questions, note, threads=_AT_ONCE)
    return {question: answers[question] for question in questions}


def _named(name: str, base: Base) -> str:
    """The repository that a setting means: below the base, and on Docker Hub as Docker writes it."""
    full = name if base.covers(name) else f"{base.namespace}/{name}"
    if base.registry == DOCKER_HUB and "/" not in full:
        full = f"library/{full}"
    if not is_repository(full):
        raise UsageError(f"{name[:100]!r} is no repository", where=base.registry)
    return full

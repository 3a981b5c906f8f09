"""Pulling from ECR: by its own API, by digest, and by the registry's Docker API where that refuses.

https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetDownloadUrlForLayer.html
"""

import hashlib
import threading
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

from tidewaiter.aws.registries import RegistryApi
from tidewaiter.errors import (
    CloudDeniedError,
    CloudError,
    LimitError,
    MalformedError,
    RegistryDeniedError,
    RegistryError,
)
from tidewaiter.fleet.blob_host import BlobHost
from tidewaiter.model.cloud import Download
from tidewaiter.model.image import Digest, Reference
from tidewaiter.registry.credentials import Credential
from tidewaiter.registry.reference import parse_reference
from tidewaiter.registry.transport import Waiting

if TYPE_CHECKING:  # the client is imported only where the fall-back is needed
    from tidewaiter.registry.client import RegistryClient

_NO_BLOB = frozenset({"LayersNotFoundException", "LayerInaccessibleException", "UnableToGetUpstreamLayerException"})
_NO_IMAGE = "ImageNotFound"


class Origin:
    """Manifests, and addresses of blobs, of one registry. Thread-safe; close it after use.

    ECR's own API is asked first; where it refuses, or does not know a blob (as may be with configurations), the
    registry's Docker API. If that does not help, the first error counts, or the first that names a permission that is
    missing.
    """

    def __init__(self, api: RegistryApi, *, waiting: Waiting | None = None) -> None:
        self._api = api
        self._docker = _Docker(api, waiting)
        self._refused: dict[str, CloudError] = {}

    def close(self) -> None:
        """Ends all connections."""
        self._docker.close()

    def download(self, repository: str, digest: Digest) -> Download:
        """Where the bytes of a blob can be had now. Raises CloudError."""
        error = self._refused.get(repository)
        if error is None:
            try:
                return self._api.download(repository, digest)
            except CloudError as refusal:
                error = refusal
        if not isinstance(error, CloudDeniedError) and error.code not in _NO_BLOB:
            raise error
        self._remember(repository, error)
        try:
            return self._docker.download(repository, digest)
        except (CloudError, RegistryError, MalformedError) as another:
            raise _telling(error, another) from None

    def manifest(self, repository: str, digest: Digest, *, ceiling: int) -> tuple[bytes, str]:
        """The manifest of a digest: its bytes, verified, and its media type.

        Raises CloudError, LimitError and MalformedError.
        """
        try:
            answer = self._api.manifests(repository, [digest])[digest]
            if answer.content:
                return self._verified(repository, digest, answer.content), answer.media_type
            error = self._failure(repository, digest, answer.failure, answer.reason)
        except CloudDeniedError as refusal:
            error = refusal
        if error.code == _NO_IMAGE:
            raise error
        try:
            return self._docker.manifest(repository, "", digest, ceiling)
        except (CloudError, RegistryError, MalformedError) as another:
            raise _telling(error, another) from None

    def tagged(self, repository: str, tag: str, *, ceiling: int) -> tuple[bytes, str]:
        """The manifest that a tag names now, under the same terms.

        It is pulled by its digest: by a tag, a registry may convert it, or bring it up to date with another registry.
        """
        try:
            return self.manifest(repository, self._api.resolve(repository, tag), ceiling=ceiling)
        except CloudDeniedError as error:
            try:
                return self._docker.manifest(repository, tag, None, ceiling)
            except (CloudError, RegistryError, MalformedError):
                raise error from None

    def _verified(self, repository: str, digest: Digest, content: bytes) -> bytes:
        if hashlib.new(digest.algorithm, content).hexdigest() == digest.hex:
            return content
        what = "wrong digest: the registry gave other bytes than it was asked for"
        raise MalformedError(what, where=f"{self._api.registry.host}/{repository}@{digest}")

    def _remember(self, repository: str, error: CloudError) -> None:
        """What is not allowed needs not be asked for each blob anew; an expired session may be a new one by then."""
        if error.code.startswith("AccessDenied"):
            self._refused[repository] = error

    def _failure(self, repository: str, digest: Digest, code: str, reason: str) -> CloudError:
        where = f"{self._api.registry.host}/{repository}@{digest}"
        if code == _NO_IMAGE:
            return CloudError("the registry has no such image", where=where, code=code)
        return CloudError(f"the registry gives no manifest: {reason or code}", where=where, code=code)


class EcrSource:
    """A registry of ECR as images are pulled from, `image.blob.Registry`. Thread-safe; close it after use."""

    def __init__(self, api: RegistryApi, *, waiting: Waiting | None = None) -> None:
        self._registry = api.registry
        self._origin = Origin(api, waiting=waiting)
        self._host = BlobHost(waiting)

    def close(self) -> None:
        """Ends all connections."""
        self._origin.close()
        self._host.close()

    def reference(self, text: str) -> Reference:
        """The reference that `text` spells, with all defaults filled in. Raises UsageError."""
        return parse_reference(text)

    def manifest(self, reference: Reference, *, ceiling: int) -> tuple[bytes, str]:
        """The manifest or index that the reference's digest, else its tag, names: its bytes and its media type.

        The bytes have the reference's digest, else MalformedError. Raises LimitError beyond `ceiling` bytes, and
        RegistryError.
        """
        repository, where = self._repository(reference), str(reference)
        try:
            if reference.digest is None:
                content, media_type = self._origin.tagged(repository, reference.tag, ceiling=ceiling)
            else:
                content, media_type = self._origin.manifest(repository, reference.digest, ceiling=ceiling)
        except CloudError as error:
            raise _as_registry_error(error) from error
        if len(content) > ceiling:
            raise LimitError(f"it has more than {ceiling} bytes", limit="manifest_bytes", where=where)
        return content, media_type

    def blob(self, reference: Reference, digest: Digest, size: int) -> BinaryIO:
        """The blob's bytes as a stream that goes on after a lost connection and an expired address; not verified."""
        repository = self._repository(reference)

        def ask() -> Download:
            try:
                return self._origin.download(repository, digest)
            except CloudError as error:
                raise _as_registry_error(error) from error

        where = f"{reference.registry}: blob {digest} in {reference.repository}"
        return self._host.stream(ask, size, where)

    def _repository(self, reference: Reference) -> str:
        """What the API calls the repository: in a public registry without the alias."""
        alias = self._registry.host.partition("/")[2]
        return reference.repository.removeprefix(f"{alias}/") if alias else reference.repository


class _Docker:
    """The same registry by its Docker API, logged in to when that is first needed."""

    def __init__(self, api: RegistryApi, waiting: Waiting | None) -> None:
        self._api = api
        self._waiting = waiting
        self._lock = threading.Lock()
        self._client: RegistryClient | None = None
        self._name = ""

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def download(self, repository: str, digest: Digest) -> Download:
        client = self._connected()
        url, headers = client.address(Reference(registry=self._name, repository=repository), digest)
        return Download(url=url, headers=tuple(headers.items()))

    def manifest(self, repository: str, tag: str, digest: Digest | None, ceiling: int) -> tuple[bytes, str]:
        client = self._connected()
        reference = Reference(registry=self._name, repository=repository, tag=tag, digest=digest)
        return client.manifest(reference, ceiling=ceiling)

    def _connected(self) -> "RegistryClient":
        from tidewaiter.registry.client import RegistryClient

        with self._lock:
            if self._client is None:
                self._name = urlsplit(self._api.authorization().endpoint).netloc
                self._client = RegistryClient(keychain=_Logins(self._api), waiting=self._waiting)
            return self._client


class _Logins:
    """The keychain that asks AWS for a login whenever the registry wants a new one."""

    def __init__(self, api: RegistryApi) -> None:
        self._api = api

    def find(self, registry: str, repository: str) -> Credential | None:  # noqa: ARG002 - a login is for all of them
        login = self._api.authorization()
        return Credential(username=login.username, password=login.password, origin="ecr:GetAuthorizationToken")

    def troubles(self) -> tuple[str, ...]:
        return ()


def _telling(first: CloudError, second: Exception) -> CloudError:
    """Of the errors of both ways the one that says what to allow, if one does."""
    if isinstance(second, CloudDeniedError) and not isinstance(first, CloudDeniedError):
        return second
    return first


def _as_registry_error(error: CloudError) -> RegistryError:
    kind = RegistryDeniedError if isinstance(error, CloudDeniedError) else RegistryError
    return kind(error.what, where=error.where, advice=error.advice, retry=error.retry)

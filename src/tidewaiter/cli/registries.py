"""Where `tidewaiter scan` pulls from: registries of ECR as AWS' own identities do, all others as Docker does."""

import threading
from contextlib import ExitStack
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

from tidewaiter.errors import RegistryDeniedError
from tidewaiter.model.image import Digest, Reference
from tidewaiter.registry.reference import parse_reference

if TYPE_CHECKING:  # each is imported only where such a registry is asked
    from tidewaiter.aws.chain import Chain
    from tidewaiter.image.blob import Registry
    from tidewaiter.registry.client import RegistryClient


class Registries:
    """All registries, `image.blob.Registry`: connections, tokens and sessions serve the next image too. Thread-safe.

    A private registry of ECR is asked in the region and account that its host names, with the credentials that AWS'
    own tools would use. Where these are refused and the user has logged in there with Docker, that login is used.
    ECR Public is open to all, and asked like any other.
    """

    def __init__(self, *, insecure: bool) -> None:
        self._insecure = insecure
        self._stack = ExitStack()
        self._ecr: dict[str, Registry] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def reference(self, text: str) -> Reference:
        """The reference that `text` spells, with all defaults filled in. Raises UsageError."""
        return parse_reference(text)

    def manifest(self, reference: Reference, *, ceiling: int) -> tuple[bytes, str]:
        """The manifest or index that the reference's digest, else its tag, names: its bytes and its media type."""
        registry = self._of(reference)
        try:
            return registry.manifest(reference, ceiling=ceiling)
        except RegistryDeniedError:
            if registry is self._docker or not self._logged_in(reference):
                raise
        self._ecr[reference.registry] = self._docker
        return self._docker.manifest(reference, ceiling=ceiling)

    def blob(self, reference: Reference, digest: Digest, size: int) -> BinaryIO:
        """The blob's bytes as a stream, as `image.blob.Registry` promises."""
        return self._of(reference).blob(reference, digest, size)

    def _of(self, reference: Reference) -> "Registry":
        from tidewaiter.aws.hosts import parse_host

        host = reference.registry
        with self._lock:
            if parse_host(host) is None:
                return self._docker
            if host not in self._ecr:
                self._ecr[host] = self._ecr_source(host)
            return self._ecr[host]

    def _ecr_source(self, host: str) -> "Registry":
        from tidewaiter.aws.targets import registry_of
        from tidewaiter.fleet.pull import EcrSource

        source = EcrSource(registry_of(self._chain, host))
        self._stack.callback(source.close)
        return source

    @cached_property
    def _chain(self) -> "Chain":
        from tidewaiter.aws.chain import Chain

        return Chain.ambient()

    @cached_property
    def _docker(self) -> "RegistryClient":
        from tidewaiter.registry.client import RegistryClient

        return self._stack.enter_context(RegistryClient(insecure=self._insecure))

    def _logged_in(self, reference: Reference) -> bool:
        """Whether Docker's configuration has a login there."""
        from tidewaiter.registry.credentials import ConfiguredKeychain

        keychain = ConfiguredKeychain.of_user()
        return keychain.find(reference.registry, reference.repository) is not None

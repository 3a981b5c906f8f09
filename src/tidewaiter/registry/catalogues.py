"""The names of a registry's repositories, from wherever its kind tells them.

The catalogue of the Docker API is often only for administrators, or absent; many kinds have an interface of their own.
"""

from collections.abc import Iterator

from tidewaiter.registry.client import RegistryClient
from tidewaiter.registry.credentials import Credential
from tidewaiter.registry.kinds import Base, Kind
from tidewaiter.registry.transport import Waiting


def catalogue(
    kind: Kind,  # noqa: ARG001
    base: Base,
    credential: Credential | None,  # noqa: ARG001
    client: RegistryClient,
    waiting: Waiting | None,  # noqa: ARG001
) -> Iterator[str]:
    """All names."""
    yield from client.catalog(base.registry)

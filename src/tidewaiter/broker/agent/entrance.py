"""A connection from inside: what every kind of registry gives once it is entered."""

from collections.abc import Iterator
from typing import Protocol

from tidewaiter.aws.registries import Found, RegistryApi
from tidewaiter.broker.agent.redaction import Redact
from tidewaiter.broker.messages import Probe
from tidewaiter.model.cloud import Identity


class Entrance(Protocol):
    """A connection, entered as one identity. Thread-safe.

    Its methods block, and raise CloudError, CloudDeniedError and UsageError.
    """

    @property
    def redact(self) -> Redact:
        """Takes what must never be shown out of a text."""
        ...

    def identity(self) -> Identity:
        """Who asks, without any external ID."""
        ...

    def prove(self) -> None:
        """Raise an error where the credentials do not open anything."""
        ...

    def found(self) -> Iterator[Found]:
        """All registries of the connection, and what could not be entered, as they are come upon."""
        ...

    def registry(self, host: str) -> RegistryApi:
        """The registry at `host`; without one, the only one there is. Nothing is asked of one that is named."""
        ...

    def probes(self) -> Iterator[Probe]:
        """What works and what does not, each thing really tried."""
        ...

"""Who asks AWS, as the rest of this folder needs it: `chain.Chain` is one, and tests have others in memory."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, Self

from tidewaiter.model.cloud import Identity, RoleHop


class Principal(Protocol):
    """AWS, asked as one identity. Thread-safe.

    All methods raise CloudError, or CloudDeniedError where AWS refuses. An action is written as IAM does:
    `ecr:BatchGetImage`. `resource` is the ARN that a refusal's statement shall name.
    """

    def identity(self) -> Identity:
        """Who asks."""
        ...

    def then(self, hop: RoleHop, *, policy: str = "", region: str = "") -> Self:
        """The session of one more role; nothing is sent before it is used. Raises UsageError for an impossible hop."""
        ...

    def call(
        self, service: str, region: str, action: str, arguments: Mapping[str, object], *, resource: str = "*"
    ) -> Mapping[str, Any]:
        """The answer to one call."""
        ...

    def pages(
        self, service: str, region: str, action: str, arguments: Mapping[str, object], *, resource: str = "*"
    ) -> Iterator[Mapping[str, Any]]:
        """The pages of a listing, empty ones too."""
        ...

"""What gives a chain its credentials: the surroundings (`ambient.py`), or a role that is assumed (`assumed.py`)."""

from typing import Protocol

from botocore.credentials import Credentials


class Source(Protocol):
    """Where a chain's credentials come from. `principal` and `provider` are "" until they are known."""

    principal: str

    @property
    def provider(self) -> str:
        """What gives the credentials, for the user."""
        ...

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        ...

    @property
    def is_role(self) -> bool:
        """True where the credentials, once loaded, are a session's."""
        ...

    def load(self) -> Credentials:
        """Credentials that renew themselves. Raises CloudError."""
        ...

"""What boto3 needs to be told once: where credentials come from, how calls are retried, whom to ask before each.

All clients of one run share what botocore reads from its files of service models.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.client import BaseClient
from botocore.config import Config
from botocore.credentials import CredentialResolver, Credentials
from botocore.loaders import Loader, create_loader
from botocore.session import Session

from tidewaiter import __version__
from tidewaiter.aws.limiter import Limiter

FEWEST_ATTEMPTS: Final = 8
"""Describe calls of a large account are throttled often; botocore's own default of 3 gives up too early."""

THROTTLED: Final = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "EC2ThrottledException",
        "SlowDown",
    }
)
"""The codes by which AWS says that it was called too often."""

_CONNECTIONS = 50
_CONNECT_SECONDS = 10
_READ_SECONDS = 60


class Sessions:
    """Makes botocore's sessions for one ambient identity and all roles that come from it."""

    def __init__(self, *, profile: str = "", attempts: int = FEWEST_ATTEMPTS) -> None:
        self._profile = profile
        self._loader: Loader = create_loader()
        self._config = Config(
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=_CONNECTIONS,
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            tcp_keepalive=True,
            user_agent_extra=f"tidewaiter/{__version__}",
        )

    def ambient(self, region: str) -> Session:
        """A session that looks for credentials where boto3 does, and asks the STS of this region where it needs one."""
        session = Session(profile=self._profile or None)
        session.register_component("data_loader", self._loader)
        # Tokens of the global endpoint fail in regions that had to be opted into.
        session.set_config_variable("sts_regional_endpoints", "regional")
        if region:
            session.set_config_variable("region", region)
        return session

    def holding(self, credentials: Credentials) -> Session:
        """A session with these credentials."""
        session = self.ambient("")
        session.register_component("credential_provider", CredentialResolver([_Held(credentials)]))
        return session

    def client(self, session: Session, service: str, region: str) -> BaseClient:
        """A client of a service in a region."""
        return session.create_client(service, region_name=region, config=self._config)


class _Held:
    """Credentials that are there already, as botocore wants to be given them."""

    METHOD = "held"

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def load(self) -> Credentials:
        return self._credentials


class Clients:
    """The clients of one set of credentials: one a service and region. Methods may be called from many threads."""

    def __init__(self, sessions: Sessions, credentials: Credentials, pace: "Pace") -> None:
        self.credentials = credentials
        self._sessions = sessions
        self._session = sessions.holding(credentials)
        self._pace = pace
        self._lock = threading.Lock()
        self._made: dict[tuple[str, str], BaseClient] = {}

    def client(self, service: str, region: str) -> BaseClient:
        """The client of a service in a region, which keeps to the pace."""
        with self._lock:
            made = self._made.get((service, region))
            if made is None:
                made = self._sessions.client(self._session, service, region)
                self._pace.keep(made, region)
                self._made[service, region] = made
            return made


@dataclass(frozen=True, slots=True)
class Pace:
    """Makes clients ask the limiter before every attempt, also those that botocore repeats by itself."""

    limiter: Limiter
    account: str

    def keep(self, client: BaseClient, region: str) -> None:
        """Hang the limiter into the client's events: `before-send.SERVICE.OPERATION` and `needs-retry.…`."""

        def before_send(event_name: str, **_: Any) -> None:
            self.limiter.wait(self.account, region, _operation(event_name))

        def needs_retry(event_name: str, response: tuple[object, Mapping[str, Any]] | None, **_: Any) -> None:
            if response is not None and response[1].get("Error", {}).get("Code") in THROTTLED:
                self.limiter.throttled(self.account, region, _operation(event_name))

        client.meta.events.register("before-send", before_send)
        client.meta.events.register("needs-retry", needs_retry)


def _operation(event_name: str) -> str:
    return event_name.rpartition(".")[2]

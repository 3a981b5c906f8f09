"""What a broker client is told: its server, its agent, and the connections whose credentials it holds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tidewaiter.broker.credentials import encode
from tidewaiter.broker.messages import Credentials
from tidewaiter.broker.tls import PortSettings

DEFAULT_PORT = 7341
DEFAULT_AGENT_URL = "http://127.0.0.1:17500"
VARIABLES = (
    "CR_CREDENTIALS",
    "CR_TYPE",
    "CR_ROLE_ARN",
    "CR_REGION",
    "CR_EXTERNAL_ID",
    "CR_BASE",
    "CR_USERNAME",
    "CR_PASSWORD",
    "CR_TOKEN",
)
"""All that a connection can declare."""


@dataclass(frozen=True, kw_only=True)
class Connection:
    """One registry account: the token that stands for it at the server, and what enters it.

    `name` is how the platform calls it, where that is known here; the server says so once it has seen the token.
    `encoded` are credentials that were given as they are to be sent; they go before `credentials`.
    """

    token: str = field(repr=False)
    credentials: Credentials = field(repr=False)
    name: str = ""
    encoded: str = field(default="", repr=False)

    @cached_property
    def variables(self) -> Mapping[str, str]:
        """The closed list of what a request may have filled in: what this connection declares, and nothing else."""
        told = self.credentials
        values = (
            self.encoded or encode(told),
            told.type,
            told.role_arn,
            told.extra.region,
            told.extra.external_id,
            told.registry_base,
            told.username,
            told.password,
            told.token,
        )
        return {name: value for name, value in zip(VARIABLES, values, strict=True) if value}

    @property
    def secrets(self) -> tuple[str, ...]:
        """What may stand in no log and no answer."""
        told = self.credentials
        values = (self.token, self.variables["CR_CREDENTIALS"], told.extra.external_id, told.password, told.token)
        return tuple(value for value in values if value)


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """How long the client waits, in seconds."""

    first: float = 0.5
    """At most so long before it connects again for the first time; twice that for the second, up to `longest`."""
    longest: float = 30.0
    refused: float = 60.0
    """Between two tries with a token that was refused."""
    connecting: float = 20.0
    """Until a connection stands and the server has answered the greeting."""
    leaving: float = 20.0
    """Until what is under way has to be done before the client ends, or an old tunnel is let go."""


@dataclass(frozen=True, kw_only=True)
class ClientSettings(PortSettings):
    """All of a client's settings. `reread` gives the connections anew when the client is told to (SIGHUP).

    `client_url` is where the agent reaches the local port, where that is not what `host` and `port` say. `rules` is
    the path of a rules file; without one the agent's own paths are allowed. The certificate is shown to the agent too,
    if it asks for one; `authorities` is a file of certificates that are trusted too. `plaintext` allows to send secrets
    over http to elsewhere.
    """

    server_url: str
    connections: tuple[Connection, ...]
    agent_url: str = DEFAULT_AGENT_URL
    client_url: str = ""
    port: int = DEFAULT_PORT
    rules: str = ""
    authorities: str = ""
    plaintext: bool = False
    replica: str = ""
    waiting: Waiting = Waiting()
    reread: Callable[[], tuple[Connection, ...]] | None = field(default=None, repr=False)

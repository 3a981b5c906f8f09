"""What a broker server is told."""

import re
from dataclasses import dataclass, field

from tidewaiter.errors import UsageError

DEFAULT_PORT = 7340
_SHORTEST_KEY = 16
_KEY = re.compile(rf"[!-~]{{{_SHORTEST_KEY},}}")
_ADVICE = "Make one with `openssl rand -hex 32`"


@dataclass(frozen=True, kw_only=True)
class Ceilings:
    """How much of what a server takes, and for how long it waits; times in seconds, sizes in bytes."""

    greeting: float = 10.0
    """Until a client that connected has said which tokens it holds."""
    greeters: int = 64
    """Clients that have connected and have not said it yet."""
    replicas: int = 32
    """Tunnels that carry the same connection at this server."""
    heartbeat: float = 10.0
    """Between two signs of life of a tunnel."""
    deadline: float = 60.0
    """For a request that brings none of its own."""
    longest: float = 3600.0
    """For any request."""
    kept_in_memory: int = 8 << 20
    """The body of a request that can be sent again, to another replica or server."""
    wait: float = 300.0
    """For results that have not come yet."""
    listed: int = 1000
    """Results in one answer."""
    deliveries: int = 32
    """Results of one connection that are being delivered: part of each is in memory."""
    quota: int = 4 << 30
    """What waits of one connection."""
    kept: float = 7 * 86400.0
    """For a result that nobody fetches."""
    broken_off: float = 3600.0
    """For a result that was never delivered to its end."""
    grace: float = 10.0
    """For what is under way when the server is told to stop."""


@dataclass(frozen=True, kw_only=True)
class Beat:
    """How often the server looks around, in seconds."""

    look: float = 2.0
    """Between two looks for revoked tokens, and for results that came by another server."""
    tell: float = 5.0
    """Between two times that it tells the other servers of its tunnels."""
    sweep: float = 60.0
    """Between two times that it drops what is old."""
    dead: float = 40.0
    """After so long without a word, another server is not there; more than clocks may differ."""


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """All of a server's settings. `keys` are what the platform proves itself with; each of them does.

    `advertise` is where the other servers on the same store reach this one; without it this is the only one, or its
    tunnels are its own. `certificate` and `key` make it speak TLS; `authorities` are trusted when it asks the others.
    """

    keys: tuple[str, ...] = field(repr=False)
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    advertise: str = ""
    certificate: str = ""
    key: str = ""
    authorities: str = ""
    ceilings: Ceilings = Ceilings()
    beat: Beat = Beat()

    def __post_init__(self) -> None:
        if not self.keys:
            raise UsageError("the broker server has no API key", advice=f"{_ADVICE}, and give it to the platform too")
        if not all(_KEY.fullmatch(key) for key in self.keys):
            what = f"an API key has at least {_SHORTEST_KEY} characters, all of them visible ASCII"
            raise UsageError(what, where="the broker server's API keys", advice=_ADVICE)

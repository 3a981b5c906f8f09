"""What an agent is told: where it listens, who may ask it, how much it does at a time, where it keeps results."""

import os
from dataclasses import dataclass, field

from tidewaiter.broker.agent.ceilings import Ceilings
from tidewaiter.broker.tls import PortSettings
from tidewaiter.image.limits import Limits

DEFAULT_PORT = 17500


def default_folder() -> str:
    """The folder of the agent's results and layers: in the user's data folder."""
    data = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    return os.path.join(data, "tidewaiter", "agent")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings(PortSettings):
    """All of an agent's settings.

    `authorities` is a file of those that the client's port is believed by. `callback` is that port as a URL, for
    requests that do not name it. `folder` keeps results until they are delivered, and what was read of layers.
    `requests` are answered at a time, more are refused. `profile` and `sts_regions` are for the agent's own identity.
    """

    port: int = DEFAULT_PORT
    authorities: str = ""
    callback: str = ""
    ceilings: Ceilings = field(default_factory=Ceilings)
    limits: Limits = field(default_factory=Limits)
    folder: str = field(default_factory=default_folder)
    requests: int = 256
    profile: str = ""
    sts_regions: tuple[str, ...] = ()

"""From a connection's credentials to its registries: each connection is entered as its own identity, and no other's."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from tidewaiter.aws.principal import Principal
from tidewaiter.broker.agent.docker_entrance import DockerEntrance
from tidewaiter.broker.agent.ecr_entrance import EcrEntrance
from tidewaiter.broker.agent.entrance import Entrance
from tidewaiter.broker.credentials import ECR
from tidewaiter.broker.messages import Credentials
from tidewaiter.broker.secrets import Secrets

_MOST = 1_000  # connections that are remembered; one more only has to sign in again


class Entrances:
    """The ways into connections' registries; the latest are remembered, with their sessions. Thread-safe.

    `chain` gives the agent's own identity; it may block. `told` are the secrets that the journal takes out of its
    lines: those of connections are added.
    """

    def __init__(self, chain: Callable[[], Principal], *, told: Secrets | None = None) -> None:
        self._chain = chain
        self._told = told or Secrets()
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Entrance] = OrderedDict()

    def enter(self, connection: str, credentials: Credentials) -> Entrance:
        """The way in of a connection with these credentials. Nothing is asked yet. Raises UsageError."""
        via = f"{connection}#{_hash(credentials)}"
        with self._lock:
            entrance = self._known.pop(via, None)
            if entrance is None:
                entrance = self._new(credentials, via)
                self._told.add(credentials.extra.external_id, credentials.password, credentials.token)
            self._known[via] = entrance
            while len(self._known) > _MOST:
                self._known.popitem(last=False)
            return entrance

    def base(self) -> Principal:
        """The agent's own identity. Raises UsageError, as for a profile that is not there."""
        return self._chain()

    def _new(self, credentials: Credentials, via: str) -> Entrance:
        if credentials.type == ECR:
            return EcrEntrance(self._chain, credentials, via)
        return DockerEntrance(credentials, via)


def _hash(credentials: Credentials) -> str:
    return hashlib.sha256(msgspec.json.encode(credentials)).hexdigest()[:32]

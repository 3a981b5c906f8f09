"""The tunnels that this server holds, and which connections each carries."""

import asyncio
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from tidewaiter.broker.server.desk import revoked
from tidewaiter.broker.tunnel import Tunnel
from tidewaiter.broker.wire import Code, Dropped
from tidewaiter.errors import BrokerError
from tidewaiter.store.records import TunnelRow


@dataclass(eq=False, kw_only=True)
class Session:
    """One tunnel. `connections` are those that its client proved, by name, each with the hash of its token."""

    replica: str
    since: datetime
    connections: dict[str, bytes]
    tunnel: Tunnel = field(init=False)
    """Set by who opens it: the tunnel's handler needs to know its session."""
    key: str = field(default_factory=lambda: secrets.token_hex(8))
    revoked: set[str] = field(default_factory=set)
    """Those of them whose tokens were revoked since."""
    leaving: bool = False
    """The client said that it goes: it gets nothing new."""

    def check(self, connection: str) -> None:
        """Raises BrokerError where the tunnel does not carry this connection."""
        if connection in self.revoked:
            raise revoked(connection)
        if connection not in self.connections:
            raise BrokerError("this tunnel does not carry that connection", code=Code.REFUSED)

    @property
    def busy(self) -> bool:
        """Whether anything is under way in it, in either direction."""
        return bool(self.tunnel.load or self.tunnel.answering)

    def rows(self) -> Iterable[TunnelRow]:
        """What other servers are told of it."""
        for name in self.connections:
            yield TunnelRow(
                key=self.key, connection=name, replica=self.replica, load=self.tunnel.load, since=self.since
            )


class Tunnels:
    """All sessions of this server. `changed` is set when one comes or goes."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._carrying: dict[str, list[Session]] = {}
        self.changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def sessions(self) -> Sequence[Session]:
        """All of them, now."""
        return tuple(self._sessions.values())

    @property
    def hashes(self) -> Mapping[bytes, str]:
        """The tokens that all of them proved, with the connections that these stand for."""
        return {proof: name for each in self.sessions for name, proof in each.connections.items()}

    def rows(self) -> list[TunnelRow]:
        """What other servers are told of them."""
        return [row for each in self.sessions for row in each.rows()]

    def add(self, session: Session) -> None:
        """A tunnel was opened."""
        self._sessions[session.key] = session
        for name in session.connections:
            self._carrying.setdefault(name, []).append(session)
        self.changed.set()

    def remove(self, session: Session) -> None:
        """A tunnel ended."""
        if self._sessions.pop(session.key, None) is None:
            return
        for name in tuple(session.connections):
            self.let_go(session, name)
        self.changed.set()

    def least_busy(self, connection: str, tried: Collection[str]) -> Session | None:
        """Who gets the next request of the connection; None where nobody is left. `tried` are keys."""
        chosen = None
        for each in self._carrying.get(connection, ()):
            if each.key in tried or each.leaving:
                continue
            if chosen is None or each.tunnel.load < chosen.tunnel.load:
                chosen = each
        return chosen

    def carriers(self, connection: str) -> int:
        """How many tunnels carry the connection."""
        return len(self._carrying.get(connection, ()))

    async def drop(self, connection: str, proof: bytes, reason: str) -> None:
        """The connection's token of this hash was revoked: whoever carries the connection by it is told."""
        for each in self.sessions:
            if each.connections.get(connection) == proof:
                self.let_go(each, connection)
                each.revoked.add(connection)
                with suppress(BrokerError):  # it is ending by itself
                    await each.tunnel.tell(Dropped(connection, reason))
        self.changed.set()

    def let_go(self, session: Session, connection: str) -> None:
        """The session carries this connection no more."""
        session.connections.pop(connection, None)
        carriers = self._carrying.get(connection, [])
        if session in carriers:
            carriers.remove(session)
        if not carriers:
            self._carrying.pop(connection, None)

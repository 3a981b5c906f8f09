"""The truth about a client: its tunnel, its agent, and whether each connection's credentials open what they should."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import msgspec

import tidewaiter
from tidewaiter.broker.client.link import Link
from tidewaiter.broker.client.origin import Origin, Outgoing
from tidewaiter.broker.client.settings import Connection
from tidewaiter.broker.messages import CALLBACK, CONNECTION, CREDENTIALS, DEADLINE, Probe, SystemCheck, Trouble
from tidewaiter.broker.streams import gathered
from tidewaiter.broker.tunnel import Reply
from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError

_T = TypeVar("_T")
_QUICK, _THOROUGH = 5.0, 60.0  # seconds that the agent may take
_FRESH = 5.0  # seconds for which an answer stands: who asks more often makes no more work
_AT_A_TIME = 8  # connections
_ANSWER_MOST = 4 << 20  # bytes
_WELL = range(200, 300)


class Healthy(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Whether tunnel and agent are there. The fields of the reference's answer are kept."""

    ok: bool
    websocket_connection_open: bool
    broker_server_url: str
    version: str
    checks: tuple[Probe, ...]


class ConnectionCheck(msgspec.Struct, frozen=True):
    """What works for one connection, on the whole way from the platform to its registries."""

    connection: str
    ok: bool
    checks: tuple[Probe, ...]


class Checkup(msgspec.Struct, frozen=True):
    """What works for all connections."""

    ok: bool
    connections: tuple[ConnectionCheck, ...]


class Health:
    """Asks the agent what works, and knows of the tunnel. `callback` is where the agent reaches this client."""

    def __init__(self, link: Link, agent: Origin, *, server_url: str) -> None:
        self._link = link
        self._agent = agent
        self._server_url = server_url
        self.callback = ""
        self._quick = _Shared(self._look)
        self._thorough = _Shared(self._look_at_all)

    async def quick(self) -> Healthy:
        """Whether tunnel and agent are there."""
        return await self._quick.get()

    async def thorough(self) -> Checkup:
        """Whether each connection's role is taken and its registries are listed: all of it is really tried."""
        return await self._thorough.get()

    async def _look(self) -> Healthy:
        checks = (self._tunnel(), await self._agent_itself())
        return Healthy(
            ok=all(check.ok for check in checks),
            websocket_connection_open=self._link.held is not None,
            broker_server_url=self._server_url,
            version=tidewaiter.__version__,
            checks=checks,
        )

    def _tunnel(self) -> Probe:
        held = self._link.held
        if held is None:
            absence = self._link.absence()
            return Probe(name="tunnel", ok=False, detail=absence.what, advice=absence.advice)
        if not held.connections:
            return Probe(name="tunnel", ok=False, detail="the server has dropped every connection")
        return Probe(name="tunnel", ok=True, detail=f"to {self._server_url}")

    async def _agent_itself(self) -> Probe:
        try:
            reply = await self._asked("/healthcheck", {}, _QUICK)
        except BrokerError as error:
            return Probe(name="agent", ok=False, detail=error.what, advice=error.advice)
        return Probe(name="agent", ok=reply.status in _WELL, detail=f"it answers {reply.status}")

    async def _look_at_all(self) -> Checkup:
        turn = asyncio.Semaphore(_AT_A_TIME)

        async def look_at(number: int, connection: Connection) -> ConnectionCheck:
            async with turn:
                return await self._look_at(number, connection)

        checks = await asyncio.gather(*(look_at(*each) for each in enumerate(self._link.connections, start=1)))
        return Checkup(ok=all(check.ok for check in checks), connections=tuple(checks))

    async def _look_at(self, number: int, connection: Connection) -> ConnectionCheck:
        name = self._proven_name(connection)
        tunnel = self._tunnel()
        if tunnel.ok and not name:
            advice = "Create the connection anew on the platform, and give its token."
            tunnel = Probe(name="tunnel", ok=False, detail="the server refuses the connection's token", advice=advice)
        checks = (tunnel, *await self._agent_with(connection, name))
        shown = name or connection.name or f"number {number}"
        return ConnectionCheck(connection=shown, ok=all(check.ok for check in checks), checks=checks)

    def _proven_name(self, connection: Connection) -> str:
        held = self._link.held
        proven = held.connections.items() if held else ()
        return next((name for name, each in proven if each.token == connection.token), "")

    async def _agent_with(self, connection: Connection, name: str) -> tuple[Probe, ...]:
        headers = {CREDENTIALS: connection.variables["CR_CREDENTIALS"], CALLBACK: self.callback}
        if name or connection.name:
            headers[CONNECTION] = name or connection.name
        try:
            reply = await self._asked("/systemcheck?callback=try", headers, _THOROUGH)
            body = reply.body if isinstance(reply.body, bytes) else await gathered(reply.body, _ANSWER_MOST)
            return msgspec.json.decode(body, type=SystemCheck).checks
        except BrokerError as error:
            return (Probe(name="agent", ok=False, detail=error.what, advice=error.advice),)
        except msgspec.MsgspecError:
            return (_other_words(reply.status, body),)

    async def _asked(self, path: str, headers: dict[str, str], within: float) -> Reply:
        headers[DEADLINE] = f"{within:.3f}"
        try:
            async with asyncio.timeout(within):
                return await self._agent.carry(Outgoing("GET", path, headers))
        except TimeoutError:
            raise BrokerError(f"the agent did not answer within {within:.0f} seconds", code=Code.DEADLINE) from None


def _other_words(status: int, body: bytes) -> Probe:
    """An answer that is no health check: an agent that refuses, or another agent, whose words are its own."""
    detail = f"it answers {status}"
    try:
        trouble = msgspec.json.decode(body, type=Trouble)
    except msgspec.MsgspecError:
        return Probe(name="agent", ok=status in _WELL, detail=detail)
    return Probe(name="agent", ok=False, detail=f"{detail}: {trouble.what}", advice=trouble.advice)


class _Shared(Generic[_T]):
    """What is found out once for all who ask at about the same time."""

    def __init__(self, find: Callable[[], Awaitable[_T]]) -> None:
        self._find = find
        self._finding: asyncio.Task[_T] | None = None
        self._until = 0.0

    async def get(self) -> _T:
        now = asyncio.get_running_loop().time()
        if self._finding is None or (self._finding.done() and now >= self._until):
            self._finding = asyncio.create_task(self._found())
        return await asyncio.shield(self._finding)

    async def _found(self) -> _T:
        found = await self._find()
        self._until = asyncio.get_running_loop().time() + _FRESH
        return found

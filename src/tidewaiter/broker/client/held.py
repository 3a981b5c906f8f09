"""One tunnel of this client: opened with its tokens, used, and let go without cutting what is under way."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress

import tidewaiter
from tidewaiter.broker import wire
from tidewaiter.broker.carrier import Carrier
from tidewaiter.broker.client.settings import Connection
from tidewaiter.broker.greeting import greet
from tidewaiter.broker.journal import fields, journal
from tidewaiter.broker.tunnel import Handler, Tunnel, TunnelSettings
from tidewaiter.broker.wire import Code, Dropped, GoingAway, Hello, Notice, Welcome
from tidewaiter.errors import BrokerError

_log = journal("client")
_SOFTWARE = f"tidewaiter/{tidewaiter.__version__}"
_GOING_AWAY = 1001  # https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1
_SHORTEST_BEAT, _LONGEST_BEAT = 1.0, 60.0  # seconds
_MISSED = 3


class Held:
    """A tunnel, and the connections that the server has proven to be this client's, by name.

    `spent` is set when another tunnel is needed: this one has ended, takes nothing new, or was refused a token.
    """

    def __init__(self, connections: dict[str, Connection], refused: tuple[Connection, ...]) -> None:
        self.connections = connections
        self.refused = refused
        self.revoked: set[str] = set()
        self.since = asyncio.get_running_loop().time()
        self.spent = asyncio.Event()
        self.ended = ""
        self.tunnel: Tunnel
        self._timer: asyncio.TimerHandle | None = None

    def expire_in(self, seconds: float) -> None:
        """Be spent after so long, at the latest."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.spent.set)

    async def carry(self) -> None:
        """Carries until the end; `ended` says why it came."""
        try:
            self.ended = await self.tunnel.run()
        finally:
            self.ended = self.ended or "it was cut off"
            if self._timer is not None:
                self._timer.cancel()
            self.spent.set()

    async def leave(self, within: float) -> None:
        """Takes nothing new, lets what is under way end within so many seconds, and closes."""
        with suppress(BrokerError, TimeoutError):
            async with asyncio.timeout(within):
                await self.tunnel.tell(GoingAway("this client uses another tunnel, or stops"))
                await self.tunnel.idle()
        if not self.ended:
            await self.tunnel.close("the client let it go")

    async def turn_to(self, connections: Iterable[Connection]) -> None:
        """Serves these from now on, as far as the server has proven them; tells it which are not held any more."""
        held = {each.token: each for each in connections}
        gone = [name for name, each in self.connections.items() if each.token not in held]
        for name in gone:
            del self.connections[name]
        self.connections.update({name: held[each.token] for name, each in self.connections.items()})
        with suppress(BrokerError):
            for name in gone:
                await self.tunnel.tell(Dropped(name, "the client does not hold it any more"))

    def noticed(self, notice: Notice) -> None:
        """What the server tells."""
        match notice:
            case Dropped(connection=name, reason=reason):
                self.connections.pop(name, None)
                self.revoked.add(name)
                _log.warning("The server dropped a connection", extra=fields(connection=name, reason=reason))
            case GoingAway(reason=reason):
                _log.info("The server goes away; another tunnel is opened", extra=fields(reason=reason))
                self.spent.set()


async def hold(
    carrier: Carrier,
    connections: tuple[Connection, ...],
    serving: Callable[[Held], Handler],
    *,
    replica: str,
    noticed: Callable[[Held, Notice], None],
) -> Held:
    """A tunnel over the carrier, that the server has let in. It closes the carrier where it raises BrokerError."""
    try:
        welcome = await _welcomed(carrier, connections, replica)
    except BaseException:
        await carrier.close(_GOING_AWAY, "the client was not welcomed")
        raise
    proven = {name: each for name, each in zip(welcome.connections, connections, strict=True) if name}
    refused = tuple(each for name, each in zip(welcome.connections, connections, strict=True) if not name)
    held = Held(proven, refused)
    held.tunnel = Tunnel(
        carrier,
        asks_odd=True,
        handler=serving(held),
        settings=_beating(welcome.heartbeat),
        noticed=lambda notice: noticed(held, notice),
    )
    return held


def _beating(heartbeat: float) -> TunnelSettings:
    """The server says how often both give a sign of life; within reason."""
    beat = min(max(heartbeat, _SHORTEST_BEAT), _LONGEST_BEAT) if heartbeat > 0 else TunnelSettings().heartbeat
    return TunnelSettings(heartbeat=beat, patience=_MISSED * beat)


async def _welcomed(carrier: Carrier, connections: tuple[Connection, ...], replica: str) -> Welcome:
    welcome = await greet(carrier, Hello(wire.VERSION, tuple(each.token for each in connections), replica, _SOFTWARE))
    if not any(welcome.connections):
        what = "the server refused every token"
        advice = "Compare them with what the platform showed; `tidewaiter broker connections create` makes new ones."
        raise BrokerError(what, advice=advice, retry=True, code=Code.UNAUTHORIZED)
    return welcome

"""Keeps a tunnel to the server, for ever: connects, connects again, and hands over from one tunnel to the next."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass

from tidewaiter.broker.carrier import Carrier
from tidewaiter.broker.client.held import Held, hold
from tidewaiter.broker.client.metrics import Metrics
from tidewaiter.broker.client.settings import Connection, Waiting
from tidewaiter.broker.journal import fields, journal
from tidewaiter.broker.tunnel import Answer, Handler, Request
from tidewaiter.broker.wire import Code, Dropped, Notice
from tidewaiter.errors import BrokerError

_log = journal("client")
_SELDOM = 16
"""Tokens that are refused again and again are tried so many times more seldom in the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """How long is waited, and how; tests give their own."""

    between: Callable[[float, float], float] = random.uniform
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Link:
    """The way to the server. `dial` opens a carrier, `serving` makes the handler of a tunnel's requests."""

    def __init__(
        self,
        connections: tuple[Connection, ...],
        dial: Callable[[], Awaitable[Carrier]],
        serving: Callable[[Held], Handler],
        *,
        replica: str,
        metrics: Metrics,
        waiting: Waiting | None = None,
        chance: Chance | None = None,
    ) -> None:
        self.connections = connections
        self.held: Held | None = None
        self.trouble: BrokerError = BrokerError("the client has not connected yet", code=Code.NOT_CONNECTED)
        """Why there is no tunnel, where there is none."""
        self.tried = asyncio.Event()
        """Set after the first try to connect."""
        self._dial = dial
        self._serving = serving
        self._replica = replica
        self._metrics = metrics
        self._waiting = waiting or Waiting()
        self._chance = chance or Chance()
        self._tasks: set[asyncio.Task[None]] = set()
        self._refusals = 0
        self._failures = 0
        self._turned_away = False
        self._renewed = asyncio.Event()

    async def run(self) -> None:
        """Keeps a tunnel until cancelled; then what is under way has `leaving` seconds to end."""
        try:
            while True:
                held = await self._connected()
                self._take_up(held)
                await held.spent.wait()
                self._count(held)
        finally:
            await self._leave()

    async def ask(self, request: Request, body: bytes | AsyncIterator[bytes] = b"") -> Answer:
        """The server's answer. Raises BrokerError: not-connected, or what the tunnel's `ask` raises."""
        if self.held is None:
            raise self.absence()
        return await self.held.tunnel.ask(request, body)

    def absence(self) -> BrokerError:
        """That there is no tunnel now, and why."""
        what = f"there is no tunnel to {self.trouble.where or 'the server'}: {self.trouble.what}"
        return BrokerError(what, advice=self.trouble.advice, retry=True, code=Code.NOT_CONNECTED)

    def renew(self, connections: tuple[Connection, ...]) -> None:
        """Serves these connections from now on, over a new tunnel; what is under way goes on in the old one."""
        self.connections = connections
        self._refusals = self._failures = 0
        self._turned_away = False
        self._renewed.set()
        if self.held is not None:
            self._start(self.held.turn_to(connections))
            self.held.spent.set()

    # Connecting

    async def _connected(self) -> Held:
        """A tunnel that stands, however long it takes."""
        while True:
            await self._pause()
            try:
                return await self._connect()
            except BrokerError as error:
                self._failed(error)
            finally:
                self.tried.set()

    async def _pause(self) -> None:
        """Full jitter, so that many clients that lost the same server do not all come back at once.

        Connections that are read anew end it.
        """
        seconds = self._seconds()
        if not seconds:
            return
        self._renewed.clear()
        pause = asyncio.ensure_future(self._chance.sleep(seconds))
        renewed = asyncio.ensure_future(self._renewed.wait())
        try:
            await asyncio.wait((pause, renewed), return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()
            renewed.cancel()

    def _seconds(self) -> float:
        if self._turned_away:
            return self._seldom()
        longest = min(self._waiting.longest, self._waiting.first * (1 << min(max(self._failures - 1, 0), 30)))
        return self._chance.between(0.0, longest) if self._failures else 0.0

    def _seldom(self) -> float:
        """Seconds until a token that was refused is shown again."""
        more = min(1 << min(max(self._refusals - 1, 0), 30), _SELDOM)
        return self._chance.between(0.5, 1.0) * self._waiting.refused * more

    async def _connect(self) -> Held:
        self._metrics.attempts.inc()
        within, shown = self._waiting.connecting, self.connections
        try:
            async with asyncio.timeout(within):
                carrier = await self._dial()
                held = await hold(carrier, shown, self._serving, replica=self._replica, noticed=self._noticed)
        except TimeoutError:
            what = f"the server did not answer within {within:.0f} seconds"
            raise BrokerError(what, retry=True, code=Code.DEADLINE) from None
        if shown is not self.connections:  # they were read anew meanwhile
            held.spent.set()
        return held

    def _failed(self, error: BrokerError) -> None:
        self._failures += 1
        self._turned_away = error.code == Code.UNAUTHORIZED
        self._refusals += self._turned_away
        self.trouble = error
        self._metrics.failures.labels(error.code).inc()
        _log.warning("No tunnel to the server", extra=fields(error=str(error), code=error.code, tries=self._failures))

    # Holding

    def _take_up(self, held: Held) -> None:
        """From now on this tunnel; the one before is let go."""
        previous, self.held = self.held, held
        self._turned_away = False
        self._metrics.tunnels.inc()
        self._metrics.up.set(1)
        self._start(self._carry(held))
        if previous is not None:
            self._start(previous.leave(self._waiting.leaving))
        _log.info("A tunnel to the server stands", extra=fields(connections=", ".join(sorted(held.connections))))
        self._look_at_tokens(held)

    def _look_at_tokens(self, held: Held) -> None:
        """Says which tokens were refused, and shows them again some time, over a new tunnel."""
        self._refusals = self._refusals + 1 if held.refused else 0
        self._count_connections(held)
        for each in held.refused:
            at = self.connections.index(each) if each in self.connections else 0
            _log.error("The server refused a token", extra=fields(connection=each.name or f"number {at + 1}"))
        if held.refused:
            held.expire_in(self._seldom())

    def _count_connections(self, held: Held) -> None:
        self._metrics.connections.labels("proven").set(len(held.connections))
        self._metrics.connections.labels("refused").set(len(held.refused))
        self._metrics.connections.labels("revoked").set(len(held.revoked))

    def _noticed(self, held: Held, notice: Notice) -> None:
        held.noticed(notice)
        if isinstance(notice, Dropped):
            self._refusals += 1
            self._count_connections(held)
            held.expire_in(self._seldom())

    async def _carry(self, held: Held) -> None:
        await held.carry()
        if self.held is held:
            self.held = None
            self.trouble = BrokerError(held.ended, retry=True, code=Code.LOST)
            self._metrics.up.set(0)
            self._metrics.lost.inc()
            _log.warning("The tunnel to the server ended", extra=fields(reason=held.ended))

    def _count(self, held: Held) -> None:
        """A tunnel that did not last is one more failure; and who is sent away comes back at a moment of its own."""
        lasted = asyncio.get_running_loop().time() - held.since
        self._failures = self._failures + 1 if held.ended and lasted < self._waiting.longest else 1

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _leave(self) -> None:
        held, self.held = self.held, None
        if held is not None:
            self.trouble = BrokerError("the client is about to stop", retry=True, code=Code.NOT_CONNECTED)
            self._metrics.up.set(0)
            await held.leave(self._waiting.leaving)
        await asyncio.gather(*self._tasks)

"""Requests in both directions over one carrier, many at a time, none of them in another's way."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass

from tidewaiter.broker import wire
from tidewaiter.broker.answering import Answering, Handler, Reply
from tidewaiter.broker.asking import Answer, Asking
from tidewaiter.broker.carrier import Carrier
from tidewaiter.broker.journal import journal
from tidewaiter.broker.outbox import Outbox
from tidewaiter.broker.streams import Body, Room, close
from tidewaiter.broker.wire import Code, Notice, Request
from tidewaiter.errors import BrokerError

__all__ = ["Answer", "Body", "Handler", "Reply", "Request", "Tunnel", "TunnelSettings"]

_log = journal("tunnel")

# Close codes of WebSockets: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1
_NORMAL, _PROTOCOL_ERROR, _INTERNAL_ERROR = 1000, 1002, 1011


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelSettings:
    """Times in seconds, sizes in bytes.

    `heartbeat`: between two pings; `patience`: how long nothing may come from the other side, or go to it. `streams`:
    requests under way in each direction. `window`: what may be on its way in one body that is being read; `memory`: in
    all of them, beyond the first `wire.FIRST_CREDIT` of each. `closing`: how long the end may take.
    """

    heartbeat: float = 15.0
    patience: float = 45.0
    streams: int = 512
    window: int = 2 << 20
    memory: int = 64 << 20
    closing: float = 2.0


class Tunnel:
    """One side of a tunnel. `run` has to run for anything to come or go.

    `asks_odd`: whether this side's requests have odd numbers; the other side's are even. `noticed` is called with what
    the other side tells of connections and itself. `round_trip`: seconds of the last ping, 0 before. `ended`: why it
    ended, "" before, and where `run` was cancelled before there was a reason.
    """

    def __init__(
        self,
        carrier: Carrier,
        *,
        asks_odd: bool,
        handler: Handler,
        settings: TunnelSettings | None = None,
        noticed: Callable[[Notice], None] = lambda _: None,
    ) -> None:
        self._carrier = carrier
        self._settings = settings or TunnelSettings()
        self._noticed = noticed
        self._outbox = Outbox(carrier, lambda: self._stop("the other side of the tunnel does not read"))
        self._room = Room(self._settings.memory)
        self._mine = int(asks_odd)
        most = self._settings.streams
        self._asking = Asking(self._outbox, self._body, self._one_less, first=2 - self._mine, most=most)
        self._answering = Answering(self._outbox, self._body, handler, self._one_less, parity=1 - self._mine, most=most)
        self._stopped: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._over = asyncio.Event()
        self._calm = asyncio.Event()
        self._running = False
        self._ended = ""
        self._quiet = False
        self._mark = 0
        self.round_trip = 0.0
        self.ended = ""

    @property
    def load(self) -> int:
        """Requests of this side that are under way."""
        return len(self._asking)

    @property
    def answering(self) -> int:
        """Requests of the other side that are under way."""
        return len(self._answering)

    async def run(self) -> str:
        """Carries until the end, and returns why it ended. What was under way ends with BrokerError (lost)."""
        self._running = True
        tasks = [asyncio.create_task(work) for work in (self._read(), self._outbox.run(), self._beat())]
        try:
            waited: Iterable[asyncio.Future[None] | asyncio.Future[str]] = (*tasks, self._stopped)
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.ended, code = self._why(tasks)
            await self._finish(tasks, self.ended or "this side is ending", code)
        return self.ended

    async def close(self, reason: str) -> None:
        """Ends the tunnel, with what was told before; returns when all is over."""
        self._stop(reason)
        if not self._running:
            await self._finish([], reason, _NORMAL)
        await self._over.wait()

    async def idle(self) -> None:
        """Returns when no request of either side is under way, or the tunnel has ended."""
        while (self.load or self.answering) and not self._over.is_set():
            self._calm.clear()
            await self._calm.wait()

    async def tell(self, notice: Notice) -> None:
        """Tells the other side something of connections or of this side. Raises BrokerError (lost)."""
        self._check()
        self._outbox.post(wire.encode_notice(notice))

    async def ask(self, request: Request, body: bytes | AsyncIterator[bytes] = b"") -> Answer:
        """The other side's answer, when its head is here.

        Raises BrokerError: what the other side's handler raised, lost, deadline, busy, too-large, malformed. Cancelled,
        it tells the other side. An error of the body's own iterator ends the request and is raised here, or by the
        answer's reading. The body is closed (`aclose`) where it can be.
        """
        if self._ended:
            await close(body)
        self._check()
        return await self._asking.ask(request, body)

    def _one_less(self) -> None:
        if not self._asking and not self._answering:
            self._calm.set()

    def _check(self) -> None:
        if self._ended:
            raise self._lost()

    def _lost(self) -> BrokerError:
        return BrokerError(f"the tunnel has ended: {self._ended}", code=Code.LOST, retry=True)

    def _body(self, number: int) -> Body:
        return Body(number, self._outbox, self._room, self._settings.window)

    async def _read(self) -> None:
        while True:
            frame = await self._carrier.receive()
            self._quiet = False
            self._take(wire.decode(frame))

    def _take(self, frame: wire.Frame) -> None:
        match frame:
            case wire.Data() | wire.Credit() | wire.ResetAt():
                side = self._asking if frame.stream % 2 == self._mine else self._answering
                side.take(frame)
            case wire.Opened():
                self._answering.opened(frame)
            case wire.Replied():
                self._asking.replied(frame)
            case _:
                self._take_control(frame)

    def _take_control(self, frame: wire.Frame) -> None:
        match frame:
            case wire.Ping():
                self._outbox.post(wire.encode_pong(frame.mark))
            case wire.Pong():
                if frame.mark == self._mark:
                    self.round_trip = asyncio.get_running_loop().time() - self._mark / 1e6
            case wire.Dropped() | wire.GoingAway():
                self._noticed(frame)
            case _:
                raise BrokerError("the tunnel carried a second greeting", code=Code.MALFORMED)

    async def _beat(self) -> None:
        silent = stuck = 0.0
        pause = self._settings.heartbeat
        while max(silent, stuck) < self._settings.patience:
            self._quiet = True
            if not self._outbox.waiting:
                self._mark = int(asyncio.get_running_loop().time() * 1e6)
                self._outbox.post(wire.encode_ping(self._mark))
            sent = self._outbox.sent
            await asyncio.sleep(pause)
            silent = silent + pause if self._quiet else 0.0
            stuck = stuck + pause if self._outbox.waiting and self._outbox.sent == sent else 0.0
        what = "no sign of" if silent >= stuck else "nothing could be sent to"
        raise BrokerError(f"{what} the other side for {max(silent, stuck):.0f} seconds", code=Code.LOST, retry=True)

    def _stop(self, reason: str) -> None:
        if not self._stopped.done():
            self._stopped.set_result(reason)

    def _why(self, tasks: list[asyncio.Task[None]]) -> tuple[str, int]:
        if self._stopped.done():
            return self._stopped.result(), _NORMAL
        failures = [task.exception() for task in tasks if task.done()]
        if not failures:
            return "", _NORMAL
        if isinstance(error := failures[0], BrokerError):
            return str(error), _PROTOCOL_ERROR if error.code == Code.MALFORMED else _NORMAL
        _log.error("The tunnel failed", exc_info=error)
        return "this side of the tunnel failed", _INTERNAL_ERROR

    async def _finish(self, tasks: list[asyncio.Task[None]], reason: str, code: int) -> None:
        self._ended = reason
        under_way = self._asking.end(self._lost) | self._answering.end() | set(tasks)
        for task in tasks:
            task.cancel()
        try:
            if under_way:
                await asyncio.wait(under_way, timeout=self._settings.closing)
            await self._within(self._outbox.flush())
            self._outbox.end()
            await self._within(self._carrier.close(code, reason))
        finally:
            self._outbox.end()
            self._over.set()
            self._calm.set()

    async def _within(self, work: Coroutine[None, None, None]) -> None:
        with suppress(TimeoutError, BrokerError):
            async with asyncio.timeout(self._settings.closing):
                await work

"""Requests in both directions over one carrier, many at a time, none of them in another's way."""

import asyncio
import logging
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from tidewaiter.broker import wire
from tidewaiter.broker.carrier import Carrier
from tidewaiter.broker.outbox import Outbox
from tidewaiter.broker.streams import Allowance, Body
from tidewaiter.broker.wire import CHUNK, Code, Notice, Request
from tidewaiter.errors import BrokerError

__all__ = ["Answer", "Handler", "Reply", "Request", "Tunnel", "TunnelSettings"]

_log = logging.getLogger(__name__)

_NORMAL, _PROTOCOL_ERROR = 1000, 1002


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelSettings:
    """Times in seconds, sizes in bytes.

    `heartbeat`: between two pings; `patience`: how long nothing may come from the other side. `window`: what may be on
    its way in one stream. `streams`: requests under way in each direction. `closing`: how long a close may take.
    """

    heartbeat: float = 15.0
    patience: float = 45.0
    window: int = 2 << 20
    streams: int = 512
    closing: float = 2.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What a handler gives. The body is iterated once, and closed (`aclose`) where it can be."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | AsyncIterator[bytes] = b""


class Handler(Protocol):
    """Answers requests of the other side. Cancelled when the asker is gone or the deadline has passed.

    A BrokerError that it raises is raised by the asker's `ask`, or by the reading of the answer.
    """

    async def __call__(self, request: Request, body: Body) -> Reply:
        """The reply to a request."""
        ...


class _Asked:
    """A request of this side that is under way."""

    __slots__ = ("allowance", "arrived", "body", "error", "head", "number", "pump", "timer")

    def __init__(self, number: int, body: Body, arrived: asyncio.Future[None]) -> None:
        self.number = number
        self.body = body
        self.arrived = arrived
        self.allowance = Allowance()
        self.head: wire.ReplyHead | None = None
        self.error: BaseException | None = None
        self.pump: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None


class _Answering:
    """A request of the other side that is under way."""

    __slots__ = ("allowance", "body", "number", "task", "timer")

    def __init__(self, number: int, body: Body) -> None:
        self.number = number
        self.body = body
        self.allowance = Allowance()
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None


class Answer:
    """A reply of the other side. Read it to its end or close it; `async with` closes it."""

    __slots__ = ("_abandon", "_stream", "headers", "status")

    def __init__(self, stream: _Asked, head: wire.ReplyHead, abandon: Callable[[_Asked], None]) -> None:
        self._stream = stream
        self._abandon = abandon
        self.status = head.status
        self.headers = head.headers

    @property
    def whole(self) -> bytes | None:
        """All of the body, where it came in one piece with the head."""
        return self._stream.body.whole

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes, as fast as it is read. Iteration raises BrokerError where it broke off."""
        return self._stream.body

    async def read(self, most: int) -> bytes:
        """All of the body. Raises BrokerError (too-large) beyond `most` bytes, or where it broke off."""
        chunks, size = [], 0
        async for chunk in self._stream.body:
            size += len(chunk)
            if size > most:
                await self.close()
                raise BrokerError(f"the answer has more than {most} bytes", code=Code.TOO_LARGE)
            chunks.append(chunk)
        return b"".join(chunks)

    async def close(self) -> None:
        """Ends the request where it is not over; the other side's handler is cancelled."""
        self._abandon(self._stream)

    async def __aenter__(self) -> "Answer":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Tunnel:
    """One side of a tunnel. `run` has to run for anything to come or go.

    `asks_odd`: whether this side's requests have odd numbers; the other side's are even. `noticed` is called with what
    the other side tells of connections and itself.
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
        self._handler = handler
        self._settings = settings or TunnelSettings()
        self._noticed = noticed
        self._outbox = Outbox(carrier)
        self._next = 1 if asks_odd else 2
        self._theirs = 0 if asks_odd else 1
        self._newest = 0
        self._asked: dict[int, _Asked] = {}
        self._answering: dict[int, _Answering] = {}
        self._ended: BrokerError | None = None
        self._stopped: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._over = asyncio.Event()
        self._quiet = False
        self._pinged = 0.0
        self.round_trip = 0.0

    @property
    def load(self) -> int:
        """Requests of this side that are under way."""
        return len(self._asked)

    @property
    def answering(self) -> int:
        """Requests of the other side that are under way."""
        return len(self._answering)

    async def run(self) -> str:
        """Carries until the end, and returns why it ended. What was under way ends with BrokerError (lost)."""
        tasks = [asyncio.create_task(work()) for work in (self._read, self._outbox.run, self._beat)]
        reason, code = "this side was cancelled", _NORMAL
        try:
            await asyncio.wait([*tasks, self._stopped], return_when=asyncio.FIRST_COMPLETED)
            reason, code = self._why(tasks)
        finally:
            await self._finish(tasks, reason, code)
        return reason

    async def close(self, reason: str) -> None:
        """Ends the tunnel; returns when all is over."""
        if not self._stopped.done():
            self._stopped.set_result(reason)
        await self._over.wait()

    async def tell(self, notice: Notice) -> None:
        """Tells the other side something of connections or of this side. Raises BrokerError (lost)."""
        self._check()
        await self._outbox.send(wire.encode_notice(notice))

    async def ask(self, request: Request, body: bytes | AsyncIterator[bytes] = b"") -> Answer:
        """The other side's answer, when its head is here.

        Raises BrokerError: what the other side's handler raised, lost, deadline, busy. Cancelled, it tells the other
        side. An error of the body's own iterator ends the request and is raised here, or by the answer's reading.
        """
        stream = self._open(request)
        try:
            await self._send_request(stream, request, body)
            await stream.arrived
            if stream.error is not None:
                raise stream.error
        except BaseException:
            self._abandon(stream)
            raise
        assert stream.head is not None
        return Answer(stream, stream.head, self._abandon)

    # Asking

    def _check(self) -> None:
        if self._ended is not None:
            raise self._ended

    def _open(self, request: Request) -> _Asked:
        self._check()
        if len(self._asked) >= self._settings.streams:
            raise BrokerError("too many requests are under way in this tunnel", code=Code.BUSY, retry=True)
        loop = asyncio.get_running_loop()
        number, self._next = self._next, self._next + 2
        stream = _Asked(number, self._body(number), loop.create_future())
        stream.timer = loop.call_later(request.deadline, self._overdue, stream)
        self._asked[number] = stream
        return stream

    def _body(self, number: int) -> Body:
        return Body(lambda size: self._outbox.post(wire.encode_credit(number, size)), self._settings.window)

    async def _send_request(self, stream: _Asked, request: Request, body: bytes | AsyncIterator[bytes]) -> None:
        if isinstance(body, bytes) and len(body) <= CHUNK:
            stream.allowance.take(len(body))
            await self._outbox.send(wire.encode_request(stream.number, request, body, last=True))
            return
        await self._outbox.send(wire.encode_request(stream.number, request, last=False))
        stream.pump = asyncio.create_task(self._pump(stream, body))

    async def _pump(self, stream: _Asked, body: bytes | AsyncIterator[bytes]) -> None:
        try:
            await self._send_body(stream.number, stream.allowance, body)
        except Exception as error:  # noqa: BLE001 the asker's own error, raised where the asker waits
            self._fail(stream, error)
            self._reset(stream.number, BrokerError("the request's body broke off", code=Code.LOST, retry=True))

    async def _send_body(self, number: int, allowance: Allowance, body: bytes | AsyncIterable[bytes]) -> None:
        if isinstance(body, bytes):
            await self._send_chunk(number, allowance, body)
        else:
            try:
                async for chunk in body:
                    await self._send_chunk(number, allowance, chunk)
            finally:
                if (close := getattr(body, "aclose", None)) is not None:
                    await close()
        await self._outbox.send(wire.encode_data(number, b"", last=True))

    async def _send_chunk(self, number: int, allowance: Allowance, chunk: bytes) -> None:
        rest = memoryview(chunk)
        while rest:
            size = allowance.take(min(len(rest), CHUNK))
            if size:
                await self._outbox.send(wire.encode_data(number, rest[:size], last=False))
                rest = rest[size:]
            else:
                await allowance.more()

    def _overdue(self, stream: _Asked) -> None:
        self._fail(stream, BrokerError("the deadline has passed", code=Code.DEADLINE, retry=True))
        self._reset(stream.number, BrokerError("the deadline has passed", code=Code.DEADLINE))

    def _abandon(self, stream: _Asked) -> None:
        if stream.number in self._asked:
            gone = BrokerError("the asker is gone", code=Code.LOST)
            self._fail(stream, gone)
            self._reset(stream.number, gone)

    def _reset(self, number: int, error: BrokerError) -> None:
        if self._ended is None:
            with suppress(BrokerError):
                self._outbox.post(wire.encode_reset(number, error))

    def _fail(self, stream: _Asked, error: Exception) -> None:
        stream.error = error
        broken = error if isinstance(error, BrokerError) else BrokerError(str(error), code=Code.LOST)
        stream.body.fail(broken)
        self._settle(stream)
        if not stream.arrived.done():
            stream.arrived.set_result(None)

    def _settle(self, stream: _Asked) -> None:
        self._asked.pop(stream.number, None)
        if stream.timer is not None:
            stream.timer.cancel()
        if stream.pump is not None and stream.pump is not asyncio.current_task():
            stream.pump.cancel()

    # Answering

    def _opened(self, frame: wire.Opened) -> None:
        if frame.stream <= self._newest or frame.stream % 2 != self._theirs:
            raise BrokerError("the tunnel carried a request under a wrong number", code=Code.MALFORMED)
        self._newest = frame.stream
        if len(self._answering) >= self._settings.streams:
            busy = BrokerError("too many requests are under way in this tunnel", code=Code.BUSY, retry=True)
            self._outbox.post(wire.encode_reset(frame.stream, busy))
            return
        stream = _Answering(frame.stream, self._body(frame.stream))
        stream.body.feed(frame.chunk, last=frame.last)
        self._answering[frame.stream] = stream
        self._start(stream, self._answer(stream, frame.head), frame.head.deadline)

    def _start(self, stream: _Answering, work: Coroutine[None, None, None], deadline: float) -> None:
        stream.task = asyncio.create_task(work)
        stream.task.add_done_callback(lambda _: self._answered(stream))
        stream.timer = asyncio.get_running_loop().call_later(deadline, self._too_late, stream)

    async def _answer(self, stream: _Answering, request: Request) -> None:
        try:
            reply = await self._handler(request, stream.body)
            await self._send_reply(stream, reply)
        except BrokerError as error:
            self._reset(stream.number, error)
        except Exception:
            _log.exception("A request that came through the tunnel failed")
            self._reset(stream.number, BrokerError("the other side of the tunnel failed", code=Code.FAILED))

    async def _send_reply(self, stream: _Answering, reply: Reply) -> None:
        head = wire.ReplyHead(reply.status, reply.headers)
        if isinstance(reply.body, bytes) and len(reply.body) <= CHUNK:
            await self._outbox.send(wire.encode_reply(stream.number, head, reply.body, last=True))
            return
        await self._outbox.send(wire.encode_reply(stream.number, head, last=False))
        await self._send_body(stream.number, stream.allowance, reply.body)

    def _answered(self, stream: _Answering) -> None:
        self._answering.pop(stream.number, None)
        if stream.timer is not None:
            stream.timer.cancel()

    def _too_late(self, stream: _Answering) -> None:
        self._reset(stream.number, BrokerError("the deadline has passed", code=Code.DEADLINE, retry=True))
        self._cancel(stream)

    def _cancel(self, stream: _Answering) -> None:
        if stream.task is not None:
            stream.task.cancel()

    # Reading

    async def _read(self) -> None:
        while True:
            frame = await self._carrier.receive()
            self._quiet = False
            self._take(wire.decode(frame))

    def _take(self, frame: wire.Frame) -> None:
        match frame:
            case wire.Data():
                self._take_data(frame)
            case wire.Opened():
                self._opened(frame)
            case wire.Replied():
                self._replied(frame)
            case wire.Credit():
                self._take_credit(frame)
            case wire.ResetAt():
                self._take_reset(frame)
            case wire.Ping():
                self._outbox.post(wire.encode_pong(frame.mark))
            case wire.Pong():
                self.round_trip = asyncio.get_running_loop().time() - self._pinged
            case wire.Dropped() | wire.GoingAway():
                self._noticed(frame)
            case _:
                raise BrokerError("the tunnel carried a second greeting", code=Code.MALFORMED)

    def _replied(self, frame: wire.Replied) -> None:
        stream = self._asked.get(frame.stream)
        if stream is None:
            self._check_known(frame.stream)
        elif stream.head is not None:
            raise BrokerError("the tunnel carried two replies to one request", code=Code.MALFORMED)
        else:
            stream.head = frame.head
            stream.body.feed(frame.chunk, last=frame.last)
            stream.arrived.set_result(None)
            if frame.last:
                self._settle(stream)

    def _take_data(self, frame: wire.Data) -> None:
        if (stream := self._asked.get(frame.stream)) is not None:
            stream.body.feed(frame.chunk, last=frame.last)
            if frame.last:
                self._settle(stream)
        elif (answering := self._answering.get(frame.stream)) is not None:
            answering.body.feed(frame.chunk, last=frame.last)
        else:
            self._check_known(frame.stream)

    def _take_credit(self, frame: wire.Credit) -> None:
        stream = self._asked.get(frame.stream) or self._answering.get(frame.stream)
        if stream is None:
            self._check_known(frame.stream)
        else:
            stream.allowance.add(frame.size)

    def _take_reset(self, frame: wire.ResetAt) -> None:
        if (stream := self._asked.get(frame.stream)) is not None:
            reset = frame.reset
            self._fail(stream, BrokerError(reset.what, advice=reset.advice, code=reset.code))
        elif (answering := self._answering.get(frame.stream)) is not None:
            self._cancel(answering)
        else:
            self._check_known(frame.stream)

    def _check_known(self, number: int) -> None:
        newest = self._newest if number % 2 == self._theirs else self._next - 2
        if not 0 < number <= newest:
            raise BrokerError("the tunnel carried a frame of a stream that nobody opened", code=Code.MALFORMED)

    # Ending

    async def _beat(self) -> None:
        silent = 0.0
        while silent < self._settings.patience:
            self._quiet = True
            self._pinged = asyncio.get_running_loop().time()
            if not self._outbox.waiting:
                self._outbox.post(wire.encode_ping(0))
            await asyncio.sleep(self._settings.heartbeat)
            silent = silent + self._settings.heartbeat if self._quiet else 0.0
        raise BrokerError(f"no sign of the other side for {silent:.0f} seconds", code=Code.LOST, retry=True)

    def _why(self, tasks: list[asyncio.Task[None]]) -> tuple[str, int]:
        for task in tasks:
            if task.done() and isinstance(error := task.exception(), BrokerError):
                return str(error), _PROTOCOL_ERROR if error.code == Code.MALFORMED else _NORMAL
            if task.done():
                _log.error("The tunnel failed", exc_info=task.exception())
                return "this side of the tunnel failed", 1011
        return self._stopped.result(), _NORMAL

    async def _finish(self, tasks: list[asyncio.Task[None]], reason: str, code: int) -> None:
        self._ended = BrokerError(f"the tunnel has ended: {reason}", code=Code.LOST, retry=True)
        for stream in list(self._asked.values()):
            self._fail(stream, self._ended)
        work = [stream.task for stream in self._answering.values() if stream.task is not None]
        for task in (*tasks, *work):
            task.cancel()
        try:
            await asyncio.gather(*tasks, *work, return_exceptions=True)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.closing):
                    await self._carrier.close(code, reason)
        finally:
            self._over.set()

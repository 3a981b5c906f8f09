"""The requests of this side of a tunnel, and the answers to them as they come."""

import asyncio
from collections.abc import AsyncIterator, Callable

from tidewaiter.broker import wire
from tidewaiter.broker.outbox import Outbox
from tidewaiter.broker.streams import Body, Sending, close, gathered
from tidewaiter.broker.wire import CHUNK, Code, Request
from tidewaiter.errors import BrokerError


class _Asked:
    """A request that is under way."""

    __slots__ = ("arrived", "body", "error", "head", "number", "pump", "sending", "timer")

    def __init__(self, number: int, body: Body, sending: Sending, arrived: asyncio.Future[None]) -> None:
        self.number = number
        self.body = body
        self.sending = sending
        self.arrived = arrived
        self.head: wire.ReplyHead | None = None
        self.error: Exception | None = None
        self.pump: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None


class Answer:
    """A reply of the other side. Read it to its end or close it; `async with` closes it."""

    __slots__ = ("_abandon", "_body", "headers", "status")

    def __init__(self, head: wire.ReplyHead, body: Body, abandon: Callable[[], None]) -> None:
        self._body = body
        self._abandon = abandon
        self.status = head.status
        self.headers = head.headers

    @property
    def whole(self) -> bytes | None:
        """All of the body, where all of it is here in one piece; a small answer comes so. It can still be iterated."""
        return self._body.whole

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes, as fast as it is read. Iteration raises BrokerError where it broke off."""
        return self._body

    async def read(self, most: int) -> bytes:
        """All of the body. Raises BrokerError (too-large) beyond `most` bytes, or where it broke off."""
        try:
            return await gathered(self._body, most, of="the answer")
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Ends the request where it is not over; the other side's handler is cancelled. May be called twice."""
        self._abandon()

    async def __aenter__(self) -> "Answer":  # noqa: PYI034 nobody derives from it
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Asking:
    """All requests of this side that are under way, `most` at a time.

    `bodies` makes the body of an answer for a stream's number; `ended` is called after each; `first` is the number of
    the first request.
    """

    def __init__(
        self,
        outbox: Outbox,
        bodies: Callable[[int], Body],
        ended: Callable[[], None],
        *,
        first: int,
        most: int,
    ) -> None:
        self._outbox = outbox
        self._ended = ended
        self._bodies = bodies
        self._next = first
        self._most = most
        self._asked: dict[int, _Asked] = {}
        self._pumps: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._asked)

    async def ask(self, request: Request, body: bytes | AsyncIterator[bytes]) -> Answer:
        """The answer, when its head is here. Raises BrokerError, and what the body's iterator raises."""
        try:
            stream = self._open(request)
        except BaseException:
            await close(body)
            raise
        try:
            await self._send(stream, request, body)
            await stream.arrived
        except BaseException:
            self._abandon(stream)
            raise
        if stream.error is not None:
            raise stream.error
        assert stream.head is not None
        return Answer(stream.head, stream.body, lambda: self._abandon(stream))

    def replied(self, frame: wire.Replied) -> None:
        """Takes the head of a reply."""
        stream = self._asked.get(frame.stream)
        if stream is None:
            self._check_known(frame.stream)
            return
        if stream.head is not None:
            raise BrokerError("the tunnel carried two replies to one request", code=Code.MALFORMED)
        stream.head = frame.head
        stream.body.feed(frame.chunk, last=frame.last)
        if not stream.arrived.done():
            stream.arrived.set_result(None)
        if frame.last:
            self._settle(stream)

    def take(self, frame: wire.Data | wire.Credit | wire.ResetAt) -> None:
        """Takes what came for one of these requests; what comes for one that is over is passed over."""
        stream = self._asked.get(frame.stream)
        if stream is None:
            self._check_known(frame.stream)
        elif isinstance(frame, wire.Data):
            self._take_data(stream, frame)
        elif isinstance(frame, wire.Credit):
            stream.sending.add(frame.size)
        else:
            self._fail(stream, frame.reset.error())

    def end(self, reason: Callable[[], BrokerError]) -> set[asyncio.Task[None]]:
        """Ends all of them with an error; what has to be waited for."""
        for stream in list(self._asked.values()):
            self._fail(stream, reason())
        return self._pumps

    def _open(self, request: Request) -> _Asked:
        if len(self._asked) >= self._most:
            raise BrokerError("too many requests are under way in this tunnel", code=Code.BUSY, retry=True)
        if request.deadline <= 0:
            raise _overdue()
        loop = asyncio.get_running_loop()
        number = self._next
        self._next += 2
        stream = _Asked(number, self._bodies(number), Sending(number, self._outbox), loop.create_future())
        self._asked[number] = stream
        stream.timer = loop.call_later(request.deadline, self._too_late, stream)
        return stream

    async def _send(self, stream: _Asked, request: Request, body: bytes | AsyncIterator[bytes]) -> None:
        whole = isinstance(body, bytes) and len(body) <= CHUNK
        first = body if whole and isinstance(body, bytes) else b""
        try:
            frame = wire.encode_request(stream.number, request, first, last=whole)
            await self._send_head(frame, request.deadline)
        except BaseException:
            await close(body)
            raise
        if not whole:
            stream.pump = asyncio.create_task(self._pump(stream, body))
            self._pumps.add(stream.pump)
            stream.pump.add_done_callback(self._pumps.discard)

    async def _send_head(self, frame: bytes, within: float) -> None:
        try:
            async with asyncio.timeout(within):
                await self._outbox.send(frame)
        except TimeoutError:
            raise _overdue() from None

    async def _pump(self, stream: _Asked, body: bytes | AsyncIterator[bytes]) -> None:
        try:
            await stream.sending.send(body)
        except Exception as error:  # noqa: BLE001 whatever the asker's own body raises is raised where the asker waits
            stream.pump = None
            self._drop(stream, error)

    def _take_data(self, stream: _Asked, frame: wire.Data) -> None:
        if stream.head is None:
            raise BrokerError("the tunnel carried a body before its reply", code=Code.MALFORMED)
        stream.body.feed(frame.chunk, last=frame.last)
        if frame.last:
            self._settle(stream)

    def _too_late(self, stream: _Asked) -> None:
        self._drop(stream, _overdue())

    def _abandon(self, stream: _Asked) -> None:
        if stream.number in self._asked:
            self._drop(stream, BrokerError("the asker is gone", code=Code.LOST))
        else:
            stream.body.fail(BrokerError("the answer was closed", code=Code.LOST))

    def _drop(self, stream: _Asked, error: Exception) -> None:
        if stream.number in self._asked:
            self._fail(stream, error)
            self._outbox.post(wire.encode_reset(stream.number, BrokerError("the asker is gone", code=Code.LOST)))

    def _fail(self, stream: _Asked, error: Exception) -> None:
        stream.error = error
        stream.body.fail(error)
        if not stream.arrived.done():
            stream.arrived.set_result(None)
        self._settle(stream)

    def _settle(self, stream: _Asked) -> None:
        del self._asked[stream.number]
        if stream.timer is not None:
            stream.timer.cancel()
        if stream.pump is not None:
            stream.pump.cancel()
        self._ended()

    def _check_known(self, number: int) -> None:
        if number >= self._next or number % 2 != self._next % 2:
            raise BrokerError("the tunnel carried an answer that nobody asked for", code=Code.MALFORMED)


def _overdue() -> BrokerError:
    return BrokerError("the deadline has passed", code=Code.DEADLINE, retry=True)

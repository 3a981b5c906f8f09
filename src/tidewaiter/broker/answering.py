"""The requests of the other side of a tunnel, and the tasks that answer them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

from tidewaiter.broker import wire
from tidewaiter.broker.journal import journal
from tidewaiter.broker.outbox import Outbox
from tidewaiter.broker.streams import Body, Sending, close
from tidewaiter.broker.wire import CHUNK, Code, Request
from tidewaiter.errors import BrokerError

_log = journal("tunnel")


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

    async def __call__(self, request: Request, body: Body, /) -> Reply:
        """The reply to a request."""
        ...


class _Answered:
    """A request that is under way."""

    __slots__ = ("body", "number", "sending", "task", "timer")

    def __init__(self, number: int, body: Body, sending: Sending) -> None:
        self.number = number
        self.body = body
        self.sending = sending
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None


class Answering:
    """All requests of the other side that are under way, `most` at a time: one that is cancelled until it has ended.

    `bodies` makes the body of a request for a stream's number; `ended` is called after each; `parity` is that of the
    other side's numbers.
    """

    def __init__(
        self,
        outbox: Outbox,
        bodies: Callable[[int], Body],
        handler: Handler,
        ended: Callable[[], None],
        *,
        parity: int,
        most: int,
    ) -> None:
        self._outbox = outbox
        self._bodies = bodies
        self._handler = handler
        self._ended = ended
        self._parity = parity
        self._most = most
        self._newest = 0
        self._under_way: dict[int, _Answered] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    def opened(self, frame: wire.Opened) -> None:
        """Takes a request and has it answered."""
        number = frame.stream
        if number <= self._newest or number % 2 != self._parity:
            raise BrokerError("the tunnel carried a request under a wrong number", code=Code.MALFORMED)
        self._newest = number
        if len(self._under_way) >= self._most:
            busy = BrokerError("too many requests are under way in this tunnel", code=Code.BUSY, retry=True)
            self._reset(number, busy)
            return
        stream = _Answered(number, self._bodies(number), Sending(number, self._outbox))
        stream.body.feed(frame.chunk, last=frame.last)
        self._under_way[number] = stream
        stream.timer = asyncio.get_running_loop().call_later(frame.head.deadline, self._too_late, stream)
        stream.task = asyncio.create_task(self._answer(stream, frame.head))
        stream.task.add_done_callback(lambda _: self._over(stream))

    def take(self, frame: wire.Data | wire.Credit | wire.ResetAt) -> None:
        """Takes what came for one of these requests; what comes for one that is over is passed over."""
        stream = self._under_way.get(frame.stream)
        if isinstance(frame, wire.ResetAt):
            if stream is not None and stream.task is not None:
                stream.task.cancel()
        elif stream is None:
            self._check_known(frame.stream)
        elif isinstance(frame, wire.Data):
            stream.body.feed(frame.chunk, last=frame.last)
        else:
            stream.sending.add(frame.size)

    def end(self) -> set[asyncio.Task[None]]:
        """Cancels all of them; what has to be waited for."""
        tasks = {stream.task for stream in self._under_way.values() if stream.task is not None}
        for task in tasks:
            task.cancel()
        return tasks

    async def _answer(self, stream: _Answered, request: Request) -> None:
        try:
            reply = await self._handler(request, stream.body)
            await self._send(stream, reply)
        except BrokerError as error:
            self._reset(stream.number, error)
        except Exception:  # noqa: BLE001 a handler that fails must not leave its asker waiting; it is logged here
            _log.exception("A request that came through the tunnel failed")
            self._reset(stream.number, BrokerError("the other side of the tunnel failed", code=Code.FAILED))

    async def _send(self, stream: _Answered, reply: Reply) -> None:
        head, body = wire.ReplyHead(reply.status, reply.headers), reply.body
        if isinstance(body, bytes) and len(body) <= CHUNK:
            await self._outbox.send(wire.encode_reply(stream.number, head, body, last=True))
            return
        try:
            await self._outbox.send(wire.encode_reply(stream.number, head, last=False))
        except BaseException:
            await close(body)
            raise
        await stream.sending.send(body)

    def _over(self, stream: _Answered) -> None:
        del self._under_way[stream.number]
        stream.body.fail(BrokerError("the request is over", code=Code.LOST))
        if stream.timer is not None:
            stream.timer.cancel()
        self._ended()

    def _too_late(self, stream: _Answered) -> None:
        self._reset(stream.number, BrokerError("the deadline has passed", code=Code.DEADLINE, retry=True))
        if stream.task is not None:
            stream.task.cancel()

    def _reset(self, number: int, error: BrokerError) -> None:
        self._outbox.post(wire.encode_reset(number, error))

    def _check_known(self, number: int) -> None:
        if number > self._newest:
            raise BrokerError("the tunnel carried a frame of a request that nobody opened", code=Code.MALFORMED)

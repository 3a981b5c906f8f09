"""The bodies of a stream: one that comes in, one that goes out, each under the credit of who reads it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from tidewaiter.broker import wire
from tidewaiter.broker.outbox import Outbox
from tidewaiter.broker.wire import CHUNK, FIRST_CREDIT, Code
from tidewaiter.errors import BrokerError

_SMALL = 16 << 10  # bytes


class Room:
    """The memory that all bodies of a tunnel share beyond their first credit, in bytes."""

    __slots__ = ("_left",)

    def __init__(self, size: int) -> None:
        self._left = size

    def take(self, wanted: int) -> int:
        """As much of what is wanted as there is."""
        taken = min(wanted, self._left)
        self._left -= taken
        return taken

    def give_back(self, size: int) -> None:
        """What was taken is free again."""
        self._left += size


class Body(AsyncIterator[bytes]):
    """A body that comes in, in chunks, as fast as it is read. Iterate it once, in one task.

    Iteration raises BrokerError where the body broke off. `window`: how many bytes may be on their way once it is being
    read, as far as there is room.
    """

    __slots__ = (
        "_chunks",
        "_credit",
        "_error",
        "_extra",
        "_fed",
        "_held",
        "_number",
        "_outbox",
        "_room",
        "_waiter",
        "_window",
        "over",
    )

    def __init__(self, number: int, outbox: Outbox, room: Room, window: int) -> None:
        self._number = number
        self._outbox = outbox
        self._room = room
        self._window = window
        self._extra = -1
        self._credit = FIRST_CREDIT
        self._chunks: deque[bytes] = deque()
        self._fed = 0
        self._held = 0
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.over = False

    @property
    def whole(self) -> bytes | None:
        """All of the body, where all of it is here in one piece. It can still be iterated."""
        if not self.over or self._error is not None or self._held < self._fed or len(self._chunks) > 1:
            return None
        return self._chunks[0] if self._chunks else b""

    def feed(self, chunk: bytes, *, last: bool) -> None:
        """Takes what came. Raises BrokerError (malformed) where more came than was asked for."""
        self._credit -= len(chunk)
        if self.over or self._credit < 0:
            raise BrokerError("the tunnel carried more of a body than was asked for", code=Code.MALFORMED)
        if chunk:
            self._keep(chunk)
        self.over = last
        self._wake()

    def fail(self, error: Exception) -> None:
        """Ends the body with an error, where it has not ended. What was not read yet is dropped."""
        self.over = True
        self._error = error
        self._chunks.clear()
        self._give_back()
        self._wake()

    def __aiter__(self) -> "Body":
        return self

    async def __anext__(self) -> bytes:
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self.over:
                self._give_back()
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        chunk = self._chunks.popleft()
        self._held -= len(chunk)
        if not self.over and self._credit < (FIRST_CREDIT + max(self._extra, 0)) // 2:
            self._ask_for_more()
        return chunk

    def _keep(self, chunk: bytes) -> None:
        """Holds what came until it is read. Many small chunks become few: they must not take more than they hold."""
        if self._chunks and len(self._chunks[-1]) + len(chunk) <= _SMALL:
            self._chunks[-1] += chunk
        else:
            self._chunks.append(chunk)
        self._fed += len(chunk)
        self._held += len(chunk)

    def _ask_for_more(self) -> None:
        if self._extra < 0:
            self._extra = self._room.take(max(self._window - FIRST_CREDIT, 0))
        more = FIRST_CREDIT + self._extra - self._held - self._credit
        if more > 0:
            self._credit += more
            self._outbox.post(wire.encode_credit(self._number, more))

    def _give_back(self) -> None:
        if self._extra > 0:
            self._room.give_back(self._extra)
        self._extra = 0

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Sending:
    """A body that goes out: as much of it as the other side will take."""

    __slots__ = ("_left", "_number", "_outbox", "_waiter")

    def __init__(self, number: int, outbox: Outbox) -> None:
        self._number = number
        self._outbox = outbox
        self._left = FIRST_CREDIT
        self._waiter: asyncio.Future[None] | None = None

    def add(self, size: int) -> None:
        """The other side takes so much more."""
        self._left += size
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def send(self, body: bytes | AsyncIterator[bytes]) -> None:
        """Sends a body to its end and closes it. Raises BrokerError (lost), and what the body's iterator raises."""
        if isinstance(body, bytes):
            await self._send_chunk(body, last=True)
            return
        try:
            async for chunk in body:
                await self._send_chunk(chunk, last=False)
        finally:
            await close(body)
        await self._outbox.send(wire.encode_data(self._number, b"", last=True))

    async def _send_chunk(self, chunk: bytes, *, last: bool) -> None:
        rest = memoryview(chunk)
        while rest:
            size = min(len(rest), CHUNK, self._left)
            if size <= 0:
                await self._more()
                continue
            self._left -= size
            ends = last and size == len(rest)
            await self._outbox.send(wire.encode_data(self._number, rest[:size], last=ends))
            rest = rest[size:]

    async def _more(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter


async def gathered(body: AsyncIterator[bytes], most: int, *, of: str = "the body") -> bytes:
    """All of a body. Raises BrokerError (too-large), in which it is called `of`, for more than `most` bytes."""
    chunks, size = [], 0
    async for chunk in body:
        size += len(chunk)
        if size > most:
            raise BrokerError(f"{of} has more than {most} bytes", code=Code.TOO_LARGE)
        chunks.append(chunk)
    return b"".join(chunks)


async def close(body: object) -> None:
    """Closes a body where it can be closed: a generator's `finally` runs now, not some time."""
    if (aclose := getattr(body, "aclose", None)) is not None:
        await aclose()

"""The bodies of a stream: one that comes in, one that goes out, each under the credit of who reads it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from tidewaiter.broker.wire import FIRST_CREDIT, Code
from tidewaiter.errors import BrokerError


class Body(AsyncIterator[bytes]):
    """A body that comes in, in chunks, as fast as it is read. Iterate it once.

    Iteration raises BrokerError where the body broke off.
    """

    __slots__ = ("_chunks", "_credit", "_error", "_finished", "_grant", "_held", "_low", "_waiter", "_window")

    def __init__(self, grant: Callable[[int], None], window: int) -> None:
        self._grant = grant
        self._window = max(window, FIRST_CREDIT)
        self._credit = FIRST_CREDIT
        self._low = FIRST_CREDIT // 2
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._finished = False
        self._error: BrokerError | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def whole(self) -> bytes | None:
        """All of the body, where all of it is here and came in one piece; it can still be iterated."""
        if self._finished and self._error is None and len(self._chunks) <= 1:
            return self._chunks[0] if self._chunks else b""
        return None

    @property
    def over(self) -> bool:
        """Whether nothing more can come."""
        return self._finished

    def feed(self, chunk: bytes, *, last: bool) -> None:
        """Takes what came. Raises BrokerError (malformed) where more came than was asked for."""
        self._credit -= len(chunk)
        if self._finished or self._credit < 0:
            raise BrokerError("the tunnel carried more of a body than was asked for", code=Code.MALFORMED)
        if chunk:
            self._chunks.append(chunk)
            self._held += len(chunk)
        self._finished = last
        self._wake()

    def fail(self, error: BrokerError) -> None:
        """Ends the body with an error; what was not read yet is dropped."""
        self._finished = True
        self._error = error
        self._chunks.clear()
        self._wake()

    def __aiter__(self) -> "Body":
        return self

    async def __anext__(self) -> bytes:
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self._finished:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        chunk = self._chunks.popleft()
        self._held -= len(chunk)
        if self._credit < self._low and not self._finished:
            self._ask_for_more()
        return chunk

    def _ask_for_more(self) -> None:
        more = self._window - self._held - self._credit
        if more > 0:
            self._low = self._window // 2
            self._credit += more
            self._grant(more)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Allowance:
    """How much of a body the other side will still take."""

    __slots__ = ("_left", "_waiter")

    def __init__(self) -> None:
        self._left = FIRST_CREDIT
        self._waiter: asyncio.Future[None] | None = None

    def add(self, size: int) -> None:
        """The other side takes so much more."""
        self._left += size
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def take(self, most: int) -> int:
        """Uses some of what is left, 0 where nothing is."""
        size = min(most, self._left)
        self._left -= size
        return size

    async def more(self) -> None:
        """Waits until something is left."""
        while self._left <= 0:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

"""Who waits for his turn: connections take turns, so that a large one does not hold up the others."""

import asyncio
from collections import OrderedDict, deque
from typing import Generic, TypeVar

from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError

_T = TypeVar("_T")


class Turns(Generic[_T]):
    """A queue with a line for each connection; up to `most` wait in all, of one connection `most_each`."""

    def __init__(self, most: int, most_each: int) -> None:
        self._most = most
        self._most_each = most_each
        self._lines: OrderedDict[str, deque[_T]] = OrderedDict()
        self._size = 0
        self._there = asyncio.Event()

    def __len__(self) -> int:
        return self._size

    def check(self, connection: str) -> None:
        """Raises BrokerError (busy) where no one more may wait."""
        if self._size >= self._most or len(self._lines.get(connection, ())) >= self._most_each:
            advice = "Ask again later"
            raise BrokerError("the agent has too many jobs already", advice=advice, retry=True, code=Code.BUSY)

    def put(self, connection: str, item: _T) -> None:
        """Wait behind the others of the connection."""
        self._lines.setdefault(connection, deque()).append(item)
        self._size += 1
        self._there.set()

    def remove(self, connection: str, item: _T) -> None:
        """Wait no more. Raises ValueError for who does not wait."""
        self._lines[connection].remove(item)
        self._left(connection)

    async def take(self) -> _T:
        """Who is next: the first of the connection whose turn it is."""
        while not self._size:
            self._there.clear()
            await self._there.wait()
        connection, line = next(iter(self._lines.items()))
        item = line.popleft()
        self._lines.move_to_end(connection)
        self._left(connection)
        return item

    def _left(self, connection: str) -> None:
        self._size -= 1
        if not self._lines[connection]:
            del self._lines[connection]


class Room:
    """Takes what has a weight, in the order it comes, up to `most` together; what is heavier is in it alone."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0
        self._inside = 0
        self._door = asyncio.Lock()
        self._left = asyncio.Event()

    async def enter(self, weight: int) -> None:
        """Wait for a place."""
        async with self._door:  # who came first goes first
            while self._inside and self._taken + weight > self._most:
                self._left.clear()
                await self._left.wait()
            self._inside += 1
            self._taken += weight

    def leave(self, weight: int) -> None:
        """Give the place to others."""
        self._inside -= 1
        self._taken -= weight
        self._left.set()

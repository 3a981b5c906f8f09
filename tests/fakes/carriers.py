"""Two ends of a tunnel in memory, which can be cut, held up and spoken through by hand."""

import asyncio
from collections import deque

from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError


class FakeCarrier:
    """One end. `room` frames fit on the way to the other end; `sent` keeps what this end sent where `record`."""

    def __init__(self, room: int, *, record: bool) -> None:
        self.other: FakeCarrier = self
        self.closed: tuple[int, str] | None = None
        self.held = False
        self.sent: list[bytes] = []
        self._record = record
        self._room = room
        self._frames: deque[bytes] = deque()
        self._changed = asyncio.Condition()

    async def send(self, frame: bytes) -> None:
        other = self.other
        async with other._changed:
            await other._changed.wait_for(lambda: self._over() or len(other._frames) < other._room)
            if self._over():
                raise BrokerError("the tunnel was cut", code=Code.LOST, retry=True)
            other._frames.append(frame)
            other._changed.notify_all()
        if self._record:
            self.sent.append(frame)

    async def receive(self) -> bytes:
        async with self._changed:
            await self._changed.wait_for(lambda: self._over() or (self._frames and not self.held))
            if not self._frames or self.closed is not None:
                words = (self.other.closed or self.closed or (0, ""))[1]
                raise BrokerError(f"the other side ended the tunnel: {words}", code=Code.LOST, retry=True)
            self._changed.notify_all()
            return self._frames.popleft()

    async def close(self, code: int, reason: str) -> None:
        self.closed = self.closed or (code, reason)
        await self._tell()
        await self.other._tell()

    async def hold(self, *, held: bool = True) -> None:
        """Lets nothing come to this end for a while, as a network that stands still does."""
        self.held = held
        await self._tell()

    def _over(self) -> bool:
        return self.closed is not None or self.other.closed is not None

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def carrier_pair(room: int = 16, *, record: bool = False) -> tuple[FakeCarrier, FakeCarrier]:
    """Two ends; what one sends the other receives."""
    left, right = FakeCarrier(room, record=record), FakeCarrier(room, record=record)
    left.other, right.other = right, left
    return left, right

"""The way out of the tunnel: one frame at a time, control before bodies, bodies in turn."""

import asyncio
from collections import deque

from tidewaiter.broker.carrier import Carrier
from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError

_POSTED_MOST = 4096
"""Control frames that may wait. Each stream has a few at most: more means that the other side does not read."""


class Outbox:
    """Sends frames over a carrier. A stream has one frame of a body waiting at most, so that first come is fair."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._busy = False
        self._posted: deque[bytes] = deque()
        self._turns: deque[asyncio.Future[None]] = deque()
        self._wanted = asyncio.Event()

    async def send(self, frame: bytes) -> None:
        """Sends a frame when it is its turn; at once where nothing waits. Raises BrokerError (lost)."""
        if self._busy:
            await self._turn()
        self._busy = True
        try:
            await self._carrier.send(frame)
        finally:
            self._pass_on()

    def post(self, frame: bytes) -> None:
        """Has a control frame sent before any body that waits; never waits itself."""
        if len(self._posted) >= _POSTED_MOST:
            raise BrokerError("the other side of the tunnel does not read", code=Code.LOST, retry=True)
        self._posted.append(frame)
        if not self._busy:
            self._busy = True
            self._wanted.set()

    @property
    def waiting(self) -> bool:
        """Whether a control frame has not gone yet."""
        return bool(self._posted)

    async def run(self) -> None:
        """Sends what is posted, until it is cancelled. Raises BrokerError (lost)."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            while self._posted:
                await self._carrier.send(self._posted[0])
                self._posted.popleft()
            self._pass_on()

    async def _turn(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._turns.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        if self._posted:
            self._wanted.set()
            return
        while self._turns:
            turn = self._turns.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._busy = False

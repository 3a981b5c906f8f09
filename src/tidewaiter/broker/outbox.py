"""The way out of the tunnel: one frame at a time, control before bodies, bodies in turn."""

import asyncio
from collections import deque
from collections.abc import Callable

from tidewaiter.broker.carrier import Carrier
from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError

_POSTED_MOST = 4096
"""Control frames that may wait. Each stream has a few at most: more means that the other side does not read."""


class Outbox:
    """Sends frames over a carrier. A stream has one frame of a body waiting at most, so that first come is fair.

    `jammed` is called when more control frames wait than can be for any good reason.
    """

    def __init__(self, carrier: Carrier, jammed: Callable[[], None]) -> None:
        self._carrier = carrier
        self._jammed = jammed
        self._busy = False
        self._ended = False
        self._posted: deque[bytes] = deque()
        self._turns: deque[asyncio.Future[None]] = deque()
        self._wanted = asyncio.Event()
        self.sent = 0
        """How many frames have gone: one waits in vain only while this stays as it is."""

    async def send(self, frame: bytes) -> None:
        """Sends a frame when it is its turn; at once where nothing waits. Raises BrokerError (lost)."""
        if self._busy:
            await self._turn()
        self._busy = True
        try:
            self._check()
            await self._carrier.send(frame)
            self.sent += 1
        finally:
            self._pass_on()

    def post(self, frame: bytes) -> None:
        """Has a control frame sent before any body that waits; never waits itself."""
        if self._ended:
            return
        if len(self._posted) >= _POSTED_MOST:
            self._jammed()
            return
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
            await self.flush()
            self._pass_on()

    async def flush(self) -> None:
        """Sends what is posted, out of turn: for `run`, and for the end when nobody else sends."""
        while self._posted:
            await self._carrier.send(self._posted.popleft())
            self.sent += 1

    def end(self) -> None:
        """Nothing goes out any more: whoever waits for its turn gets BrokerError (lost)."""
        self._ended = True
        self._posted.clear()
        self._pass_on()

    async def _turn(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._turns.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._pass_on()  # the turn had come, but whose it was is gone
            raise

    def _check(self) -> None:
        if self._ended:
            raise BrokerError("the tunnel has ended", code=Code.LOST, retry=True)

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

"""Requests of all kinds at once, both ways: what ends well is whole, and nothing is left behind."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from tidewaiter.broker.tunnel import Body, Reply, Request, Tunnel, TunnelSettings
from tidewaiter.broker.wire import CHUNK, Code
from tidewaiter.errors import BrokerError
from tunnels import request, tunnels

SIZES = (0, 10, 5_000, CHUNK, CHUNK + 1, 4 * CHUNK)
PIECES = (1, 3_000, 70_000, CHUNK + 5)
MEMORY = 2 << 20


class Crowd:
    """Askers and a handler that do anything that they may, by the throw of dice."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self.ends: Counter[str] = Counter()

    def once_in(self, times: int) -> bool:
        return self._dice.randrange(times) == 0

    async def body(self, size: int) -> AsyncIterator[bytes]:
        while size:
            piece = min(size, self._dice.choice(PIECES))
            size -= piece
            if self.once_in(40):
                raise BrokerError("the body broke off", code=Code.UNREACHABLE)
            if self.once_in(10):
                await asyncio.sleep(0)
            yield bytes(piece)

    async def handle(self, asked: Request, body: Body) -> Reply:
        if asked.target == "/never":
            await asyncio.Event().wait()
        if self.once_in(15):
            raise BrokerError("no rule allows it", code=Code.REFUSED)
        if self.once_in(15):
            return Reply(413)
        size = sum([len(chunk) async for chunk in body])
        return Reply(200, (("size", str(size)),), self.body(size) if self.once_in(2) else bytes(size))

    async def ask(self, tunnel: Tunnel) -> None:
        size = self._dice.choice(SIZES)
        asked = request("/never", deadline=0.05) if self.once_in(10) else request("/size", deadline=30.0)
        try:
            async with await tunnel.ask(asked, self.body(size) if self.once_in(2) else bytes(size)) as answer:
                self.ends[await self._read(answer.chunks(), answer.headers)] += 1
        except BrokerError as error:
            self.ends[error.code] += 1

    async def _read(self, chunks: AsyncIterator[bytes], headers: tuple[tuple[str, str], ...]) -> str:
        got = 0
        async for chunk in chunks:
            got += len(chunk)
            if self.once_in(30):
                return "left"
        assert got == int(dict(headers).get("size", "0"))
        return "whole"


@pytest.mark.parametrize("seed", range(3))
def test_a_crowd_leaves_nothing_behind(seed: int) -> None:
    async def check() -> None:
        crowd = Crowd(seed)
        settings = TunnelSettings(streams=64, window=1 << 20, memory=MEMORY)
        async with tunnels(crowd.handle, back=crowd.handle, settings=settings) as ends:
            both = (ends.asking, ends.answering)
            await asyncio.gather(*(crowd.ask(side) for _ in range(50) for side in both))
            await asyncio.gather(*(side.idle() for side in both))
            assert crowd.ends.total() == 100
            assert min(crowd.ends["whole"], crowd.ends["deadline"], crowd.ends["refused"]) > 0
            assert not any(run.done() for run in ends.runs)
            assert [side._room.take(2 * MEMORY) for side in both] == [MEMORY, MEMORY]

    asyncio.run(check())

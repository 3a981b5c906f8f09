"""Two tunnels that talk to each other, for tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fakes.carriers import FakeCarrier, carrier_pair
from tidewaiter.broker.tunnel import Body, Handler, Reply, Request, Tunnel, TunnelSettings


@dataclass
class Ends:
    """Who asks, who answers, what carries them, and why each ended (when it has)."""

    asking: Tunnel
    answering: Tunnel
    near: FakeCarrier
    far: FakeCarrier
    runs: tuple[asyncio.Task[str], asyncio.Task[str]]

    async def why(self) -> tuple[str, str]:
        """Why each of them ended: who asks, who answers."""
        async with asyncio.timeout(5):
            return await self.runs[0], await self.runs[1]


async def settled() -> None:
    """Lets everything happen that can happen without the clock."""
    for _ in range(200):
        await asyncio.sleep(0)


async def echo(request: Request, body: Body) -> Reply:
    """Answers with what it was sent, in one piece."""
    return Reply(200, request.headers, b"".join([chunk async for chunk in body]))


@asynccontextmanager
async def tunnels(
    handler: Handler = echo,
    *,
    back: Handler = echo,
    settings: TunnelSettings | None = None,
    record: bool = False,
    room: int = 16,
) -> AsyncIterator[Ends]:
    """A pair of running tunnels; `handler` answers those who ask, `back` the other way."""
    near, far = carrier_pair(room, record=record)
    asking = Tunnel(near, asks_odd=True, handler=back, settings=settings)
    answering = Tunnel(far, asks_odd=False, handler=handler, settings=settings)
    runs = asyncio.create_task(asking.run()), asyncio.create_task(answering.run())
    try:
        yield Ends(asking, answering, near, far, runs)
    finally:
        await asking.close("the test is over")
        await answering.close("the test is over")
        await asyncio.gather(*runs, return_exceptions=True)


def request(
    target: str = "/healthcheck",
    *,
    method: str = "GET",
    headers: tuple[tuple[str, str], ...] = (),
    deadline: float = 5.0,
) -> Request:
    """A request of the connection `blue`."""
    return Request(method, target, "blue", headers, deadline)

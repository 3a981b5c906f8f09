"""An agent that answers what it is told to, and keeps what it was asked."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ssl import SSLContext

import msgspec
from aiohttp import web
from multidict import CIMultiDictProxy

from tidewaiter.broker.messages import Probe, SystemCheck, Trouble
from tidewaiter.broker.service import listening
from tidewaiter.broker.signing import PROOF, Party, Seal
from tidewaiter.errors import BrokerError


@dataclass
class Seen:
    """A request that came."""

    method: str
    target: str
    headers: CIMultiDictProxy[str]
    body: bytes


async def _hello(request: web.Request) -> web.StreamResponse:
    return web.Response(text="hello")


@dataclass(eq=False)
class FakeAgent:
    """`answer` is given every request but those for health. With a seal, it believes only who is signed."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]] = _hello
    checks: tuple[Probe, ...] = (Probe(name="role", ok=True, detail="it is taken"),)
    healthy: bool = True
    seal: Seal | None = None
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        seen = Seen(request.method, request.raw_path, request.headers, await request.read())
        self.seen.append(seen)
        if self.seal is None:
            return await self._answered(request)
        try:
            proven = self.seal.verify(request.method, request.raw_path, request.headers)
            proven.check(seen.body)
        except BrokerError as error:
            return web.Response(body=msgspec.json.encode(Trouble.of(error)), status=401)
        response = await self._answered(request)
        if not response.prepared:
            response.headers[PROOF] = self.seal.answer(proven, response.status)
        return response

    async def _answered(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/healthcheck":
            return web.Response(status=200 if self.healthy else 503)
        if request.path == "/systemcheck":
            found = SystemCheck(ok=all(check.ok for check in self.checks), checks=self.checks)
            return web.Response(body=msgspec.json.encode(found), status=200 if found.ok else 503)
        try:
            return await self.answer(request)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


@asynccontextmanager
async def running_agent(*, secret: str = "", tls: SSLContext | None = None) -> AsyncIterator[FakeAgent]:
    """An agent on loopback, until the block ends."""
    agent = FakeAgent()
    if secret:
        agent.seal = Seal([secret], own=Party.AGENT, other=Party.CLIENT)
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", agent._serve)
    async with listening(app, tls=tls) as agent.url:
        yield agent

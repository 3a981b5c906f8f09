"""The server's end of tunnels, over real WebSockets and without a store: it lets in whom it is told to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ssl import SSLContext

from aiohttp import web

from tidewaiter.broker import greeting
from tidewaiter.broker.carrier import SOCKET, Carrier, WebSocketCarrier
from tidewaiter.broker.service import listening
from tidewaiter.broker.tunnel import Answer, Body, Reply, Request, Tunnel
from tidewaiter.broker.wire import Dropped, GoingAway, Hello, Notice, Welcome


@dataclass(eq=False)
class TunnelServer:
    """`names` are the connections by token. What came is kept: greetings, and callbacks with their bodies."""

    names: dict[str, str]
    url: str = ""
    heartbeat: float = 15.0
    hellos: list[Hello] = field(default_factory=list)
    tunnels: list[Tunnel] = field(default_factory=list)
    callbacks: list[tuple[Request, bytes]] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    reply: Reply = field(default_factory=lambda: Reply(200, (("content-type", "application/json"),), b"{}"))
    change: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def newest(self) -> Tunnel:
        """The tunnel that was opened last."""
        return self.tunnels[-1]

    async def opened(self, count: int) -> Tunnel:
        """The tunnel of this number, counted from 1, as soon as it is there."""
        async with asyncio.timeout(5):
            while len(self.tunnels) < count:
                self.change.clear()
                await self.change.wait()
        return self.tunnels[count - 1]

    async def ask(self, request: Request, body: bytes | AsyncIterator[bytes] = b"") -> tuple[Answer, bytes]:
        """The client's answer over the newest tunnel, with its whole body."""
        answer = await self.newest.ask(request, body)
        return answer, await answer.read(1 << 30)

    async def drop(self, connection: str) -> None:
        """Says that the connection's token was revoked."""
        await self.newest.tell(Dropped(connection, "its token was revoked"))

    async def go_away(self) -> None:
        """Says that this tunnel takes nothing new."""
        await self.newest.tell(GoingAway("the server restarts"))

    async def hold(self, carrier: Carrier) -> None:
        """Greets a client and keeps its tunnel until it ends."""
        hello = await greeting.receive_hello(carrier)
        self.hellos.append(hello)
        names = tuple(self.names.get(token, "") for token in hello.tokens)
        await greeting.welcome(carrier, Welcome(names, self.heartbeat))
        if not any(names):
            await carrier.close(1008, "no token is known here")
            return
        tunnel = Tunnel(carrier, asks_odd=False, handler=self._take, noticed=self.notices.append)
        self.tunnels.append(tunnel)
        self.change.set()
        await tunnel.run()

    async def _take(self, request: Request, body: Body) -> Reply:
        self.callbacks.append((request, b"".join([chunk async for chunk in body])))
        return self.reply

    async def _enter(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(compress=False, timeout=1.0, **SOCKET)
        await socket.prepare(request)
        await self.hold(WebSocketCarrier(socket))
        return socket


@asynccontextmanager
async def tunnel_server(names: dict[str, str], *, tls: SSLContext | None = None) -> AsyncIterator[TunnelServer]:
    """A server that knows these tokens, until the block ends."""
    server = TunnelServer(names)
    app = web.Application()
    app.router.add_get("/tunnel", server._enter)
    async with listening(app, tls=tls) as server.url:
        try:
            yield server
        finally:
            for tunnel in server.tunnels:
                await tunnel.close("the test is over")

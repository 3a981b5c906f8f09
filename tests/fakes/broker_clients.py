"""A broker client as a server sees it: tokens, a tunnel, and a handler in the agent's place."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import aiohttp

from fakes.broker_servers import RunningServer, serving
from tidewaiter.broker.carrier import SOCKET, WebSocketCarrier
from tidewaiter.broker.greeting import greet
from tidewaiter.broker.messages import CONTENT_DIGEST, JOB, RESULT_PATH
from tidewaiter.broker.tunnel import Answer, Body, Handler, Reply, Request, Tunnel
from tidewaiter.broker.wire import VERSION, Hello, Notice
from tidewaiter.store.store import Store


@dataclass
class FakeAgent:
    """A handler that keeps what it was asked, and answers all of it alike."""

    reply: Reply = field(default_factory=lambda: Reply(200, (("content-type", "text/plain"),), b"as you say"))
    requests: list[tuple[Request, bytes]] = field(default_factory=list)

    async def __call__(self, request: Request, body: Body) -> Reply:
        self.requests.append((request, b"".join([chunk async for chunk in body])))
        return self.reply


@dataclass
class FakeClient:
    """One end of a tunnel. `names` are what the server calls the connections of its tokens."""

    tunnel: Tunnel
    names: tuple[str, ...]
    notices: list[Notice]
    running: "asyncio.Task[str]"

    async def deliver(
        self, job: str, content: bytes | AsyncIterator[bytes], *, digest: str = "", path: str = RESULT_PATH, **more: str
    ) -> Answer:
        """What the server answers to a result of the first connection."""
        told = digest or f"sha256:{sha256(content if isinstance(content, bytes) else b'').hexdigest()}"
        headers = ((JOB, job), (CONTENT_DIGEST, told))
        name = more.get("connection", self.names[0])
        return await self.tunnel.ask(Request("POST", path, name, headers, 10.0), content)


@asynccontextmanager
async def dialled(
    server: RunningServer, *tokens: str, agent: Handler | None = None, replica: str = "one"
) -> AsyncIterator[FakeClient]:
    """A client with these tokens, connected until the block ends."""
    notices: list[Notice] = []
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(server.tunnel, compress=0, **SOCKET) as socket,
    ):
        carrier = WebSocketCarrier(socket)
        welcome = await greet(carrier, Hello(VERSION, tokens, replica, "test"))
        tunnel = Tunnel(carrier, asks_odd=True, handler=agent or FakeAgent(), noticed=notices.append)
        running = asyncio.create_task(tunnel.run())
        try:
            yield FakeClient(tunnel, welcome.connections, notices, running)
        finally:
            await tunnel.close("the test is over")
            await running


@dataclass
class Scene:
    """A platform, a server, and a client with the connection `shop`. The platform's paths begin at the server's."""

    server: RunningServer
    platform: aiohttp.ClientSession
    client: FakeClient
    token: str


@asynccontextmanager
async def scene(
    store: Store, agent: Handler | None = None, *, headers: Mapping[str, str] | None = None, **more: Any
) -> AsyncIterator[Scene]:
    """All of them until the block ends; `more` is for the server."""
    async with serving(store, **more) as server:
        token = server.connection("shop")
        told = {**server.headers, **(headers or {})}
        async with (
            dialled(server, token, agent=agent) as client,
            aiohttp.ClientSession(server.url, headers=told, auto_decompress=False) as platform,
        ):
            yield Scene(server, platform, client, token)

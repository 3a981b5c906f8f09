import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web

from tidewaiter.broker import wire
from tidewaiter.broker.carrier import SOCKET, WebSocketCarrier
from tidewaiter.broker.tunnel import Body, Reply, Request, Tunnel, TunnelSettings
from tidewaiter.broker.wire import FRAME_MOST, Code
from tidewaiter.errors import BrokerError
from tunnels import echo, request

SETTINGS = TunnelSettings(heartbeat=0.05, patience=5.0, closing=1.0)


@dataclass
class Line:
    """A WebSocket over loopback: both its ends, and the carrier of the server's."""

    client: ClientWebSocketResponse
    server: web.WebSocketResponse
    carrier: WebSocketCarrier


@asynccontextmanager
async def connected() -> AsyncIterator[Line]:
    accepted: asyncio.Future[web.WebSocketResponse] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def enter(asked: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False, timeout=0.2, **SOCKET)
        await socket.prepare(asked)
        accepted.set_result(socket)
        await over.wait()
        return socket

    app = web.Application()
    app.router.add_get("/tunnel", enter)
    runner = web.AppRunner(app, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with ClientSession() as session:
            url = f"http://127.0.0.1:{runner.addresses[0][1]}/tunnel"
            async with session.ws_connect(url, compress=0, **SOCKET) as client:
                server = await accepted
                yield Line(client, server, WebSocketCarrier(server))
                over.set()
    finally:
        over.set()
        await runner.cleanup()


def test_a_tunnel_over_a_websocket_carries_both_ways() -> None:
    async def handle(_: Request, body: Body) -> Reply:
        return Reply(200, (), body)

    async def check() -> None:
        async with connected() as line:
            near = Tunnel(line.carrier, asks_odd=True, handler=echo, settings=SETTINGS)
            far = Tunnel(WebSocketCarrier(line.client), asks_odd=False, handler=handle, settings=SETTINGS)
            runs = asyncio.create_task(near.run()), asyncio.create_task(far.run())
            body = bytes(range(256)) * 12_000
            sent, back = await asyncio.gather(near.ask(request(), body), far.ask(request(), body))
            assert await sent.read(len(body)) == body
            assert await back.read(len(body)) == body
            await near.close("enough")
            assert await runs[0] == "enough"
            assert await runs[1] == "the other side ended the tunnel: enough"

    asyncio.run(check())


def test_the_largest_frame_passes_and_a_larger_one_ends_the_line() -> None:
    async def check() -> None:
        async with connected() as line:
            carrier = WebSocketCarrier(line.client)
            await carrier.send(bytes(FRAME_MOST))
            assert len(await line.carrier.receive()) == FRAME_MOST
            await carrier.send(bytes(FRAME_MOST + 1))
            with pytest.raises(BrokerError) as caught:
                await line.carrier.receive()
            assert caught.value.code == Code.LOST

    asyncio.run(check())


def test_pings_of_others_are_answered_and_text_is_refused() -> None:
    async def check() -> None:
        async with connected() as line:
            await line.client.ping(b"mark")
            await line.client.pong(b"unasked")
            await line.client.send_str("GET / HTTP/1.1")
            with pytest.raises(BrokerError) as caught:
                await line.carrier.receive()
            assert caught.value.code == Code.MALFORMED
            answer = await line.client.receive()
            assert (answer.type, bytes(answer.data)) == (WSMsgType.PONG, b"mark")

    asyncio.run(check())


def test_a_line_that_is_cut_is_lost_for_both_directions() -> None:
    async def check() -> None:
        async with connected() as line:
            line.client._response.close()
            with pytest.raises(BrokerError) as caught:
                await line.carrier.receive()
            assert caught.value.code == Code.LOST
            with pytest.raises(BrokerError) as caught:
                await _send_many(line.carrier)
            assert caught.value.code == Code.LOST
            await line.carrier.close(1000, "twice")

    asyncio.run(check())


async def _send_many(carrier: WebSocketCarrier) -> None:
    for _ in range(100):
        await carrier.send(wire.encode_ping(1))


def test_the_words_of_an_end_are_told_and_cut_to_what_a_websocket_holds() -> None:
    async def check() -> None:
        async with connected() as line:
            closing = asyncio.create_task(line.carrier.close(1000, "x" + "é" * 200))
            with pytest.raises(BrokerError, match=r"the other side ended the tunnel: xé{59}$"):
                await WebSocketCarrier(line.client).receive()
            await closing

    asyncio.run(check())

"""How clients come in, and how they go."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest

from fakes.broker_clients import FakeAgent, dialled, scene
from fakes.broker_servers import RunningServer, serving
from patience import until
from tidewaiter.broker import wire
from tidewaiter.broker.carrier import WebSocketCarrier
from tidewaiter.broker.greeting import greet
from tidewaiter.broker.messages import ERROR
from tidewaiter.broker.server.settings import Ceilings
from tidewaiter.broker.wire import VERSION, Dropped, GoingAway, Hello
from tidewaiter.errors import BrokerError
from tidewaiter.store.store import Store

Socket = aiohttp.ClientWebSocketResponse


@asynccontextmanager
async def stranger(store: Store, ceilings: Ceilings | None = None) -> AsyncIterator[tuple[RunningServer, Socket]]:
    """A WebSocket at a server's entrance, through which nothing was said yet."""
    async with (
        serving(store, ceilings=ceilings) as server,
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{server.url}/tunnel") as socket,
    ):
        yield server, socket


async def ended(socket: Socket) -> tuple[int, str]:
    """The code and the words of the close that comes next."""
    last = await socket.receive()
    assert last.type is aiohttp.WSMsgType.CLOSE
    return last.data, last.extra or ""


def test_a_client_is_told_which_of_its_tokens_stand_for_what(store: Store) -> None:
    async def main() -> None:
        async with serving(store) as server:
            tokens = server.connection("shop"), "tw_unknown", server.connection("payments")
            async with dialled(server, *tokens) as client:
                assert client.names == ("shop", "", "payments")

    asyncio.run(main())


def test_one_tunnel_carries_all_connections_of_a_client_and_each_gets_its_own(store: Store) -> None:
    async def main() -> None:
        agent = FakeAgent()
        async with scene(store) as here:
            names = ("payments", "lab")
            tokens = [here.server.connection(name) for name in names]
            async with dialled(here.server, *tokens, agent=agent):
                for name in names:
                    async with here.platform.get(f"/broker/{name}/list") as answer:
                        assert answer.status == 200
        assert [request.connection for request, _ in agent.requests] == ["payments", "lab"]

    asyncio.run(main())


def test_who_holds_no_known_token_is_told_and_sent_away(store: Store) -> None:
    async def main() -> None:
        async with stranger(store) as (_, socket):
            welcome = await greet(WebSocketCarrier(socket), Hello(VERSION, ("tw_unknown",), "one", "test"))
            assert welcome.connections == ("",)
            assert await ended(socket) == (1008, "no token of this client is known here")

    asyncio.run(main())


def test_a_connection_has_so_many_tunnels_and_no_more(store: Store) -> None:
    async def main() -> None:
        async with serving(store, ceilings=Ceilings(replicas=2)) as server, aiohttp.ClientSession() as session:
            token = server.connection("shop")
            async with (
                dialled(server, token),
                dialled(server, token, server.connection("lab")),
                session.ws_connect(f"{server.url}/tunnel") as socket,
            ):
                with pytest.raises(BrokerError, match="has 2 tunnels already"):
                    await greet(WebSocketCarrier(socket), Hello(VERSION, (token,), "three", "test"))
            await until(lambda: not len(server.server.tunnels))
            async with dialled(server, token) as client:
                assert client.names == ("shop",)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"", "cut short"),
        (b"GET / HTTP/1.1", "kind"),
        (wire.encode_ping(1), "did not begin with a hello"),
        (wire.encode_hello(Hello(99, ("x",), "one", "test")), "version 99"),
        (wire.encode_request(1, wire.Request("GET", "/", "shop", (), 1.0), last=True), "did not begin with a hello"),
        (bytes(200_000), "began with 200000 bytes"),
    ],
    ids=["nothing", "another protocol", "a ping", "another version", "a request", "a long frame"],
)
def test_what_is_no_hello_ends_it(store: Store, said: bytes, words: str) -> None:
    async def main() -> None:
        async with stranger(store) as (server, socket):
            await socket.send_bytes(said)
            code, told = await ended(socket)
            assert code == 1008
            assert words in told
            assert len(server.server.tunnels) == 0

    asyncio.run(main())


def test_a_frame_beyond_all_bounds_ends_it(store: Store) -> None:
    async def main() -> None:
        async with stranger(store) as (_, socket):
            await socket.send_bytes(bytes(wire.FRAME_MOST + 1))
            assert (await ended(socket))[0] == 1009

    asyncio.run(main())


def test_who_says_nothing_has_little_time(store: Store) -> None:
    async def main() -> None:
        async with stranger(store, Ceilings(greeting=0.05)) as (_, socket):
            assert (await ended(socket))[0] == 1008

    asyncio.run(main())


def test_few_may_say_nothing_at_a_time_and_those_that_are_in_do_not_count(store: Store) -> None:
    async def main() -> None:
        async with scene(store, ceilings=Ceilings(greeters=2, grace=0.0)) as here, AsyncExitStack() as stack:
            session = await stack.enter_async_context(aiohttp.ClientSession())
            silent = [await session.ws_connect(f"{here.server.url}/tunnel") for _ in range(2)]
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await session.ws_connect(f"{here.server.url}/tunnel")
            assert caught.value.status == 429
            await silent[0].close()
            async with dialled(here.server, here.token) as client:
                assert client.names == ("shop",)
            await silent[1].close()

    asyncio.run(main())


def test_what_is_no_websocket_is_refused(store: Store) -> None:
    async def main() -> None:
        async with scene(store) as here, here.platform.get("/tunnel") as answer:
            assert (answer.status, answer.headers[ERROR]) == (400, "malformed")

    asyncio.run(main())


def test_a_tunnel_carries_what_it_proved_and_nothing_else(store: Store) -> None:
    async def main() -> None:
        async with scene(store) as here:
            here.server.connection("payments")
            with pytest.raises(BrokerError, match="does not carry that connection") as caught:
                await here.client.deliver("job", b"x", connection="payments")
            assert caught.value.code == "refused"
            assert store.exchange.deliveries("payments", limit=1) == []

    asyncio.run(main())


def test_a_revoked_token_is_noticed_while_its_tunnel_is_open(store: Store) -> None:
    async def main() -> None:
        async with scene(store) as here:
            other = here.server.connection("payments")
            async with dialled(here.server, here.token, other) as both:
                store.exchange.revoke_connection("shop", now=here.server.server.desk.now())
                await until(lambda: bool(here.client.notices and both.notices))
                assert [type(notice) for notice in here.client.notices] == [Dropped]
                assert isinstance(both.notices[0], Dropped)
                assert both.notices[0].connection == "shop"
                async with here.platform.get("/broker/shop/list") as answer:
                    assert (answer.status, answer.headers[ERROR]) == (410, "revoked")
                async with here.platform.get("/broker/payments/list") as answer:
                    assert answer.status == 200
                with pytest.raises(BrokerError, match="was revoked") as caught:
                    await here.client.deliver("job", b"x")
                assert caught.value.code == "revoked"

    asyncio.run(main())


def test_a_token_that_replaced_a_revoked_one_opens_the_connection_again(store: Store) -> None:
    async def main() -> None:
        async with scene(store) as here:
            store.exchange.revoke_connection("shop", now=here.server.server.desk.now())
            token = here.server.connection("shop")
            async with dialled(here.server, token) as anew:
                await until(lambda: bool(here.client.notices))
                assert anew.names == ("shop",)
                assert anew.notices == []
                async with here.platform.get("/broker/shop/list") as answer:
                    assert answer.status == 200

    asyncio.run(main())


def test_a_client_that_says_it_goes_gets_nothing_new(store: Store) -> None:
    async def main() -> None:
        leaving, staying = FakeAgent(), FakeAgent()
        async with scene(store, leaving) as here, dialled(here.server, here.token, agent=staying):
            await here.client.tunnel.tell(GoingAway("the client is about to stop"))
            await until(lambda: any(session.leaving for session in here.server.server.tunnels.sessions))
            for _ in range(3):
                async with here.platform.get("/broker/shop/list") as answer:
                    assert answer.status == 200
            assert (len(leaving.requests), len(staying.requests)) == (0, 3)

    asyncio.run(main())


def test_a_connection_that_a_client_lets_go_is_not_asked_there(store: Store) -> None:
    async def main() -> None:
        async with scene(store) as here:
            await here.client.tunnel.tell(Dropped("shop", "not in the file any more"))
            await until(lambda: here.server.server.tunnels.least_busy("shop", ()) is None)
            async with here.platform.get("/broker/shop/list") as answer:
                assert (answer.status, answer.headers[ERROR]) == (503, "not-connected")

    asyncio.run(main())


def test_who_ended_a_tunnel_and_why_is_logged(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tidewaiter.broker")

    async def main() -> None:
        async with scene(store) as here:
            await here.client.tunnel.close("the client let it go")
            await until(lambda: len(here.server.server.tunnels) == 0)

    asyncio.run(main())
    assert "a tunnel ended: the other side ended the tunnel: the client let it go" in caplog.messages


def test_a_tunnel_that_ended_is_gone_from_all_lists(store: Store) -> None:
    async def main() -> None:
        async with scene(store) as here:
            async with dialled(here.server, here.token, replica="two"):
                assert len(here.server.server.tunnels) == 2
            await until(lambda: len(here.server.server.tunnels) == 1)
            for _ in range(30):
                async with here.platform.get("/broker/shop/list") as answer:
                    assert answer.status == 200

    asyncio.run(main())


def test_a_hundred_tunnels_one_after_the_other_leave_nothing_behind(store: Store) -> None:
    async def main() -> None:
        async with serving(store) as server:
            token = server.connection("shop")
            for _ in range(100):
                async with dialled(server, token):
                    pass
            await until(lambda: len(server.server.tunnels) == 0)
            assert server.server.tunnels.hashes == {}
            assert server.server.tunnels._carrying == {}

    asyncio.run(main())

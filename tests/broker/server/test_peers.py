"""Several servers on one store: each relays to the one that holds the tunnel, and believes nobody else."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

import aiohttp
import pytest

from fakes.broker_clients import FakeAgent, FakeClient, dialled
from fakes.broker_servers import API_KEY, QUICK, RunningServer, serving
from patience import until
from tidewaiter.broker.messages import DEADLINE, ERROR
from tidewaiter.broker.signing import PROOF, SIGNATURE, Party, Seal
from tidewaiter.broker.tunnel import Body, Handler, Reply, Request
from tidewaiter.errors import BrokerError
from tidewaiter.store.records import TunnelRow
from tidewaiter.store.store import Store


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@asynccontextmanager
async def known(store: Store, **more: Any) -> AsyncIterator[RunningServer]:
    """A server that others reach."""
    port = free_port()
    async with serving(store, port=port, advertise=f"http://127.0.0.1:{port}", **more) as server:
        yield server


@dataclass
class Pair:
    """The client of `shop` is at the one server, the platform at the other."""

    near: RunningServer
    far: RunningServer
    platform: aiohttp.ClientSession
    client: FakeClient
    token: str


@asynccontextmanager
async def pair(
    store: Store, agent: Handler | None = None, *, near_keys: tuple[str, ...] = (API_KEY,)
) -> AsyncIterator[Pair]:
    """Two servers, of which each has been told of the other's tunnels."""
    async with known(store) as far, known(store, keys=near_keys) as near:
        token = far.connection("shop")
        async with (
            dialled(far, token, agent=agent) as client,
            aiohttp.ClientSession(near.url, headers=near.headers, auto_decompress=False) as platform,
        ):
            await told(near, store)
            yield Pair(near, far, platform, client, token)


async def told(near: RunningServer, store: Store, tunnels: int = 1) -> None:
    since = near.server.desk.now() - timedelta(seconds=60)
    await until(lambda: len(store.exchange.tunnels(since=since)) == tunnels)


def test_a_request_finds_the_server_that_holds_the_tunnel(store: Store) -> None:
    async def main() -> None:
        agent = FakeAgent(Reply(203, (("x-told", "yes"), ("content-type", "text/x")), b"hello"))
        async with pair(store, agent) as here:
            headers = {"Idempotency-Key": "job-1", DEADLINE: "7", "x-broker-var-sub": "a"}
            url = "/broker/shop/list/a%20b?tag=x%26y"
            async with here.platform.post(url, data=b"question", headers=headers) as answer:
                assert (answer.status, answer.headers["x-told"], await answer.read()) == (203, "yes", b"hello")
                assert PROOF not in answer.headers
        request, body = agent.requests[0]
        assert (request.method, request.target, body) == ("POST", "/list/a%20b?tag=x%26y", b"question")
        names = dict(request.headers)
        assert {"idempotency-key": "job-1", "x-broker-var-sub": "a"}.items() <= names.items()
        assert names.keys().isdisjoint({SIGNATURE, "authorization", DEADLINE})
        assert 0 < request.deadline < 7

    asyncio.run(main())


async def pieces() -> AsyncIterator[bytes]:
    for number in range(30):
        yield bytes([number]) * 100_000


def test_long_answers_stream_through_both(store: Store) -> None:
    async def main() -> None:
        async with (
            pair(store, FakeAgent(Reply(200, (), pieces()))) as here,
            here.platform.get("/broker/shop/x") as answer,
        ):
            assert await answer.read() == b"".join([piece async for piece in pieces()])

    asyncio.run(main())


def test_an_answer_that_breaks_off_at_the_other_server_does_not_look_whole(store: Store) -> None:
    async def main() -> None:
        async def endless() -> AsyncIterator[bytes]:
            yield bytes(3 << 20)
            await asyncio.Event().wait()

        async with (
            pair(store, FakeAgent(Reply(200, (), endless()))) as here,
            here.platform.get("/broker/shop/x") as answer,
        ):
            await answer.content.readexactly(1000)
            await here.client.tunnel.close("cut")
            with pytest.raises(aiohttp.ClientError):
                await answer.read()

    asyncio.run(main())


def test_errors_of_the_other_side_come_through(store: Store) -> None:
    async def refusing(_: Request, __: Body) -> Reply:
        raise BrokerError("no rule allows it", advice="Ask for something else", code="refused")

    async def main() -> None:
        async with pair(store, refusing) as here, here.platform.get("/broker/shop/x") as answer:
            assert (answer.status, answer.headers[ERROR]) == (403, "refused")
            assert (await answer.json())["error"]["advice"] == "Ask for something else"

    asyncio.run(main())


def test_a_tunnel_of_the_own_comes_first(store: Store) -> None:
    async def main() -> None:
        far, near = FakeAgent(), FakeAgent()
        async with (
            pair(store, far) as here,
            dialled(here.near, here.token, agent=near),
            here.platform.get("/broker/shop/x") as answer,
        ):
            assert answer.status == 200
        assert (len(far.requests), len(near.requests)) == (0, 1)

    asyncio.run(main())


def test_a_request_goes_one_hop_and_no_further(store: Store) -> None:
    """Both believe that the other holds a tunnel that is nowhere."""

    async def main() -> None:
        async with known(store) as near, known(store) as far:
            near.connection("shop")
            row = TunnelRow(key="gone", connection="shop", replica="one", load=0, since=near.server.desk.now())
            for server in (near, far):
                told_by = server.server
                store.exchange.saw_tunnels(f"ghost of {told_by.name}", server.url, [row], now=told_by.desk.now())
                row = replace(row, key="gone too")
            async with (
                aiohttp.ClientSession(near.url, headers=near.headers) as platform,
                asyncio.timeout(5),
                platform.post("/broker/shop/x", data=b"x") as answer,
            ):
                assert (answer.status, answer.headers[ERROR]) == (503, "not-connected")

    asyncio.run(main())


def test_a_server_that_was_killed_is_passed_over(store: Store) -> None:
    async def main() -> None:
        agent = FakeAgent()
        async with pair(store, agent) as here:
            row = TunnelRow(key="gone", connection="shop", replica="one", load=-1, since=here.near.server.desk.now())
            gone = f"http://127.0.0.1:{free_port()}"
            store.exchange.saw_tunnels("killed", gone, [row], now=here.near.server.desk.now())
            assert store.exchange.tunnels(since=row.since, connection="shop")[0].url == gone
            async with here.platform.post("/broker/shop/x", data=b"x") as answer:
                assert answer.status == 200
        assert len(agent.requests) == 1

    asyncio.run(main())


def test_a_server_that_says_nothing_for_long_is_not_asked(store: Store) -> None:
    async def main() -> None:
        async with known(store) as near:
            near.connection("shop")
            row = TunnelRow(key="gone", connection="shop", replica="one", load=0, since=near.server.desk.now())
            long_ago = near.server.desk.now() - timedelta(seconds=QUICK.dead + 1)
            store.exchange.saw_tunnels("killed", "http://127.0.0.1:1", [row], now=long_ago)
            assert await near.server._peers.holding("shop") == ()

    asyncio.run(main())


def test_what_a_server_held_before_it_was_killed_is_not_asked_of_itself(store: Store) -> None:
    async def main() -> None:
        async with known(store) as near:
            near.connection("shop")
            row = TunnelRow(key="gone", connection="shop", replica="one", load=0, since=near.server.desk.now())
            store.exchange.saw_tunnels("its former self", near.url, [row], now=near.server.desk.now())
            assert await near.server._peers.holding("shop") == ()

    asyncio.run(main())


def test_servers_with_other_keys_are_not_believed(store: Store) -> None:
    async def main() -> None:
        agent = FakeAgent()
        async with pair(store, agent, near_keys=("a-key-of-the-one-server-alone",)) as here:
            headers = {"Authorization": "Bearer a-key-of-the-one-server-alone"}
            async with here.platform.get("/broker/shop/x", headers=headers) as answer:
                assert (answer.status, answer.headers[ERROR]) == (500, "failed")
                assert "do not trust each other" in (await answer.json())["error"]["message"]
        assert agent.requests == []

    asyncio.run(main())


def test_servers_believe_each_other_while_keys_are_changed(store: Store) -> None:
    async def main() -> None:
        async with (
            pair(store, near_keys=(API_KEY, "the-key-that-comes-after")) as here,
            here.platform.get("/broker/shop/x") as answer,
        ):
            assert answer.status == 200

    asyncio.run(main())


def signed(server: RunningServer, *, key: str = API_KEY, audience: str = "", body: bytes = b"") -> dict[str, str]:
    """The headers of a request as another server would sign it."""
    seal = Seal((key,), own=Party.SERVER, other=Party.SERVER)
    headers = {DEADLINE: "5"}
    digest = sha256(body).hexdigest()
    made = seal.sign("POST", "/peer/shop/x", headers, digest=digest, audience=audience or server.url)
    return {**headers, SIGNATURE: made.header}


@pytest.mark.parametrize(
    ("wrong", "body"),
    [
        (lambda _: {}, b""),
        (lambda server: server.headers, b""),
        (lambda server: signed(server, key="another-key-of-some-length"), b""),
        (lambda server: signed(server, audience="http://127.0.0.1:1"), b""),
        (lambda server: {**signed(server), DEADLINE: "3600"}, b""),
        (signed, b"another body"),
    ],
    ids=["unsigned", "an API key", "another key", "for another server", "a header changed", "a body changed"],
)
def test_who_is_no_server_of_the_same_keys_is_not_served(
    store: Store, wrong: Callable[[RunningServer], dict[str, str]], body: bytes
) -> None:
    async def main() -> None:
        agent = FakeAgent()
        async with (
            known(store) as server,
            dialled(server, server.connection("shop"), agent=agent),
            aiohttp.request("POST", f"{server.url}/peer/shop/x", headers=wrong(server), data=body) as answer,
        ):
            assert (answer.status, answer.headers[ERROR]) == (401, "unauthorized")
        assert agent.requests == []

    asyncio.run(main())


def test_a_signed_request_counts_once(store: Store) -> None:
    async def main() -> None:
        agent = FakeAgent()
        async with known(store) as server, dialled(server, server.connection("shop"), agent=agent):
            headers = signed(server, body=b"x")
            statuses = []
            for _ in range(2):
                async with aiohttp.request("POST", f"{server.url}/peer/shop/x", headers=headers, data=b"x") as answer:
                    statuses.append(answer.status)
            assert statuses == [200, 401]
        assert len(agent.requests) == 1

    asyncio.run(main())


def test_a_body_of_unknown_length_is_not_taken_from_a_server(store: Store) -> None:
    async def main() -> None:
        async with known(store) as server:
            headers = signed(server)
            async with aiohttp.request("POST", f"{server.url}/peer/shop/x", headers=headers, data=pieces()) as answer:
                assert (answer.status, answer.headers[ERROR]) == (413, "too-large")

    asyncio.run(main())


def test_two_servers_on_postgresql_find_each_other(server_url: str) -> None:
    async def main() -> None:
        with Store.open(server_url) as store, Store.open(server_url) as other:
            async with (
                known(store) as far,
                known(other) as near,
                dialled(far, far.connection("shop")) as client,
                aiohttp.ClientSession(near.url, headers=near.headers) as platform,
            ):
                await told(near, store)
                async with platform.get("/broker/shop/x") as answer:
                    assert answer.status == 200
                assert (await client.deliver("job-1", b"result")).status == 200
                async with platform.get("/results/shop/job-1") as answer:
                    assert await answer.read() == b"result"

    asyncio.run(main())

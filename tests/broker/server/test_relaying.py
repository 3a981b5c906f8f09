"""Requests of the platform: what reaches the agent, what comes back, and what is said where nothing does."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest
from yarl import URL

from fakes.broker_clients import FakeAgent, dialled, scene
from fakes.broker_servers import RunningServer, serving
from patience import until
from tidewaiter.broker.messages import DEADLINE, ERROR, IDEMPOTENCY
from tidewaiter.broker.server.settings import Ceilings
from tidewaiter.broker.tunnel import Body, Reply, Request
from tidewaiter.errors import BrokerError
from tidewaiter.store.store import Store

LONG = 3 << 20


class Dying:
    """An agent whose tunnel is cut while it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.cut = asyncio.Event()

    async def __call__(self, _: Request, __: Body) -> Reply:
        self.asked += 1
        self.cut.set()
        await asyncio.Event().wait()
        raise AssertionError


async def code_of(response: aiohttp.ClientResponse) -> tuple[int, str]:
    """Status and code of an error, which stands in a header and in the body."""
    told = await response.json()
    assert told["error"]["message"]
    assert told["error"]["code"] == response.headers[ERROR]
    return response.status, told["error"]["code"]


def test_a_request_reaches_the_agent_and_its_answer_comes_back(store: Store) -> None:
    async def main() -> None:
        agent = FakeAgent(Reply(203, (("x-told", "yes"), ("content-type", "text/x")), b"hello"))
        async with scene(store, agent) as here:
            url = "/broker/shop/list/team/app?tag=a%20b&x="
            async with here.platform.post(url, data=b"question", headers={DEADLINE: "7.5"}) as answer:
                assert (answer.status, answer.headers["x-told"]) == (203, "yes")
                assert (answer.content_type, await answer.read()) == ("text/x", b"hello")
        request, body = agent.requests[0]
        assert (request.method, request.target, request.connection) == ("POST", "/list/team/app?tag=a%20b&x=", "shop")
        assert (request.deadline, body) == (7.5, b"question")

    asyncio.run(main())


def test_only_headers_that_are_meant_for_the_agent_reach_it(store: Store) -> None:
    async def main() -> None:
        agent = FakeAgent()
        sent = {
            "X-API-Key": "another",
            "Cookie": "a=b",
            "Connection": "keep-alive, x-hop",
            "X-Hop": "1",
            "TE": "trailers",
            "Proxy-Authorization": "Basic eA==",
            "x-tidewaiter-connection": "payments",
            "x-tidewaiter-callback": "http://evil",
            "x-tidewaiter-signature": "1.2.3",
            "x-tidewaiter-deadline": "5",
            "x-broker-var-sub": "x-tidewaiter-credentials",
            "x-tidewaiter-credentials": "${CR_CREDENTIALS}",
            "Idempotency-Key": "job-1",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "test",
        }
        async with scene(store, agent) as here, here.platform.get("/broker/shop/list", headers=sent) as answer:
            assert answer.status == 200
        assert sorted(agent.requests[0][0].headers) == [
            ("accept", "application/json"),
            ("accept-encoding", "identity"),
            ("idempotency-key", "job-1"),
            ("user-agent", "test"),
            ("x-broker-var-sub", "x-tidewaiter-credentials"),
            ("x-tidewaiter-credentials", "${CR_CREDENTIALS}"),
        ]

    asyncio.run(main())


def test_the_headers_of_one_hop_of_an_answer_end_there(store: Store) -> None:
    async def main() -> None:
        hop = (("connection", "x-hop"), ("x-hop", "1"), ("keep-alive", "9"), ("x-tidewaiter-proof", "0"))
        agent = FakeAgent(Reply(200, (*hop, ("a", "b"))))
        async with scene(store, agent) as here, here.platform.get("/broker/shop/") as answer:
            names = {name.lower() for name in answer.headers}
        assert "a" in names
        assert names.isdisjoint({"x-hop", "keep-alive", "x-tidewaiter-proof"})

    asyncio.run(main())


async def pieces(count: int = 30, size: int = 100_000) -> AsyncIterator[bytes]:
    for number in range(count):
        yield bytes([number]) * size


def test_long_bodies_stream_both_ways(store: Store) -> None:
    async def main() -> None:
        whole = b"".join([piece async for piece in pieces()])
        agent = FakeAgent(Reply(200, (), pieces()))
        async with scene(store, agent) as here, here.platform.post("/broker/shop/x", data=pieces()) as answer:
            assert await answer.read() == whole
        assert agent.requests[0][1] == whole

    asyncio.run(main())


def test_compressed_bodies_pass_as_they_are(store: Store) -> None:
    async def main() -> None:
        squeezed, coded = gzip.compress(b"plain"), {"Content-Encoding": "gzip"}
        agent = FakeAgent(Reply(200, (("content-encoding", "gzip"),), squeezed))
        async with (
            scene(store, agent) as here,
            here.platform.post("/broker/shop/x", data=squeezed, headers=coded) as answer,
        ):
            assert await answer.read() == squeezed
            assert answer.headers["content-encoding"] == "gzip"
        request, body = agent.requests[0]
        assert body == squeezed
        assert ("content-encoding", "gzip") in request.headers

    asyncio.run(main())


def test_the_least_busy_replica_is_asked(store: Store) -> None:
    async def main() -> None:
        slow, quick = Dying(), FakeAgent()
        async with scene(store, slow) as here:
            waiting = asyncio.create_task(here.platform.get("/broker/shop/long"))
            await slow.cut.wait()
            async with dialled(here.server, here.token, agent=quick, replica="quick"):
                for _ in range(3):
                    async with here.platform.get("/broker/shop/short") as answer:
                        assert answer.status == 200
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        assert (slow.asked, len(quick.requests)) == (1, 3)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("method", "key", "status"),
    [("GET", "", 200), ("HEAD", "", 200), ("POST", "", 502), ("POST", "job-1", 200), ("DELETE", "", 502)],
    ids=["a GET", "a HEAD", "a POST", "a POST with an idempotency key", "a DELETE"],
)
def test_what_may_be_sent_again_goes_to_another_replica(store: Store, method: str, key: str, status: int) -> None:
    async def main() -> None:
        dying, living = Dying(), FakeAgent()
        async with scene(store, dying) as here:
            named = {IDEMPOTENCY: key} if key else {}
            asking = asyncio.create_task(
                here.platform.request(method, "/broker/shop/scan", data=b"image", headers=named)
            )
            await dying.cut.wait()
            async with dialled(here.server, here.token, agent=living, replica="living"):
                await here.client.tunnel.close("killed")
                async with await asking as answer:
                    assert answer.status == status
                    if status == 502:
                        assert await code_of(answer) == (502, "lost")
        assert (dying.asked, len(living.requests)) == (1, 1 if status == 200 else 0)
        assert all(body == b"image" for _, body in living.requests)

    asyncio.run(main())


def test_an_answer_that_breaks_off_does_not_look_whole_and_is_not_asked_for_again(store: Store) -> None:
    async def main() -> None:
        begun, other = asyncio.Event(), FakeAgent()

        async def endless() -> AsyncIterator[bytes]:
            yield bytes(LONG)
            begun.set()
            await asyncio.Event().wait()

        agent = FakeAgent(Reply(200, (), endless()))
        async with scene(store, agent) as here, here.platform.get("/broker/shop/list") as answer:
            reading = asyncio.create_task(answer.read())
            await begun.wait()
            async with dialled(here.server, here.token, agent=other):
                await here.client.tunnel.close("cut")
                with pytest.raises(aiohttp.ClientError):
                    await reading
        assert other.requests == []

    asyncio.run(main())


def test_who_goes_away_takes_the_agents_work_with_it(store: Store) -> None:
    async def main() -> None:
        ended = asyncio.Event()

        async def working(_: Request, __: Body) -> Reply:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            raise AssertionError

        async with scene(store, working) as here:
            with pytest.raises(TimeoutError):
                await here.platform.get("/broker/shop/list", timeout=aiohttp.ClientTimeout(total=0.1))
            async with asyncio.timeout(5):
                await ended.wait()

    asyncio.run(main())


def test_a_deadline_ends_a_request(store: Store) -> None:
    async def main() -> None:
        async with (
            scene(store, Dying()) as here,
            here.platform.get("/broker/shop/list", headers={DEADLINE: "0.1"}) as answer,
        ):
            assert await code_of(answer) == (504, "deadline")

    asyncio.run(main())


def test_a_deadline_ends_an_answer_in_its_middle_and_it_does_not_look_whole(store: Store) -> None:
    async def main() -> None:
        async def dripping() -> AsyncIterator[bytes]:
            while True:
                yield b"drop"
                await asyncio.sleep(0.01)

        agent, soon = FakeAgent(Reply(200, (), dripping())), {DEADLINE: "0.1"}
        async with scene(store, agent) as here, here.platform.get("/broker/shop/list", headers=soon) as answer:
            with pytest.raises(aiohttp.ClientError):
                await answer.read()

    asyncio.run(main())


@pytest.mark.parametrize("told", ["soon", "nan", "-1", "0"])
def test_a_deadline_that_is_none_is_refused(store: Store, told: str) -> None:
    async def main() -> None:
        agent = FakeAgent()
        async with (
            scene(store, agent) as here,
            here.platform.get("/broker/shop/list", headers={DEADLINE: told}) as answer,
        ):
            assert await code_of(answer) == (400, "malformed")
        assert agent.requests == []

    asyncio.run(main())


def test_no_request_has_longer_than_the_server_allows(store: Store) -> None:
    async def main() -> None:
        agent = FakeAgent()
        async with scene(store, agent, ceilings=Ceilings(longest=20.0, deadline=9.0, grace=0.0)) as here:
            await (await here.platform.get("/broker/shop/", headers={DEADLINE: "99999"})).read()
            await (await here.platform.get("/broker/shop/")).read()
        assert [request.deadline for request, _ in agent.requests] == [20.0, 9.0]

    asyncio.run(main())


def _revoked(server: RunningServer) -> None:
    server.connection("shop")
    server.store.exchange.revoke_connection("shop", now=server.server.desk.now())


def _made(server: RunningServer) -> None:
    server.connection("shop")


def _nothing(server: RunningServer) -> None:
    pass


@pytest.mark.parametrize(
    ("before", "expected"),
    [(_nothing, (404, "unknown-connection")), (_revoked, (410, "revoked")), (_made, (503, "not-connected"))],
    ids=["unknown", "revoked", "not connected"],
)
def test_what_is_said_of_a_connection_that_nobody_carries(
    store: Store, before: Callable[[RunningServer], object], expected: tuple[int, str]
) -> None:
    async def main() -> None:
        async with serving(store) as server, aiohttp.ClientSession(headers=server.headers) as platform:
            before(server)
            async with platform.get(f"{server.url}/broker/shop/list") as answer:
                assert await code_of(answer) == expected
                assert ("Retry-After" in answer.headers) == (expected[0] == 503)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer a wrong key, of some length"}, 401),
        ({"Authorization": "Basic an-api-key-of-the-platform"}, 401),
        ({"X-API-Key": ""}, 401),
        ({"X-API-Key": "an-api-key-of-the-platform"}, 503),
        ({"Authorization": "bearer an-api-key-of-the-platform"}, 503),
    ],
    ids=["none", "wrong", "another scheme", "empty", "in its own header", "as bearer"],
)
@pytest.mark.parametrize("path", ["/broker/shop/list", "/results/shop", "/connections", "/metrics", "/nowhere"])
def test_without_one_of_the_keys_nothing_is_said(store: Store, path: str, headers: dict[str, str], status: int) -> None:
    async def main() -> None:
        async with serving(store) as server, aiohttp.ClientSession(headers=headers) as platform:
            server.connection("shop")
            async with platform.get(f"{server.url}{path}") as answer:
                if status == 401:
                    assert await code_of(answer) == (401, "unauthorized")
                    assert answer.headers["WWW-Authenticate"] == "Bearer"
                else:
                    assert answer.status != 401

    asyncio.run(main())


@pytest.mark.parametrize(
    "path",
    [
        "/broker/shop/%2e%2e/metrics",
        "/broker/shop/a/../b",
        "/broker/../metrics",
        "/broker/shop/a%2fb",
        "/broker/shop/a%5cb",
        "/broker/shop/a%00b",
        "/broker/shop/a%252e",
        "/broker//shop/a",
        "/broker/shop/a;b",
        "//broker/shop/a",
        "/broker/shop/%0d%0aHost:%20x",
    ],
)
def test_a_path_that_could_be_read_in_two_ways_reaches_nobody(store: Store, path: str) -> None:
    async def main() -> None:
        agent = FakeAgent()
        async with scene(store, agent) as here:
            url = URL(f"{here.server.url}{path}", encoded=True)
            async with aiohttp.request("GET", url, headers=here.server.headers) as answer:
                assert await code_of(answer) == (400, "malformed")
        assert agent.requests == []

    asyncio.run(main())


def test_an_error_of_the_client_is_told_with_its_code_and_advice(store: Store) -> None:
    async def refusing(_: Request, __: Body) -> Reply:
        raise BrokerError("no rule allows it", advice="Ask for something else", code="refused")

    async def main() -> None:
        async with scene(store, refusing) as here, here.platform.get("/broker/shop/etc/passwd") as answer:
            assert answer.status == 403
            words = {"code": "refused", "message": "no rule allows it", "advice": "Ask for something else"}
            assert await answer.json() == {"error": words}

    asyncio.run(main())


def test_many_requests_at_once_come_back_each_to_its_own_asker(store: Store) -> None:
    async def main() -> None:
        async def parrot(request: Request, _: Body) -> Reply:
            await asyncio.sleep(0)
            return Reply(200, (), request.target.encode())

        async with scene(store, parrot) as here:

            async def ask(number: int) -> bool:
                async with here.platform.get(f"/broker/shop/n/{number}") as answer:
                    return await answer.read() == f"/n/{number}".encode()

            assert all(await asyncio.gather(*map(ask, range(200))))
            await until(lambda: all(not session.busy for session in here.server.server.tunnels.sessions))

    asyncio.run(main())

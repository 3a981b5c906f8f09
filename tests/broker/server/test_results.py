"""What the platform fetches."""

import asyncio

import aiohttp
import pytest

from fakes.broker_clients import dialled, scene
from fakes.broker_servers import serving
from tidewaiter.broker.messages import ERROR
from tidewaiter.broker.server.receiving import PART
from tidewaiter.store.store import Store


def test_results_are_listed_the_oldest_first(store: Store) -> None:
    async def main() -> None:
        async with scene(store) as here:
            for number in (3, 1, 2):
                await here.client.deliver(f"job-{number}", b"x" * number)
            async with here.platform.get("/results/shop") as answer:
                assert answer.content_type == "application/json"
                assert await answer.json() == [
                    {"job": "job-3", "size": 3},
                    {"job": "job-1", "size": 1},
                    {"job": "job-2", "size": 2},
                ]

    asyncio.run(main())


def test_who_waits_is_woken_by_what_comes(store: Store) -> None:
    async def main() -> None:
        async with scene(store) as here:
            waiting = asyncio.create_task(here.platform.get("/results/shop?wait=60"))
            await asyncio.sleep(0.02)
            assert not waiting.done()
            await here.client.deliver("job-1", b"x")
            async with asyncio.timeout(5), await waiting as answer:
                assert await answer.json() == [{"job": "job-1", "size": 1}]

    asyncio.run(main())


def test_what_comes_by_another_server_wakes_too(store: Store) -> None:
    async def main() -> None:
        async with (
            scene(store) as here,
            serving(store) as other,
            aiohttp.ClientSession(other.url, headers=other.headers) as platform,
        ):
            waiting = asyncio.create_task(platform.get("/results/shop?wait=60"))
            await asyncio.sleep(0.02)
            await here.client.deliver("job-1", b"x")
            async with asyncio.timeout(5), await waiting as answer:
                assert await answer.json() == [{"job": "job-1", "size": 1}]
            async with platform.get("/results/shop/job-1") as answer:
                assert await answer.read() == b"x"

    asyncio.run(main())


@pytest.mark.parametrize("wait", ["0", "0.03", "1e-3"])
def test_after_the_wait_there_is_nothing(store: Store, wait: str) -> None:
    async def main() -> None:
        async with scene(store) as here, here.platform.get(f"/results/shop?wait={wait}") as answer:
            assert (answer.status, await answer.json()) == (200, [])

    asyncio.run(main())


@pytest.mark.parametrize("wait", ["soon", "-1", "nan", ""])
def test_a_wait_that_is_none_is_refused(store: Store, wait: str) -> None:
    async def main() -> None:
        async with scene(store) as here, here.platform.get(f"/results/shop?wait={wait}") as answer:
            assert (answer.status, answer.headers[ERROR]) == (400, "malformed")

    asyncio.run(main())


def test_to_acknowledge_forgets_a_result_and_can_be_done_twice(store: Store) -> None:
    async def main() -> None:
        async with scene(store) as here:
            await here.client.deliver("job-1", b"x")
            for _ in range(2):
                async with here.platform.delete("/results/shop/job-1") as answer:
                    assert answer.status == 204
            async with here.platform.get("/results/shop") as answer:
                assert await answer.json() == []
            assert store.exchange.occupied("shop") == 0

    asyncio.run(main())


def test_a_result_that_is_not_there_is_no_error_of_the_relay(store: Store) -> None:
    async def main() -> None:
        async with scene(store) as here, here.platform.get("/results/shop/job-1") as answer:
            assert answer.status == 404
            assert ERROR not in answer.headers
            assert (await answer.json())["error"]["code"] == "not-found"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("GET", "?wait=60"), ("GET", "/job"), ("DELETE", "/job")], ids=str
)
@pytest.mark.parametrize(("name", "status", "code"), [("lab", 404, "unknown-connection"), ("shop", 410, "revoked")])
def test_of_a_connection_that_is_not_there_nothing_can_come(
    store: Store, method: str, path: str, name: str, status: int, code: str
) -> None:
    async def main() -> None:
        async with scene(store) as here:
            await here.client.deliver("job", b"x")
            store.exchange.revoke_connection("shop", now=here.server.server.desk.now())
            async with here.platform.request(method, f"/results/{name}{path}") as answer:
                assert (answer.status, answer.headers[ERROR]) == (status, code)

    asyncio.run(main())


@pytest.mark.parametrize(("method", "path"), [("POST", "/results/shop"), ("GET", "/results"), ("PUT", "/results/a/b")])
def test_results_have_no_other_requests(store: Store, method: str, path: str) -> None:
    async def main() -> None:
        async with scene(store) as here, here.platform.request(method, path) as answer:
            assert answer.status == 404

    asyncio.run(main())


def test_a_result_that_is_replaced_while_it_is_sent_does_not_look_whole(store: Store) -> None:
    async def main() -> None:
        async with scene(store) as here:
            await here.client.deliver("job-1", bytes(16 * PART))  # more than fits on the way
            async with here.platform.get("/results/shop/job-1") as answer:
                await answer.content.readexactly(1000)
                await here.client.deliver("job-1", b"new")
                with pytest.raises(aiohttp.ClientError):
                    await answer.read()
            async with here.platform.get("/results/shop/job-1") as answer:
                assert await answer.read() == b"new"

    asyncio.run(main())


def test_results_outlive_the_server(store: Store) -> None:
    async def main() -> None:
        async with scene(store) as here:
            await here.client.deliver("job-1", b"x")
        async with serving(store) as server, aiohttp.ClientSession(server.url, headers=server.headers) as platform:
            async with platform.get("/results/shop/job-1") as answer:
                assert await answer.read() == b"x"
            async with dialled(server, here.token) as client:
                assert (await client.deliver("job-2", b"y")).status == 200

    asyncio.run(main())

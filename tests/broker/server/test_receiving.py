"""What agents deliver: all of it, as it was promised, or nothing."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from fakes.broker_clients import FakeClient, Scene, dialled, scene
from patience import until
from tidewaiter.broker.messages import CONTENT_DIGEST, DONE_PATH, ERROR, JOB, RESULT_TYPE
from tidewaiter.broker.server.receiving import PART
from tidewaiter.broker.server.settings import Beat, Ceilings
from tidewaiter.broker.wire import Request
from tidewaiter.store.deliveries import ROW
from tidewaiter.store.store import Store

LONG = bytes(range(256)) * 12_000  # three parts


async def in_pieces(content: bytes, size: int = 200_000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def digest(content: bytes) -> str:
    return f"sha256:{sha256(content).hexdigest()}"


def occupied(store: Store) -> int:
    return store.exchange.occupied("shop")


async def fetched(here: Scene, job: str) -> bytes:
    async with here.platform.get(f"/results/shop/{job}") as answer:
        assert answer.status == 200
        content = await answer.read()
        assert answer.headers["Content-Type"] == RESULT_TYPE
        assert answer.headers[CONTENT_DIGEST] == digest(content)
        assert answer.headers[JOB] == job
        return content


@pytest.mark.parametrize("content", [b"", b"small", LONG], ids=["empty", "small", "long"])
def test_a_result_comes_to_the_platform_as_it_was_delivered(store: Store, content: bytes) -> None:
    async def main() -> None:
        async with scene(store) as here:
            answer = await here.client.deliver("job-1", in_pieces(content), digest=digest(content))
            assert (answer.status, await answer.read(99)) == (200, b"{}")
            assert await fetched(here, "job-1") == content

    asyncio.run(main())


def test_a_long_result_is_kept_in_parts(store: Store) -> None:
    async def main() -> None:
        async with scene(store) as here:
            await here.client.deliver("job-1", in_pieces(LONG), digest=digest(LONG))
            row = store.exchange.delivery("shop", "job-1")
            assert row is not None
            sizes = [len(store.exchange.part(row.key, position) or b"") for position in range(4)]
            assert sum(sizes) == len(LONG)
            assert sizes[-1] == 0
            assert all(PART <= size < 2 * PART for size in sizes[:2])

    asyncio.run(main())


def test_another_digest_than_was_promised_keeps_nothing(store: Store) -> None:
    async def main() -> None:
        async with scene(store) as here:
            answer = await here.client.deliver("job-1", in_pieces(LONG), digest=digest(b"something else"))
            assert answer.status == 400
            assert b"has the digest" in await answer.read(999)
            assert occupied(store) == 0

    asyncio.run(main())


def test_a_result_that_breaks_off_keeps_nothing(store: Store) -> None:
    async def main() -> None:
        begun, go = asyncio.Event(), asyncio.Event()

        async def half() -> AsyncIterator[bytes]:
            yield LONG[: PART * 2]
            begun.set()
            await go.wait()

        async with scene(store) as here:
            asking = asyncio.create_task(here.client.deliver("job-1", half(), digest=digest(LONG)))
            await begun.wait()
            await until(lambda: occupied(store) > 0)
            await here.client.tunnel.close("cut")
            await asyncio.gather(asking, return_exceptions=True)
            await until(lambda: occupied(store) == 0)
            assert store.exchange.deliveries("shop", limit=9) == []

    asyncio.run(main())


def test_the_same_job_again_replaces_what_came_first(store: Store) -> None:
    async def main() -> None:
        async with scene(store) as here:
            for content in (b"first", b"second", b"second"):
                assert (await here.client.deliver("job-1", content)).status == 200
            assert await fetched(here, "job-1") == b"second"
            assert occupied(store) == len(b"second") + ROW

    asyncio.run(main())


@pytest.mark.parametrize(
    ("job", "told"),
    [
        ("", digest(b"x")),
        ("../job", digest(b"x")),
        ("a" * 201, digest(b"x")),
        ("job", "sha256:short"),
        ("job", digest(b"x").upper()),
        ("job", "md5:00"),
    ],
    ids=["no job", "a path", "a long name", "a short digest", "capitals", "another algorithm"],
)
def test_a_result_without_a_job_or_a_digest_is_refused(store: Store, job: str, told: str) -> None:
    async def main() -> None:
        async with scene(store) as here:
            answer = await here.client.deliver(job, b"x", digest=told)
            assert (answer.status, dict(answer.headers)[ERROR]) == (400, "malformed")
            assert occupied(store) == 0

    asyncio.run(main())


@pytest.mark.parametrize(
    "path",
    [
        "/v2/import/result",
        "/api/v2/import/result",
        "/v1/recurring-tests/dependencies",
        "/api/v1/recurring-tests/dependencies",
        "/rest/scan/result",
    ],
)
def test_results_come_under_the_paths_of_the_reference(store: Store, path: str) -> None:
    async def main() -> None:
        async with scene(store) as here:
            assert (await here.client.deliver("job-1", b"x", path=path)).status == 200
            assert await fetched(here, "job-1") == b"x"

    asyncio.run(main())


@pytest.mark.parametrize("path", ["/", "/v2/import", "/v2/import/result/more", "/metrics", "/v2/%69mport/done/"])
def test_there_are_no_other_callbacks(store: Store, path: str) -> None:
    async def main() -> None:
        async with scene(store) as here:
            answer = await here.client.deliver("job-1", b"x", path=path)
            assert (answer.status, dict(answer.headers)[ERROR]) == (403, "refused")
            assert occupied(store) == 0

    asyncio.run(main())


@pytest.mark.parametrize("path", [DONE_PATH, f"/api{DONE_PATH}"])
def test_that_all_is_done_is_heard(store: Store, path: str) -> None:
    async def main() -> None:
        async with scene(store) as here:
            answer = await here.client.tunnel.ask(Request("POST", path, "shop", (), 5.0), b"{}")
            assert answer.status == 200

    asyncio.run(main())


def test_a_connection_has_a_quota_and_room_again_when_something_was_fetched(store: Store) -> None:
    async def main() -> None:
        async with scene(store, ceilings=Ceilings(quota=len(LONG) + 2 * ROW + 10, grace=0.0)) as here:
            assert (await here.client.deliver("job-1", in_pieces(LONG), digest=digest(LONG))).status == 200
            full = await here.client.deliver("job-2", b"more than ten bytes")
            assert (full.status, dict(full.headers)[ERROR]) == (429, "busy")
            assert occupied(store) == len(LONG) + ROW
            await here.platform.delete("/results/shop/job-1")
            assert (await here.client.deliver("job-2", b"more than ten bytes")).status == 200

    asyncio.run(main())


def test_results_with_nothing_in_them_do_not_come_without_end(store: Store) -> None:
    async def main() -> None:
        async with scene(store, ceilings=Ceilings(quota=3 * ROW, grace=0.0)) as here:
            answers = [await here.client.deliver(f"job-{number}", b"") for number in range(5)]
            assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
            assert len(store.exchange.deliveries("shop", limit=9)) == 3

    asyncio.run(main())


def test_so_many_results_of_a_connection_are_on_their_way_and_no_more(store: Store) -> None:
    async def main() -> None:
        go = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield b"x"
            await go.wait()

        async with scene(store, ceilings=Ceilings(deliveries=2, grace=0.0)) as here:
            token = here.server.connection("lab")
            slowly = [asyncio.create_task(here.client.deliver(job, slow(), digest=digest(b"x"))) for job in "ab"]
            await until(lambda: occupied(store) == 2 * ROW)
            refused = await here.client.deliver("c", b"x")
            assert (refused.status, dict(refused.headers)[ERROR]) == (429, "busy")
            async with dialled(here.server, token) as other:
                assert (await other.deliver("c", b"x")).status == 200
            go.set()
            assert [(await each).status for each in slowly] == [200, 200]
            assert (await here.client.deliver("c", b"x")).status == 200

    asyncio.run(main())


def test_a_store_that_fails_acknowledges_nothing(store: Store) -> None:
    async def main() -> None:
        async with scene(store) as here:
            with store._database.engine.begin() as connection:
                connection.exec_driver_sql("ALTER TABLE delivery_part RENAME TO away")
            answer = await here.client.deliver("job-1", b"x")
            assert (answer.status, dict(answer.headers)[ERROR]) == (503, "failed")
            with store._database.engine.begin() as connection:
                connection.exec_driver_sql("ALTER TABLE away RENAME TO delivery_part")
            assert (await here.client.deliver("job-1", b"x")).status == 200

    asyncio.run(main())


def test_while_somebody_else_writes_to_the_store_questions_are_answered(store: Store, tmp_path: Path) -> None:
    async def main() -> None:
        async with scene(store) as here:
            with closing(sqlite3.connect(tmp_path / "fleet.db", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                deliveries = [asyncio.create_task(here.client.deliver(f"job-{n}", b"small")) for n in range(10)]
                await until(lambda: here.client.tunnel.load == len(deliveries))
                async with here.platform.get("/results/shop") as answer:
                    assert await answer.json() == []
                async with dialled(here.server, here.token) as late:
                    assert late.names == ("shop",)
                assert not any(each.done() for each in deliveries)
                other.rollback()
            assert {answer.status for answer in await asyncio.gather(*deliveries)} == {200}

    asyncio.run(main())


def test_long_results_at_once_do_not_mix(store: Store) -> None:
    async def main() -> None:
        async def deliver(client: FakeClient, number: int) -> None:
            content = bytes([number]) * (PART + number)
            assert (await client.deliver(f"job-{number}", in_pieces(content), digest=digest(content))).status == 200

        async with scene(store) as here:
            await asyncio.gather(*[deliver(here.client, number) for number in range(6)])
            for number in range(6):
                assert await fetched(here, f"job-{number}") == bytes([number]) * (PART + number)
            await until(lambda: all(not session.busy for session in here.server.server.tunnels.sessions))

    asyncio.run(main())


def test_what_comes_before_a_revoked_token_was_noticed_is_refused_too(store: Store) -> None:
    async def main() -> None:
        async with scene(store, beat=Beat(look=60.0)) as here:
            store.exchange.revoke_connection("shop", now=here.server.server.desk.now())
            answer = await here.client.deliver("job-1", b"x")
            assert (answer.status, dict(answer.headers)[ERROR]) == (410, "revoked")

    asyncio.run(main())

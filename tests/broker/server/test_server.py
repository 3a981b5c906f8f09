"""A server's life: its health, what it counts and says, and how it ends."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from fakes.broker_clients import FakeAgent, dialled, scene
from fakes.broker_servers import API_KEY, QUICK, RunningServer, serving
from patience import until
from tidewaiter.broker.journal import ROOT, Form, open_journal
from tidewaiter.broker.secrets import Secrets
from tidewaiter.broker.server.server import Server
from tidewaiter.broker.server.settings import Ceilings, ServerSettings
from tidewaiter.broker.tls import client_context
from tidewaiter.broker.tunnel import Body, Reply, Request
from tidewaiter.broker.wire import GoingAway
from tidewaiter.errors import UsageError
from tidewaiter.store.records import TunnelRow
from tidewaiter.store.store import Store

HOUR = timedelta(hours=1)


@asynccontextmanager
async def brief(
    store: Store, ceilings: Ceilings, stop: asyncio.Event
) -> "AsyncIterator[tuple[RunningServer, asyncio.Task[None]]]":
    """A server that stops when it is told to, and the task that is done then."""
    server = Server(ServerSettings(keys=(API_KEY,), port=0, ceilings=ceilings, beat=QUICK), store.exchange)
    started: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def run() -> None:
        async with server.running() as url:
            started.set_result(url)
            await stop.wait()

    task = asyncio.create_task(run())
    yield RunningServer(await started, store, server), task
    stop.set()
    await task


@pytest.fixture
def journal() -> Iterator[io.StringIO]:
    """What is logged, from the worst to the least, without any secret taken out."""
    root, stream = logging.getLogger(), io.StringIO()
    before, level = list(root.handlers), root.level
    open_journal(form=Form.JSON, level="debug", secrets=Secrets(), stream=stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)
    logging.getLogger(ROOT).setLevel(logging.NOTSET)


def test_health_is_told_to_anybody_and_is_the_truth_about_the_store(store: Store) -> None:
    async def main() -> None:
        async with serving(store) as server, aiohttp.ClientSession(server.url) as anybody:
            async with anybody.get("/healthcheck") as answer:
                assert (answer.status, await answer.json()) == (200, {"ok": True, "store": "ok", "tunnels": 0})
            with store._database.engine.begin() as connection:
                connection.exec_driver_sql("ALTER TABLE connection RENAME TO away")
            server.server.pulse._felt = float("-inf")  # a second later
            async with anybody.get("/healthcheck") as answer:
                assert answer.status == 503
                assert (await answer.json())["store"] == "does not answer"

    asyncio.run(main())


def test_tunnels_stay_while_the_store_is_away(store: Store) -> None:
    async def main() -> None:
        async with scene(store) as here:
            with store._database.engine.begin() as connection:
                connection.exec_driver_sql("ALTER TABLE connection RENAME TO away")
            await until(lambda: not here.server.server.pulse._well)
            async with here.platform.get("/broker/shop/list") as answer:
                assert answer.status == 200
            with store._database.engine.begin() as connection:
                connection.exec_driver_sql("ALTER TABLE away RENAME TO connection")
            await until(lambda: here.server.server.pulse._well)
            assert here.client.notices == []

    asyncio.run(main())


def test_a_client_that_comes_while_the_store_is_away_is_not_told_that_its_token_is_wrong(store: Store) -> None:
    async def main() -> None:
        async with scene(store) as here:
            with store._database.engine.begin() as connection:
                connection.exec_driver_sql("ALTER TABLE connection RENAME TO away")
            with pytest.raises(Exception, match="store failed"):
                async with dialled(here.server, here.token):
                    pytest.fail("welcomed")

    asyncio.run(main())


def test_connections_are_told_with_their_replicas(store: Store) -> None:
    async def main() -> None:
        async with scene(store) as here, dialled(here.server, here.token, replica="two"):
            here.server.connection("idle")
            await here.client.deliver("job-1", b"12345")
            await until(lambda: len(store.exchange.tunnels(since=here.server.server.desk.now() - HOUR)) == 2)
            async with here.platform.get("/connections") as answer:
                idle, shop = await answer.json()
        assert (idle["connection"], idle["replicas"], idle["revoked"]) == ("idle", [], None)
        assert sorted(replica["replica"] for replica in shop["replicas"]) == ["one", "two"]
        assert (shop["results"], shop["result_bytes"]) == (1, 5)
        assert here.token not in str((idle, shop))

    asyncio.run(main())


def test_what_happens_is_counted(store: Store) -> None:
    async def main() -> None:
        async with scene(store) as here:
            for path in ("/broker/shop/list", "/broker/shop/list", "/broker/lab/list"):
                await (await here.platform.get(path)).read()
            await here.client.deliver("job-1", b"12345")
            await here.server.server.pulse.tell()
            async with here.platform.get("/metrics") as answer:
                assert answer.content_type == "text/plain"
                counted = await answer.text()
        for line in (
            'tidewaiter_broker_requests_total{status="200"} 2.0',
            'tidewaiter_broker_requests_total{status="404"} 1.0',
            'tidewaiter_broker_refusals_total{code="unknown-connection"} 1.0',
            'tidewaiter_broker_greetings_total{outcome="welcome"} 1.0',
            "tidewaiter_broker_request_seconds_count 3.0",
            "tidewaiter_broker_results_total 1.0",
            "tidewaiter_broker_result_bytes_total 5.0",
            "tidewaiter_broker_tunnels 1.0",
            "tidewaiter_broker_connections 1.0",
            "tidewaiter_broker_store_up 1.0",
        ):
            assert line in counted.splitlines()

    asyncio.run(main())


def test_two_servers_of_one_process_count_for_themselves(store: Store) -> None:
    async def main() -> None:
        async with scene(store) as here, serving(store) as other:
            await (await here.platform.get("/broker/shop/list")).read()
            assert b'requests_total{status="200"}' not in other.server.metrics.text()

    asyncio.run(main())


def test_each_request_is_logged_without_its_query_and_without_secrets(store: Store, journal: io.StringIO) -> None:
    async def main() -> str:
        async with scene(store) as here:
            async with here.platform.get("/broker/shop/list/app?token=query-secret") as answer:
                assert answer.status == 200
            await here.client.deliver("job-1", b"body-secret")
            await here.client.deliver("job-1", b"body-secret", path="/elsewhere?token=query-secret")
            async with here.platform.get("/results/shop/job-1") as answer:
                await answer.read()
            async with dialled(here.server, "tw_unknown-secret", here.token):
                pass
            return here.token

    token = asyncio.run(main())
    lines = journal.getvalue()
    assert '"method":"GET","path":"/broker/shop/list/app","status":200' in lines
    assert '"connection":"shop","job":"job-1","bytes":11' in lines
    assert '"message":"a token was refused"' in lines
    for secret in (token, "query-secret", "body-secret", "unknown-secret", API_KEY):
        assert secret not in lines


def test_why_a_request_came_to_no_answer_is_logged(store: Store, journal: io.StringIO) -> None:
    async def main() -> None:
        async with serving(store) as server, aiohttp.ClientSession(server.url) as platform:
            for path, key in (("/broker/nobody/list", API_KEY), ("/connections", "a-key-that-is-made-up")):
                async with platform.get(path, headers={"X-API-Key": key}):
                    pass

    asyncio.run(main())
    lines = [json.loads(line) for line in journal.getvalue().splitlines()]
    told = [(each["level"], each["status"], each["error"]) for each in lines if each["message"] == "answered"]
    assert told == [
        ("warning", 404, "there is no connection 'nobody'"),
        ("warning", 401, "the API key is not one of this server's"),
    ]
    assert "made-up" not in journal.getvalue()


@pytest.mark.parametrize("path", ["/", "/brokers/shop", "/broker", "/connections/shop", "/healthcheck/x", "/peer"])
def test_there_are_no_other_paths(store: Store, path: str) -> None:
    async def main() -> None:
        async with scene(store) as here, here.platform.get(path) as answer:
            assert answer.status == 404
            assert "There are /broker/CONNECTION" in (await answer.json())["error"]["advice"]

    asyncio.run(main())


def test_a_server_that_stops_says_so_and_lets_what_is_under_way_end(store: Store) -> None:
    async def main() -> None:
        begun, go = asyncio.Event(), asyncio.Event()

        async def working(_: Request, __: Body) -> Reply:
            begun.set()
            await go.wait()
            return Reply(200, (), b"done")

        stop = asyncio.Event()
        async with brief(store, Ceilings(grace=30.0), stop) as (here, stopping):
            async with (
                dialled(here, here.connection("shop"), agent=working) as client,
                aiohttp.ClientSession(here.url, headers=here.headers) as platform,
            ):
                asking = asyncio.create_task(platform.get("/broker/shop/scan"))
                waiting = asyncio.create_task(platform.get("/results/shop?wait=60"))
                await begun.wait()
                await until(lambda: bool(here.server._arrivals._waiting))
                stop.set()
                await until(lambda: bool(client.notices))
                assert isinstance(client.notices[0], GoingAway)
                async with await waiting as answer:
                    assert await answer.json() == []
                for path in ("/broker/shop/more", "/healthcheck"):
                    async with platform.get(path) as answer:
                        assert answer.status == 503
                with pytest.raises(aiohttp.WSServerHandshakeError):
                    async with dialled(here, "any"):
                        pytest.fail("came in")
                assert not stopping.done()
                go.set()
                async with await asking as answer:
                    assert await answer.read() == b"done"
                assert "the server stops" in await client.running
            await stopping
        assert store.exchange.tunnels(since=datetime.now(UTC) - HOUR) == []

    asyncio.run(main())


def test_what_does_not_end_is_ended_after_the_grace(store: Store) -> None:
    async def main() -> None:
        begun = asyncio.Event()

        async def endless() -> AsyncIterator[bytes]:
            yield bytes(1 << 20)
            begun.set()
            await asyncio.Event().wait()

        stop = asyncio.Event()
        async with (
            brief(store, Ceilings(grace=0.05), stop) as (here, stopping),
            dialled(here, here.connection("shop"), agent=FakeAgent(Reply(200, (), endless()))),
            aiohttp.ClientSession(here.url, headers=here.headers) as platform,
            platform.get("/broker/shop/scan") as answer,
        ):
            await begun.wait()
            stop.set()
            async with asyncio.timeout(5):
                await stopping
            with pytest.raises(aiohttp.ClientError):
                await answer.read()

    asyncio.run(main())


def test_results_that_nobody_fetches_and_servers_that_say_nothing_are_forgotten(store: Store) -> None:
    async def main() -> None:
        async with scene(store) as here:
            await here.client.deliver("job-1", b"x")
        row = TunnelRow(key="gone", connection="shop", replica="one", load=0, since=datetime.now(UTC))
        store.exchange.saw_tunnels("killed", "", [row], now=datetime.now(UTC) - HOUR)
        async with serving(store, ceilings=Ceilings(kept=0.0)) as server:
            await until(lambda: b"results_expired_total 1.0" in server.server.metrics.text())
        assert store.exchange.deliveries("shop", limit=1) == []
        assert store.exchange.tunnels(since=datetime.now(UTC) - 2 * HOUR) == []

    asyncio.run(main())


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ((), "has no API key"),
        (("short",), "at least 16"),
        ((API_KEY, "x" * 15), "at least 16"),
        (("ü" * 20,), "ASCII"),
        (("two words of a key",), "visible"),
    ],
    ids=["none", "short", "a second one short", "not ASCII", "blanks"],
)
def test_keys_that_can_be_guessed_are_refused(keys: tuple[str, ...], words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        ServerSettings(keys=keys)
    assert "openssl rand" in str(caught.value)


def test_settings_do_not_show_the_keys() -> None:
    assert API_KEY not in repr(ServerSettings(keys=(API_KEY,)))


def test_it_speaks_tls_where_it_has_a_certificate(store: Store, certificate: Path) -> None:
    async def main() -> None:
        key = str(certificate.with_name("key.pem"))
        trusting = client_context(authority=str(certificate))
        async with serving(store, certificate=str(certificate), key=key) as server:
            assert server.url.startswith("https://127.0.0.1:")
            async with (
                aiohttp.ClientSession(server.url, connector=aiohttp.TCPConnector(ssl=trusting)) as anybody,
                anybody.get("/healthcheck") as answer,
            ):
                assert answer.status == 200

    asyncio.run(main())

import asyncio
import gzip
import io
import os
import signal
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from certificates import Authority
from raw_http import SMUGGLING, exchange, request, status
from tidewaiter.broker.journal import Form, close_journal, open_journal
from tidewaiter.broker.secrets import Secrets
from tidewaiter.broker.service import Bounds, listening, run
from tidewaiter.broker.tls import client_context, server_context
from tidewaiter.errors import UsageError

Seen = list[tuple[str, bytes]]


def serve(
    act: Callable[[str, Seen], Awaitable[None]], *, bounds: Bounds | None = None, tls: ssl.SSLContext | None = None
) -> None:
    """Acts with a server that notes each request that it hears."""
    seen: Seen = []

    async def note(asked: web.Request) -> web.Response:
        seen.append((f"{asked.method} {asked.raw_path}", await asked.read()))
        return web.Response(text="heard")

    async def main(_: asyncio.Event) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", note)
        async with listening(app, bounds=bounds, tls=tls) as url:
            await act(url, seen)

    run(main)


def test_it_answers_where_it_says() -> None:
    async def act(url: str, seen: Seen) -> None:
        async with aiohttp.ClientSession() as session, session.post(f"{url}/scan?a=b", data=b"body") as answer:
            assert await answer.text() == "heard"
        assert url.startswith("http://127.0.0.1:")
        assert seen == [("POST /scan?a=b", b"body")]

    serve(act)


def test_it_answers_over_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def act(url: str, _: Seen) -> None:
        trusting = client_context(authority=authority.path)
        async with aiohttp.ClientSession() as session, session.get(url, ssl=trusting) as answer:
            assert answer.status == 200
        assert url.startswith("https://127.0.0.1:")

    serve(act, tls=server_context(*authority.issue("server")))


def test_what_can_be_read_in_two_ways_is_not_heard() -> None:
    async def act(url: str, seen: Seen) -> None:
        said = await asyncio.gather(*[exchange(url, data) for data in SMUGGLING.values()])
        heard = [name for name, answer in zip(SMUGGLING, said, strict=True) if status(answer) not in _REFUSED]
        assert not heard
        assert not seen

    serve(act)


_REFUSED = {0, 400, 501}


def test_a_compressed_body_comes_as_it_was_sent() -> None:
    async def act(url: str, seen: Seen) -> None:
        body = gzip.compress(bytes(1 << 20))
        head = ("Content-Encoding: gzip", f"Content-Length: {len(body)}")
        assert status(await exchange(url, request("POST /scan", *head, body=body))) == 200
        assert seen == [("POST /scan", body)]

    serve(act)


@pytest.mark.parametrize(
    "beginning",
    [b"", b"GET /li", b"GET /list HTTP/1.1\r\nHost: a\r\nX-A: "],
    ids=["nothing", "half-a-line", "half-a-head"],
)
def test_who_does_not_get_to_the_point_is_hung_up_on(beginning: bytes) -> None:
    async def act(url: str, seen: Seen) -> None:
        assert await exchange(url, beginning) == b""
        assert not seen

    serve(act, bounds=Bounds(keep_alive=0.05))


def test_connections_beyond_the_bound_are_closed_until_there_is_room() -> None:
    async def act(url: str, _: Seen) -> None:
        port = int(url.rpartition(":")[2])
        held = [(await asyncio.open_connection("127.0.0.1", port))[1] for _ in range(2)]
        await asyncio.sleep(0.01)
        assert await exchange(url, request("GET /list")) == b""
        for writer in held:
            writer.close()
            await writer.wait_closed()
        await asyncio.sleep(0.01)
        assert status(await exchange(url, request("GET /list"))) == 200

    serve(act, bounds=Bounds(connections=2))


def test_what_is_no_http_is_told_in_a_line_without_what_was_sent() -> None:
    stream = io.StringIO()
    open_journal(form=Form.TEXT, level="info", secrets=Secrets(), stream=stream)

    async def act(url: str, _: Seen) -> None:
        for data in (
            request("GET /list", "Authorization: Bearer s3cret\rX"),
            request("GET /list", "Authorization: Bearer s3cret" + "a" * 100_000),
            request("GET /s3cret\0"),
        ):
            await exchange(url, data)

    try:
        serve(act)
    finally:
        close_journal()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert all(" WARNING http: refused what is no HTTP request: " in line for line in lines)
    assert "s3cret" not in stream.getvalue()


@pytest.mark.parametrize("begun", [False, True])
def test_who_leaves_before_the_answer_is_no_error_of_the_program(begun: bool) -> None:
    stream = io.StringIO()
    open_journal(form=Form.TEXT, level="info", secrets=Secrets(), stream=stream)
    left = []

    async def leave(asked: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        if begun:
            await answer.prepare(asked)
        assert asked.transport is not None
        asked.transport.abort()
        left.append(True)
        await answer.prepare(asked)
        await answer.write(b"for nobody")
        return answer

    async def main(_: asyncio.Event) -> None:
        app = web.Application()
        app.router.add_get("/", leave)
        async with listening(app) as url:
            await exchange(url, request("GET /"))

    try:
        run(main)
    finally:
        close_journal()
    assert left
    assert stream.getvalue() == ""


def test_requests_under_way_are_finished_at_the_end() -> None:
    answered: list[int] = []

    async def main(_: asyncio.Event) -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slowly(_: web.Request) -> web.Response:
            begun.set()
            await go_on.wait()
            return web.Response()

        async def ask(url: str) -> None:
            async with aiohttp.ClientSession() as session, session.get(url) as answer:
                answered.append(answer.status)

        app = web.Application()
        app.router.add_get("/", slowly)
        async with listening(app) as url:
            asking = asyncio.ensure_future(ask(url))
            await begun.wait()
            asyncio.get_running_loop().call_later(0.02, go_on.set)
        await asking

    run(main)
    assert answered == [200]


def test_where_nobody_can_listen_it_is_told() -> None:
    async def act(url: str, _: Seen) -> None:
        port = int(url.rpartition(":")[2])
        with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1:{port}: .*in use"):
            async with listening(web.Application(), port=port):
                pass

    serve(act)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_to_end(number: signal.Signals) -> None:
    async def main(stop: asyncio.Event) -> str:
        os.kill(os.getpid(), number)
        await stop.wait()
        return "ended"

    assert run(main) == "ended"


def test_a_second_signal_ends_at_once() -> None:
    async def main(stop: asyncio.Event) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.Event().wait()

    with pytest.raises(KeyboardInterrupt):
        run(main)

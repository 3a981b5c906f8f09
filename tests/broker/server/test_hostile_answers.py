"""Answers of a client or agent that want to be taken for those of others, or to harm who asked."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from fakes.broker_clients import FakeAgent, scene
from tidewaiter.broker.tunnel import Reply
from tidewaiter.store.store import Store

FORGED = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"


async def in_two_pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content[:9]
    yield content[9:]


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize(("method", "status"), [("GET", 204), ("GET", 304), ("HEAD", 200), ("HEAD", 404)])
def test_what_follows_an_answer_without_a_body_is_not_the_next_answer(
    store: Store, method: str, status: int, streamed: bool
) -> None:
    async def main() -> None:
        body = in_two_pieces(FORGED) if streamed else FORGED
        async with scene(store, FakeAgent(Reply(status, (), body))) as here:
            where = urlsplit(here.server.url)
            reader, writer = await asyncio.open_connection(where.hostname, where.port)
            key = here.server.headers["Authorization"]
            head = f"HTTP/1.1\r\nHost: broker.example\r\nAuthorization: {key}\r\n"
            writer.write(f"{method} /broker/shop/list {head}\r\n".encode())
            first = await reader.readuntil(b"\r\n\r\n")
            writer.write(f"GET /connections {head}Connection: close\r\n\r\n".encode())
            following = await reader.read()
            writer.close()
        assert first.startswith(f"HTTP/1.1 {status} ".encode())
        assert following.startswith(b"HTTP/1.1 200 OK")
        assert b'"connection":"shop"' in following
        assert FORGED not in following

    asyncio.run(main())

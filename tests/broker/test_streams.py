import asyncio
import sys

import pytest

from fakes.carriers import carrier_pair
from tidewaiter.broker.outbox import Outbox
from tidewaiter.broker.streams import Body, Room
from tidewaiter.broker.wire import FIRST_CREDIT, Code
from tidewaiter.errors import BrokerError


def body_of(*chunks: bytes, last: bool = True) -> Body:
    outbox = Outbox(carrier_pair()[0], lambda: None)
    body = Body(1, outbox, Room(0), FIRST_CREDIT)
    for chunk in chunks:
        body.feed(chunk, last=False)
    if last:
        body.feed(b"", last=True)
    return body


async def chunks_of(body: Body) -> list[bytes]:
    return [chunk async for chunk in body]


@pytest.mark.parametrize("chunks", [(), (b"one",), (b"o", b"n", b"e"), (b"x" * 20_000,)])
def test_a_body_that_is_all_here_is_had_in_one_piece(chunks: tuple[bytes, ...]) -> None:
    async def check() -> None:
        body = body_of(*chunks)
        assert body.whole == b"".join(chunks)
        assert b"".join(await chunks_of(body)) == b"".join(chunks)

    asyncio.run(check())


def test_a_body_is_not_whole_before_its_end_nor_when_some_was_read_nor_when_it_broke_off() -> None:
    async def check() -> None:
        assert body_of(b"one", last=False).whole is None
        read = body_of(b"x" * 20_000, b"y" * 20_000)
        assert read.whole is None
        await anext(read)
        assert read.whole is None
        broken = body_of(b"one")
        broken.fail(BrokerError("cut", code=Code.LOST))
        assert broken.whole is None

    asyncio.run(check())


def test_many_small_chunks_take_little_more_than_they_hold() -> None:
    async def check() -> None:
        body = body_of(*[b"x"] * 100_000)
        held = await chunks_of(body)
        assert sum(map(len, held)) == 100_000
        assert sum(map(sys.getsizeof, held)) < 105_000

    asyncio.run(check())


def test_small_chunks_beside_large_ones_stay_in_order() -> None:
    async def check() -> None:
        chunks = [b"a", b"b" * 20_000, b"c", b"d", b"e" * 16_384, b"f"]
        assert b"".join(await chunks_of(body_of(*chunks))) == b"".join(chunks)

    asyncio.run(check())

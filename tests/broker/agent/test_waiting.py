"""Who waits for his turn."""

import asyncio

import pytest

from tidewaiter.broker.agent.waiting import Room, Turns
from tidewaiter.errors import BrokerError


def test_connections_take_turns() -> None:
    async def check() -> None:
        turns: Turns[str] = Turns(100, 100)
        for item in ("a1", "a2", "a3", "b1", "c1", "c2"):
            turns.put(item[0], item)
        assert [await turns.take() for _ in range(6)] == ["a1", "b1", "c1", "a2", "c2", "a3"]
        assert len(turns) == 0

    asyncio.run(check())


def test_who_takes_waits_for_somebody() -> None:
    async def check() -> None:
        turns: Turns[str] = Turns(100, 100)
        takers = [asyncio.create_task(turns.take()) for _ in range(2)]
        await asyncio.sleep(0)
        turns.put("a", "a1")
        turns.put("a", "a2")
        assert sorted(await asyncio.gather(*takers)) == ["a1", "a2"]

    asyncio.run(check())


def test_a_line_and_all_lines_have_an_end() -> None:
    turns: Turns[str] = Turns(3, 2)
    turns.put("a", "a1")
    turns.put("a", "a2")
    with pytest.raises(BrokerError) as refused:
        turns.check("a")
    assert (refused.value.code, refused.value.retry) == ("busy", True)
    turns.check("b")
    turns.put("b", "b1")
    with pytest.raises(BrokerError):
        turns.check("c")
    turns.remove("a", "a1")
    turns.check("c")


def test_who_leaves_the_line_is_not_taken() -> None:
    async def check() -> None:
        turns: Turns[str] = Turns(3, 2)
        turns.put("a", "a1")
        turns.put("b", "b1")
        turns.remove("a", "a1")
        assert await turns.take() == "b1"
        with pytest.raises(KeyError):
            turns.remove("a", "a1")

    asyncio.run(check())


def test_a_room_holds_so_much_and_lets_in_who_came_first() -> None:
    async def check() -> None:
        room, inside = Room(10), list[int]()

        async def enter(weight: int) -> None:
            await room.enter(weight)
            inside.append(weight)

        tasks = [asyncio.create_task(enter(weight)) for weight in (6, 5, 1)]
        await asyncio.sleep(0.001)
        assert inside == [6]
        room.leave(6)
        await asyncio.gather(*tasks)
        assert inside == [6, 5, 1]

    asyncio.run(check())


def test_what_is_too_heavy_is_alone_in_the_room() -> None:
    async def check() -> None:
        room = Room(10)
        await room.enter(1)
        heavy = asyncio.create_task(room.enter(1000))
        await asyncio.sleep(0.001)
        assert not heavy.done()
        room.leave(1)
        await heavy
        light = asyncio.create_task(room.enter(1))
        await asyncio.sleep(0.001)
        assert not light.done()
        room.leave(1000)
        await light

    asyncio.run(check())


def test_who_gives_up_before_the_door_lets_others_in() -> None:
    async def check() -> None:
        room = Room(10)
        await room.enter(6)
        heavy, light = asyncio.create_task(room.enter(6)), asyncio.create_task(room.enter(4))
        await asyncio.sleep(0.001)
        assert not light.done()
        heavy.cancel()
        await light

    asyncio.run(check())

"""Results are delivered until the server has them: none is lost, and none holds up others."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from fakes.posts import AWAY, GONE, REFUSED, MemoryPost
from patience import until
from tidewaiter.broker.agent.delivery import Delivery, Pace
from tidewaiter.broker.agent.desks import Desks
from tidewaiter.broker.agent.post import Receipt, Uptake
from tidewaiter.broker.agent.spool import Parcel, Spool

HERE, THERE = "http://127.0.0.1:7341", "http://127.0.0.1:7342"
QUICK = Pace(first=0.001, longest=0.002, seldom=0.002)
LAZY = Pace(first=3600.0, longest=3600.0, seldom=3600.0)


@dataclass
class Lanes:
    """A delivery, what it delivers to, and what it told: (job, whether the server has it)."""

    spool: Spool
    post: MemoryPost
    delivery: Delivery
    ended: list[tuple[str, bool]]
    now: list[float] = field(default_factory=lambda: [0.0])

    def put(self, *jobs: str, connection: str = "shop", callback: str = HERE) -> Sequence[Parcel]:
        parcels = [self.spool.put(connection, job, callback, f"result of {job}".encode()) for job in jobs]
        for parcel in parcels:
            self.delivery.add(parcel)
        return parcels

    async def over(self, number: int) -> None:
        """Until so many results are over."""
        await until(lambda: len(self.ended) >= number)


def files(folder: Path) -> list[Path]:
    """What is in a folder."""
    return list(folder.iterdir())


def damage(path: str) -> None:
    """Change the last byte of a file."""
    with open(path, "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"?")


@asynccontextmanager
async def lanes(folder: Path, post: MemoryPost, pace: Pace = QUICK, home: str = "") -> AsyncIterator[Lanes]:
    ended: list[tuple[str, bool]] = []
    now = [0.0]
    desks = Desks(calls=4)
    spool = Spool(str(folder), ceiling=1 << 20)
    delivery = Delivery(
        spool,
        post,
        desks,
        ended=lambda parcel, taken: ended.append((parcel.job, taken)),
        home=home,
        pace=pace,
        jitter=lambda: 1.0,
        clock=lambda: now[0],
    )
    try:
        yield Lanes(spool, post, delivery, ended, now)
    finally:
        await delivery.close()
        desks.close()


def run(
    folder: Path, post: MemoryPost, check: Callable[[Lanes], Awaitable[None]], pace: Pace = QUICK, home: str = ""
) -> None:
    async def checking() -> None:
        async with lanes(folder, post, pace, home) as opened:
            await check(opened)

    asyncio.run(checking())


def test_a_result_that_is_taken_is_removed(tmp_path: Path) -> None:
    async def check(lanes: Lanes) -> None:
        lanes.put("job")
        await lanes.over(1)
        assert lanes.post.taken == [("job", b"result of job")]
        assert (lanes.ended, files(tmp_path), lanes.spool.taken) == ([("job", True)], [], 0)

    run(tmp_path, MemoryPost(), check)


def test_it_is_tried_until_it_is_taken(tmp_path: Path) -> None:
    post = MemoryPost()
    post.receipts.extend([AWAY, GONE, REFUSED, AWAY, Receipt(Uptake.AWAY, "later", after=0.001)])

    async def check(lanes: Lanes) -> None:
        lanes.put("job")
        await lanes.over(1)
        assert (len(lanes.post.tried), lanes.ended) == (6, [("job", True)])

    run(tmp_path, post, check)


def test_one_waits_longer_each_time_and_never_longer_than_the_longest(tmp_path: Path) -> None:
    desks = Desks(calls=1)
    desks.close()
    delivery = Delivery(
        Spool(str(tmp_path), ceiling=1),
        MemoryPost(),
        desks,
        ended=lambda _parcel, _taken: None,
        pace=Pace(first=1.0, longest=30.0, seldom=600.0),
        jitter=lambda: 1.0,
    )
    assert [delivery.wait(times, AWAY) for times in (1, 2, 3, 6, 7, 10_000)] == [1, 2, 4, 30, 30, 30]
    assert [delivery.wait(times, GONE) for times in (1, 2, 10, 11, 10_000)] == [1, 2, 512, 600, 600]
    assert delivery.wait(1, replace(AWAY, after=5.0)) == 6.0
    assert delivery.wait(1, replace(AWAY, after=86_400.0)) == 31.0


def test_several_of_a_connection_are_under_way_at_a_time(tmp_path: Path) -> None:
    post = MemoryPost(hold=asyncio.Event())

    async def check(lanes: Lanes) -> None:
        lanes.put(*(f"job-{number}" for number in range(10)))
        await until(lambda: len(post.tried) == 4)
        assert post.hold is not None
        post.hold.set()
        await lanes.over(10)
        assert post.most == 4
        assert sorted(post.jobs) == sorted(f"job-{number}" for number in range(10))

    run(tmp_path, post, check)


def test_while_nobody_is_there_only_few_knock(tmp_path: Path) -> None:
    post = MemoryPost()
    post.receipts.extend([AWAY] * 4)

    async def check(lanes: Lanes) -> None:
        lanes.put(*(f"job-{number}" for number in range(10)))
        await until(lambda: len(post.tried) >= 4)
        await asyncio.sleep(0.01)
        assert len(post.tried) == 4
        lanes.delivery.reach("shop", THERE)
        await lanes.over(10)

    run(tmp_path, post, check, LAZY)


def test_a_refused_result_holds_up_no_other(tmp_path: Path) -> None:
    post = MemoryPost(always={f"bad-{number}": REFUSED for number in range(8)})

    async def check(lanes: Lanes) -> None:
        lanes.put(*post.always, "good")
        await lanes.over(1)
        assert lanes.ended == [("good", True)]
        assert len(files(tmp_path)) == 8

    run(tmp_path, post, check, LAZY)


def test_a_result_that_always_fails_holds_up_no_other(tmp_path: Path) -> None:
    post = MemoryPost(always={f"bad-{number}": AWAY for number in range(8)})

    async def check(lanes: Lanes) -> None:
        lanes.put(*post.always, "good", "better")
        await lanes.over(2)
        assert sorted(lanes.ended) == [("better", True), ("good", True)]

    run(tmp_path, post, check)


def test_an_error_of_the_post_is_no_end(tmp_path: Path) -> None:
    class Broken(MemoryPost):
        async def result(self, callback: str, parcel: Parcel) -> Receipt:
            receipt = await super().result(callback, parcel)
            if len(self.tried) == 1:
                raise RuntimeError("a bug")
            return receipt

    async def check(lanes: Lanes) -> None:
        lanes.put("job")
        await lanes.over(1)
        assert (lanes.ended, len(lanes.post.tried)) == ([("job", True)], 2)

    run(tmp_path, Broken(), check)


def test_a_connection_that_is_gone_holds_up_no_other(tmp_path: Path) -> None:
    post = MemoryPost(always={"lost": GONE})

    async def check(lanes: Lanes) -> None:
        lanes.put("lost", connection="gone")
        lanes.put("job", connection="shop")
        await lanes.over(1)
        assert lanes.ended == [("job", True)]

    run(tmp_path, post, check, LAZY)


def test_what_is_refused_for_days_is_dropped_and_not_before(tmp_path: Path) -> None:
    for receipt in (GONE, REFUSED):
        post = MemoryPost(always={"job": receipt})

        async def check(lanes: Lanes, post: MemoryPost = post) -> None:
            lanes.put("job")
            await until(lambda: len(post.tried) >= 3)
            lanes.now[0] = 86_400.0 * 7 - 1
            tried = len(post.tried)
            await until(lambda: len(post.tried) >= tried + 3)
            assert lanes.ended == []
            lanes.now[0] += 1
            await lanes.over(1)
            assert (lanes.ended, files(tmp_path)) == ([("job", False)], [])

        run(tmp_path, post, check)


def test_what_nobody_answers_is_kept_for_ever(tmp_path: Path) -> None:
    post = MemoryPost(always={"job": AWAY})

    async def check(lanes: Lanes) -> None:
        lanes.put("job")
        lanes.now[0] = 86_400.0 * 10_000
        await until(lambda: len(post.tried) >= 5)
        assert (lanes.ended, len(files(tmp_path))) == ([], 1)

    run(tmp_path, post, check)


def test_results_go_where_the_client_was_heard_of_last(tmp_path: Path) -> None:
    post = MemoryPost()
    post.receipts.append(AWAY)

    async def check(lanes: Lanes) -> None:
        lanes.put("job")
        await until(lambda: len(post.tried) == 1)
        lanes.delivery.reach("bank", HERE)
        lanes.delivery.reach("shop", THERE)
        await lanes.over(1)
        lanes.put("next")
        await lanes.over(2)
        assert post.tried == [(HERE, "job"), (THERE, "job"), (THERE, "next")]

    run(tmp_path, post, check, LAZY)


def test_results_of_an_agent_before_go_to_the_client_that_is_known(tmp_path: Path) -> None:
    async def check(lanes: Lanes) -> None:
        lanes.put("job")
        await lanes.over(1)
        assert lanes.post.tried == [(THERE, "job")]

    run(tmp_path, MemoryPost(), check, home=THERE)


def test_a_result_is_forgotten_while_it_waits_and_while_it_is_sent(tmp_path: Path) -> None:
    post = MemoryPost(hold=asyncio.Event())

    async def check(lanes: Lanes) -> None:
        parcels = lanes.put(*(f"job-{number}" for number in range(6)))
        await until(lambda: len(post.tried) == 4)
        for parcel in (parcels[0], parcels[5]):
            await lanes.delivery.forget(parcel)
        assert post.hold is not None
        post.hold.set()
        await lanes.over(4)
        assert sorted(post.jobs) == ["job-1", "job-2", "job-3", "job-4"]
        assert files(tmp_path) == []

    run(tmp_path, post, check)


def test_a_damaged_result_is_not_delivered_and_its_job_is_told(tmp_path: Path) -> None:
    async def check(lanes: Lanes) -> None:
        parcel = lanes.spool.put("shop", "job", HERE, b"what was found")
        damage(parcel.path)
        lanes.delivery.add(replace(parcel, checked=False))
        await lanes.over(1)
        assert (lanes.ended, lanes.post.tried) == ([("job", False)], [])

    run(tmp_path, MemoryPost(), check)


def test_what_the_server_refuses_is_looked_at_for_damage(tmp_path: Path) -> None:
    post = MemoryPost(always={"job": REFUSED})

    async def check(lanes: Lanes) -> None:
        parcel = lanes.spool.put("shop", "job", HERE, b"what was found")
        damage(parcel.path)
        lanes.delivery.add(parcel)
        await lanes.over(1)
        assert (lanes.ended, len(post.tried)) == ([("job", False)], 1)

    run(tmp_path, post, check)


def test_a_result_that_somebody_removed_is_told_and_not_tried_for_ever(tmp_path: Path) -> None:
    post = MemoryPost(always={"job": AWAY})

    async def check(lanes: Lanes) -> None:
        (parcel,) = lanes.put("job")
        await until(lambda: len(post.tried) >= 2)
        os.unlink(parcel.path)
        await lanes.over(1)
        assert lanes.ended == [("job", False)]

    run(tmp_path, post, check)


def test_what_was_not_delivered_at_the_end_is_on_disk(tmp_path: Path) -> None:
    async def check(lanes: Lanes) -> None:
        lanes.put(*(f"job-{number}" for number in range(6)))
        await until(lambda: len(lanes.post.tried) == 4)

    run(tmp_path, MemoryPost(hold=asyncio.Event()), check)
    assert [parcel.job for parcel in Spool(str(tmp_path), ceiling=1).parcels] == [f"job-{n}" for n in range(6)]


def test_a_client_is_told_once_that_no_job_is_left(tmp_path: Path) -> None:
    post = MemoryPost()
    post.receipts.extend([AWAY, AWAY])

    async def check(lanes: Lanes) -> None:
        lanes.delivery.notify("shop", HERE, lambda: True)
        lanes.delivery.notify("shop", HERE, lambda: True)
        await until(lambda: bool(post.told))
        await asyncio.sleep(0.01)
        assert post.told == ["shop"]

    run(tmp_path, post, check)


def test_it_is_not_told_when_there_is_a_job_again(tmp_path: Path) -> None:
    post = MemoryPost()
    post.receipts.append(AWAY)
    still = [True]

    async def check(lanes: Lanes) -> None:
        lanes.delivery.notify("shop", HERE, lambda: still[0])
        await until(lambda: not post.receipts)
        still[0] = False
        await asyncio.sleep(0.02)
        assert post.told == []

    run(tmp_path, post, check)

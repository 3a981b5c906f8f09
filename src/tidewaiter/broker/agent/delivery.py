"""Results on their way: each connection's in its own lane, again and again until the server has acknowledged them."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from tidewaiter.broker.agent.desks import Desks
from tidewaiter.broker.agent.post import Post, Receipt, Uptake
from tidewaiter.broker.agent.spool import Parcel, Spool
from tidewaiter.broker.journal import fields, journal

_log = journal("agent")
_MOST_DOUBLINGS = 20
_CALLBACKS = 10_000  # clients whose place is remembered; of others it is what their jobs were told


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How patiently results are delivered, in seconds.

    After a failure one waits up to `first`, then up to twice as long each time, at most `longest`; where the connection
    is gone or a result refused, at most `seldom`. What is refused for `kept` is given up. `parallel` results of a
    connection are under way at the same time.
    """

    first: float = 0.5
    longest: float = 30.0
    seldom: float = 600.0
    kept: float = 7 * 86_400.0
    parallel: int = 4


Ended = Callable[[Parcel, bool], None]
"""Told of a result that will not be delivered any more, and whether that is because the server has it."""


@dataclass(slots=True)
class _Trying:
    """A result that is tried again and again, `times` so far; the server has not wanted it since `refused`."""

    parcel: Parcel
    times: int = 0
    refused: float | None = None


@dataclass(slots=True)
class _Lane:
    """The results of one connection: those that wait, and those that are tried, in so many places.

    `failures` counts how often nobody was there since somebody was; `tried` is of the loop's clock.
    """

    connection: str
    waiting: deque[_Trying] = field(default_factory=deque)
    tasks: dict[str, asyncio.Task[bool]] = field(default_factory=dict)
    notice: asyncio.Task[None] | None = None
    places: set[str] = field(default_factory=set)
    failures: int = 0
    tried: float = 0.0
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Whoever waits to try again does so now."""
        self.woken.set()
        self.woken = asyncio.Event()

    @property
    def busy(self) -> list[asyncio.Task[Any]]:
        """All that is under way."""
        return [*self.tasks.values(), *([self.notice] if self.notice else [])]


class Delivery:
    """Delivers results until they are acknowledged. Lives in one event loop; `close` it.

    What the server refuses is kept for days, then dropped and logged; what nobody answers is kept for ever. `home` is
    the base URL of a client that was not heard of yet, where that is known: results on disk may tell an older one.
    `jitter` gives a number between 0 and 1, `clock` seconds.
    """

    def __init__(
        self,
        spool: Spool,
        post: Post,
        desks: Desks,
        *,
        ended: Ended,
        home: str = "",
        pace: Pace | None = None,
        jitter: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spool = spool
        self._post = post
        self._desks = desks
        self._ended = ended
        self._home = home
        self._pace = pace or Pace()
        self._jitter = jitter
        self._clock = clock
        self._lanes: dict[str, _Lane] = {}
        self._callbacks: dict[str, str] = {}
        self._closed = False

    async def close(self) -> None:
        """Stop. What was not delivered is on disk."""
        self._closed = True
        tasks = [task for lane in self._lanes.values() for task in lane.busy]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def add(self, parcel: Parcel) -> None:
        """Deliver a result, after those of its connection that came before it."""
        lane = self._lane(parcel.connection)
        lane.waiting.append(_Trying(parcel))
        self._go(lane)

    def reach(self, connection: str, callback: str) -> None:
        """The client of a connection was heard of, and is at this address now: try again what failed."""
        moved = self._callbacks.pop(connection, "") != callback
        self._callbacks[connection] = callback
        if len(self._callbacks) > _CALLBACKS:
            del self._callbacks[next(iter(self._callbacks))]
        lane = self._lanes.get(connection)
        if lane is not None and (moved or asyncio.get_running_loop().time() - lane.tried >= self._pace.first):
            lane.wake()

    def callback(self, connection: str, default: str) -> str:
        """Where the client of a connection is: where it was heard of last; `default` is what a job was told."""
        return self._callbacks.get(connection) or self._home or default

    async def forget(self, parcel: Parcel) -> None:
        """Deliver a result no more, and remove it from disk."""
        lane = self._lanes.get(parcel.connection)
        if lane is not None:
            lane.waiting = deque(each for each in lane.waiting if each.parcel.job != parcel.job)
            if task := lane.tasks.get(parcel.job):
                task.cancel()
                await asyncio.wait({task})
        await self._drop(parcel)

    def notify(self, connection: str, callback: str, still: Callable[[], bool]) -> None:
        """Tell that no job of the connection is left, once, as long as that is `still` so."""
        lane = self._lane(connection)
        if lane.notice is None and not self._closed:
            lane.notice = asyncio.get_running_loop().create_task(self._notify(lane, callback, still))
            lane.notice.add_done_callback(lambda _: self._noticed(lane))

    def _lane(self, connection: str) -> _Lane:
        return self._lanes.setdefault(connection, _Lane(connection))

    def _go(self, lane: _Lane) -> None:
        """Try what waits, as far as there are places; there is but one while nobody is there."""
        while not self._closed and lane.waiting and len(lane.places) < (1 if lane.failures else self._pace.parallel):
            trying = lane.waiting.popleft()
            job = trying.parcel.job
            lane.places.add(job)
            task = lane.tasks[job] = asyncio.get_running_loop().create_task(self._attempt(lane, trying))
            task.add_done_callback(partial(self._attempted, lane, trying))

    def _attempted(self, lane: _Lane, trying: _Trying, task: asyncio.Task[bool]) -> None:
        """Have it tried again, after the others, where there is sense in it."""
        del lane.tasks[trying.parcel.job]
        lane.places.discard(trying.parcel.job)
        if not task.cancelled() and task.result():
            lane.waiting.append(trying)
        self._go(lane)
        self._leave(lane)

    def _noticed(self, lane: _Lane) -> None:
        lane.notice = None
        self._leave(lane)

    def _leave(self, lane: _Lane) -> None:
        """Forget a lane in which nothing is left."""
        if not lane.busy and not lane.waiting and self._lanes.get(lane.connection) is lane:
            del self._lanes[lane.connection]

    async def _attempt(self, lane: _Lane, trying: _Trying) -> bool:
        """Try once, and wait as long as it takes until the next time; whether there is one.

        While nobody is there the place is kept, so that few knock. What fails by itself makes room for others.
        """
        parcel = trying.parcel
        if not parcel.checked and not await self._check(trying):
            self._ended(parcel, False)
            return False
        receipt = await self._try(lane, trying)
        if receipt.uptake is Uptake.TAKEN or self._is_hopeless(trying, receipt):
            await self._drop(parcel)
            self._ended(parcel, receipt.uptake is Uptake.TAKEN)
            return False
        held = self.wait(lane.failures, receipt) if lane.failures else 0.0
        if not await self._pause(lane, held):
            lane.places.discard(parcel.job)
            self._go(lane)
            await self._pause(lane, self.wait(trying.times, receipt) - held)
        return True

    async def _try(self, lane: _Lane, trying: _Trying) -> Receipt:
        parcel = trying.parcel
        lane.tried = asyncio.get_running_loop().time()
        receipt = await self._posted(parcel)
        trying.times += 1
        taken, refused = receipt.uptake is Uptake.TAKEN, receipt.uptake is Uptake.REFUSED
        lane.failures = 0 if taken or refused else lane.failures + 1
        if not taken:
            _log.warning("result not delivered: %s", receipt.why, extra=_of(parcel))
        if taken or refused:
            self._go(lane)
        if refused or not (taken or parcel.is_there()):  # it may not be what was written
            trying.parcel = replace(parcel, checked=False)
        return receipt

    async def _posted(self, parcel: Parcel) -> Receipt:
        try:
            return await self._post.result(self.callback(parcel.connection, parcel.callback), parcel)
        except Exception as error:  # noqa: BLE001 - the edge of the stage: no result may be lost by it
            return Receipt(Uptake.AWAY, f"an error of tidewaiter itself: {type(error).__name__}: {error}")

    async def _check(self, trying: _Trying) -> bool:
        whole = await self._desks.call(partial(self._spool.check, trying.parcel))
        trying.parcel = whole or trying.parcel
        return whole is not None

    def _is_hopeless(self, trying: _Trying, receipt: Receipt) -> bool:
        """Whether the server has not wanted the result for so long that it never will."""
        if receipt.uptake is Uptake.AWAY:
            trying.refused = None
            return False
        now = self._clock()
        trying.refused = now if trying.refused is None else trying.refused
        if now - trying.refused < self._pace.kept:
            return False
        _log.error("result dropped, the server never wanted it: %s", receipt.why, extra=_of(trying.parcel))
        return True

    def wait(self, times: int, receipt: Receipt) -> float:
        """How many seconds until a callback is tried again that was tried so often."""
        longest = self._pace.longest if receipt.uptake is Uptake.AWAY else self._pace.seldom
        most = min(self._pace.first * 2.0 ** min(times - 1, _MOST_DOUBLINGS), longest)
        return min(receipt.after, longest) + most * self._jitter()

    async def _pause(self, lane: _Lane, seconds: float) -> bool:
        """Wait; whether somebody broke it off."""
        try:
            async with asyncio.timeout(seconds):
                await lane.woken.wait()
        except TimeoutError:
            return False
        return True

    async def _drop(self, parcel: Parcel) -> None:
        try:
            await self._desks.call(partial(self._spool.drop, parcel))
        except OSError as error:
            _log.error("result cannot be removed: %s: %s", parcel.path, error.strerror, extra=_of(parcel))

    async def _notify(self, lane: _Lane, callback: str, still: Callable[[], bool]) -> None:
        times = 0
        while still():
            receipt = await self._post.done(self.callback(lane.connection, callback), lane.connection)
            if receipt.uptake is not Uptake.AWAY:
                return
            times += 1
            await self._pause(lane, self.wait(times, receipt))


def _of(parcel: Parcel) -> dict[str, dict[str, str | float]]:
    return fields(job=parcel.job, connection=parcel.connection)

"""Results on their way: each connection's in its own lane, again and again until the server has acknowledged them."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from tidewaiter.broker.agent.desks import Desks
from tidewaiter.broker.agent.post import Post, Receipt, Reception
from tidewaiter.broker.agent.spool import Parcel, Spool
from tidewaiter.broker.journal import fields, journal

_log = journal("agent")
_NOTICE = ""  # where a job's name stands otherwise
_MOST_DOUBLINGS = 20


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
class _Lane:
    """The results of one connection: those that wait, and those that are tried. `tried` is of the loop's clock."""

    connection: str
    waiting: deque[Parcel] = field(default_factory=deque)
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    places: set[str] = field(default_factory=set)
    failing: bool = False
    tried: float = 0.0
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Whoever waits to try again does so now."""
        self.woken.set()
        self.woken = asyncio.Event()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.tasks and not self.waiting


@dataclass(slots=True)
class _Trying:
    """A result that is tried again and again. `refused` is since when the server has not wanted it."""

    parcel: Parcel
    times: int = 0
    refused: float | None = None


class Delivery:
    """Delivers results until they are acknowledged. Lives in one event loop; `close` it.

    What the server refuses is kept for days, then dropped and logged; what nobody answers is kept for ever. `jitter`
    gives a number between 0 and 1, `clock` seconds.
    """

    def __init__(
        self,
        spool: Spool,
        post: Post,
        desks: Desks,
        *,
        ended: Ended,
        pace: Pace | None = None,
        jitter: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spool = spool
        self._post = post
        self._desks = desks
        self._ended = ended
        self._pace = pace or Pace()
        self._jitter = jitter
        self._clock = clock
        self._lanes: dict[str, _Lane] = {}
        self._callbacks: dict[str, str] = {}
        self._closed = False

    async def close(self) -> None:
        """Stop. What was not delivered is on disk."""
        self._closed = True
        tasks = [task for lane in self._lanes.values() for task in lane.tasks.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def add(self, parcel: Parcel) -> None:
        """Deliver a result, after those of its connection that came before it."""
        lane = self._lane(parcel.connection)
        lane.waiting.append(parcel)
        self._go(lane)

    def reach(self, connection: str, callback: str) -> None:
        """The client of a connection was heard of, and is at this address now: try again what failed."""
        moved = self._callbacks.get(connection) != callback
        self._callbacks[connection] = callback
        lane = self._lanes.get(connection)
        if lane is not None and (moved or asyncio.get_running_loop().time() - lane.tried >= self._pace.first):
            lane.wake()

    def callback(self, connection: str, default: str) -> str:
        """Where the client of a connection is, as far as it was heard of."""
        return self._callbacks.get(connection, default)

    async def forget(self, parcel: Parcel) -> None:
        """Deliver a result no more, and remove it from disk."""
        lane = self._lanes.get(parcel.connection)
        if lane is not None:
            lane.waiting = deque(each for each in lane.waiting if each.job != parcel.job)
            if task := lane.tasks.get(parcel.job):
                task.cancel()
                await asyncio.wait({task})
        await self._drop(parcel)

    def notify(self, connection: str, callback: str, still: Callable[[], bool]) -> None:
        """Tell that no job of the connection is left, once, as long as that is `still` so."""
        lane = self._lane(connection)
        if _NOTICE not in lane.tasks and not self._closed:
            self._start(lane, _NOTICE, self._notify(lane, callback, still))

    def _lane(self, connection: str) -> _Lane:
        return self._lanes.setdefault(connection, _Lane(connection))

    def _go(self, lane: _Lane) -> None:
        """Try what waits, as far as there are places; one at a time while nobody takes anything."""
        while not self._closed and lane.waiting and len(lane.places) < (1 if lane.failing else self._pace.parallel):
            parcel = lane.waiting.popleft()
            lane.places.add(parcel.job)
            self._start(lane, parcel.job, self._deliver(lane, parcel))

    def _start(self, lane: _Lane, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        lane.tasks[name] = task
        task.add_done_callback(lambda _: self._over(lane, name))

    def _over(self, lane: _Lane, name: str) -> None:
        lane.tasks.pop(name, None)
        self._free(lane, name)
        if lane.empty and self._lanes.get(lane.connection) is lane:
            del self._lanes[lane.connection]

    def _free(self, lane: _Lane, name: str) -> None:
        lane.places.discard(name)
        self._go(lane)

    async def _deliver(self, lane: _Lane, parcel: Parcel) -> None:
        """Try until it is taken, or there is no sense in it. A refused one leaves its place to others."""
        trying = _Trying(parcel)
        while True:
            if not trying.parcel.checked and not await self._check(trying):
                self._ended(parcel, False)
                return
            receipt = await self._try(lane, trying)
            if receipt.reception is Reception.TAKEN or self._is_hopeless(trying, receipt):
                await self._drop(parcel)
                self._ended(parcel, receipt.reception is Reception.TAKEN)
                return
            if receipt.reception is Reception.REFUSED:
                self._free(lane, parcel.job)
            await self._pause(lane, self._wait(trying.times, receipt))

    async def _try(self, lane: _Lane, trying: _Trying) -> Receipt:
        parcel = trying.parcel
        lane.tried = asyncio.get_running_loop().time()
        receipt = await self._post.result(self.callback(parcel.connection, parcel.callback), parcel)
        trying.times += 1
        taken, refused = receipt.reception is Reception.TAKEN, receipt.reception is Reception.REFUSED
        lane.failing = not taken and not refused
        if not taken:
            _log.warning("result not delivered: %s", receipt.why, extra=_of(parcel))
        if taken or refused:
            self._go(lane)
        if refused:  # it may not be what was written
            trying.parcel = replace(parcel, checked=False)
        return receipt

    async def _check(self, trying: _Trying) -> bool:
        whole = await self._desks.call(partial(self._spool.check, trying.parcel))
        trying.parcel = whole or trying.parcel
        return whole is not None

    def _is_hopeless(self, trying: _Trying, receipt: Receipt) -> bool:
        """Whether the server has not wanted the result for so long that it never will."""
        if receipt.reception is Reception.AWAY:
            trying.refused = None
            return False
        now = self._clock()
        trying.refused = now if trying.refused is None else trying.refused
        if now - trying.refused < self._pace.kept:
            return False
        _log.error("result dropped, the server never wanted it: %s", receipt.why, extra=_of(trying.parcel))
        return True

    def _wait(self, times: int, receipt: Receipt) -> float:
        longest = self._pace.longest if receipt.reception is Reception.AWAY else self._pace.seldom
        most = min(self._pace.first * 2.0 ** min(times - 1, _MOST_DOUBLINGS), longest)
        return min(receipt.after, longest) + most * self._jitter()

    async def _pause(self, lane: _Lane, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await lane.woken.wait()

    async def _drop(self, parcel: Parcel) -> None:
        try:
            await self._desks.call(partial(self._spool.drop, parcel))
        except OSError as error:
            _log.error("result cannot be removed: %s: %s", parcel.path, error.strerror, extra=_of(parcel))

    async def _notify(self, lane: _Lane, callback: str, still: Callable[[], bool]) -> None:
        times = 0
        while still():
            receipt = await self._post.done(self.callback(lane.connection, callback), lane.connection)
            if receipt.reception is not Reception.AWAY:
                return
            times += 1
            await self._pause(lane, self._wait(times, receipt))


def _of(parcel: Parcel) -> dict[str, dict[str, str | float]]:
    return fields(job=parcel.job, connection=parcel.connection)

"""The agent's jobs: images that are to be looked through, and results on their way to the server."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self

from tidewaiter.broker.agent.ceilings import Ceilings
from tidewaiter.broker.agent.delivery import Delivery, Pace
from tidewaiter.broker.agent.desks import Desks
from tidewaiter.broker.agent.looking import Fetched, Looks, fetched, told
from tidewaiter.broker.agent.post import Post
from tidewaiter.broker.agent.records import OVER, Record, Records, Wanted
from tidewaiter.broker.agent.registries import Registries
from tidewaiter.broker.agent.shelf import DiskShelf
from tidewaiter.broker.agent.spool import Parcel, Spool
from tidewaiter.broker.agent.waiting import Room, Turns
from tidewaiter.broker.journal import fields, journal
from tidewaiter.broker.messages import Job, JobState
from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError
from tidewaiter.fleet.looker import Looked
from tidewaiter.image.limits import Limits
from tidewaiter.scan.failures import failure

_log = journal("agent")
_DISK_PAUSE = 5.0  # seconds until a full disk is tried again


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How an agent is doing. Sizes are in bytes; `oldest` is how many seconds the oldest result has waited."""

    queued: int
    running: int
    undelivered: int
    oldest: float
    spool_bytes: int
    spool_full: bool
    shelf_bytes: int


class Jobs:
    """Looks through images, as many at a time as the ceilings say, and delivers what comes of it.

    A job is named by its connection and key: who submits it again gets the same one, also when it is over, as long as
    that is remembered. Lives in one event loop: enter the context there.
    """

    def __init__(
        self,
        *,
        looks: Looks,
        registries: Registries,
        spool: Spool,
        shelf: DiskShelf,
        post: Post,
        desks: Desks,
        ceilings: Ceilings,
        limits: Limits,
        home: str = "",
        pace: Pace | None = None,
        clock: Callable[[], float] = time.time,
        disk_pause: float = _DISK_PAUSE,
    ) -> None:
        self._looks = looks
        self._registries = registries
        self._spool = spool
        self._shelf = shelf
        self._desks = desks
        self._ceilings = ceilings
        self._limits = limits
        self._clock = clock
        self._disk_pause = disk_pause
        self._delivery = Delivery(spool, post, desks, ended=self._delivered, home=home, pace=pace)
        self._turns: Turns[Record] = Turns(ceilings.waiting, ceilings.waiting_each)
        self._room = Room(ceilings.under_way_bytes)
        self._spooled = asyncio.Event()
        self._records = Records(self._delivery.notify)
        self._operators: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        for parcel in self._spool.parcels:
            record = Record(parcel.job, parcel.connection, JobState.DONE, parcel=parcel)
            self._records.know(record)
            self._delivery.add(parcel)
        loop = asyncio.get_running_loop()
        self._operators = [loop.create_task(self._operate()) for _ in range(self._ceilings.operations)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for operator in self._operators:
            operator.cancel()
        await asyncio.wait(self._operators)
        await self._delivery.close()

    async def submit(self, key: str, wanted: Wanted) -> Job:
        """Take a job on. Raises BrokerError (busy) while there are too many, or the disk is full of results."""
        self.heard(wanted.connection, wanted.callback)
        record = self._records.get(wanted.connection, key)
        if record is not None:
            if record.state is JobState.QUEUED:
                record.wanted = wanted  # its credentials and its callback are newer
            return record.told()
        if self._spool.full:
            what, advice = "the agent's disk is full of results", "They go when the server takes them; ask again then"
            raise BrokerError(what, advice=advice, retry=True, code=Code.BUSY)
        self._turns.check(wanted.connection)
        record = Record(key, wanted.connection, JobState.QUEUED, wanted)
        self._records.know(record)
        self._turns.put(wanted.connection, record)
        return record.told()

    def state(self, connection: str, job: str) -> Job | None:
        """How far a job is.

        None for one that is not known: it was never submitted, or the agent was restarted, or it was over long ago.
        """
        record = self._records.get(connection, job)
        return None if record is None else record.told()

    async def cancel(self, connection: str, job: str) -> Job | None:
        """Do a job no more, and deliver nothing of it. One that was delivered stays so."""
        record = self._records.get(connection, job)
        if record is None:
            return None
        before = record.state
        if before in OVER:
            return record.told()
        self._records.finish(record, JobState.CANCELLED)
        if before is JobState.QUEUED:
            self._turns.remove(connection, record)
        if record.work is not None:
            record.work.cancel()
            await asyncio.wait({record.work})
        if record.parcel is not None:
            await self._delivery.forget(record.parcel)
            self._spooled.set()
        return record.told()

    def heard(self, connection: str, callback: str) -> None:
        """A request of the connection came in, and told where its client is: its results go there from now on."""
        self._delivery.reach(connection, callback)

    def counts(self) -> Counts:
        """How the agent is doing."""
        return Counts(
            queued=self._records.states[JobState.QUEUED],
            running=self._records.states[JobState.RUNNING],
            undelivered=self._records.states[JobState.DONE],
            oldest=max(0.0, self._clock() - self._spool.oldest) if self._records.states[JobState.DONE] else 0.0,
            spool_bytes=self._spool.taken,
            spool_full=self._spool.full,
            shelf_bytes=self._shelf.taken,
        )

    async def _operate(self) -> None:
        """Do one job after the other."""
        while True:
            record = await self._turns.take()
            self._records.move(record, JobState.RUNNING)
            record.work = asyncio.get_running_loop().create_task(self._work(record))
            try:
                await asyncio.wait({record.work})
            except asyncio.CancelledError:
                record.work.cancel()
                await asyncio.wait({record.work})
                raise
            self._look_back(record, record.work)

    def _look_back(self, record: Record, work: "asyncio.Task[None]") -> None:
        """A job that ended without a result is not known any more: whoever wants it submits it again."""
        record.work = None
        if not work.cancelled() and (error := work.exception()) is not None:
            _log.error("job failed", exc_info=error, extra=fields(job=record.name, connection=record.connection))
        if record.state is JobState.RUNNING:
            self._records.forget(record)

    async def _work(self, record: Record) -> None:
        wanted = record.wanted
        assert wanted is not None, "who is in the queue is wanted"
        while self._spool.full:
            self._spooled.clear()
            await self._spooled.wait()
        looked = await self._looked(record, wanted)
        content = await self._desks.call(partial(told, record.name, wanted.image, looked, redact=wanted.redact))
        record.parcel = await self._put(record, wanted, content)
        self._records.move(record, JobState.DONE)
        record.wanted = None
        self._delivery.add(record.parcel)

    async def _looked(self, record: Record, wanted: Wanted) -> Looked:
        """What came of the image: never an error, or whoever wants it would submit it again and again."""
        api = wanted.api
        origin = self._registries.enter(api)
        try:
            ceiling = self._ceilings.image_bytes
            fetching = partial(fetched, origin, api, wanted.image, limits=self._limits, ceiling=ceiling)
            found = await self._desks.call(fetching)
            if isinstance(found, Fetched):
                return await self._look(record, found)
            return Looked(failure=found)
        except Exception as error:  # noqa: BLE001 - the edge of the stages: no image may end the agent
            where = f"{api.registry.host}/{wanted.image.repository}@{wanted.image.digest}"
            return Looked(failure=failure(error, where))
        finally:
            if self._registries.leave(api.registry):
                self._looks.forget(api.registry)

    async def _look(self, record: Record, found: Fetched) -> Looked:
        await self._room.enter(found.weight)
        try:
            looked = await asyncio.wrap_future(self._looks.look(found.image, progress=record.progress))
        finally:
            self._room.leave(found.weight)
        record.progress(looked.layers_read, looked.bytes_pulled)
        return looked

    async def _put(self, record: Record, wanted: Wanted, content: bytes) -> Parcel:
        """Put a result on disk; while that is full, it stays in memory and its job holds its place.

        What is being written when the job is cancelled is removed; when the agent ends, it stays.
        """
        callback = self._delivery.callback(record.connection, wanted.callback)
        put = partial(self._spool.put, record.connection, record.name, callback, content)
        while True:
            writing = asyncio.ensure_future(self._desks.call(put))
            try:
                return await asyncio.shield(writing)
            except OSError as error:
                _log.error("no result can be kept: %s", error.strerror, extra=fields(job=record.name))
                await asyncio.sleep(self._disk_pause)
            except asyncio.CancelledError:
                await asyncio.wait({writing})
                if writing.exception() is None and record.state is JobState.CANCELLED:
                    await self._desks.call(partial(self._spool.drop, writing.result()))
                raise

    def _delivered(self, parcel: Parcel, taken: bool) -> None:  # noqa: FBT001 - the seam's
        """The delivery is over: the server has the result; or it was damaged, or never wanted, and is gone."""
        self._spooled.set()
        record = self._records.get(parcel.connection, parcel.job)
        if record is None or record.state is not JobState.DONE:
            return
        if taken:
            self._records.finish(record, JobState.DELIVERED)
            record.parcel = None
        else:
            self._records.forget(record)

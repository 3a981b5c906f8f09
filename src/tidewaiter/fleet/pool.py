"""Worker processes and the tasks they are given: none is lost with a process, and none kills more than two."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import wait

import msgspec

from tidewaiter.errors import LimitError, MalformedError, TidewaiterError
from tidewaiter.fleet.messages import (
    Address,
    KeptLayer,
    NeedAddress,
    Pulled,
    ReadImage,
    Ready,
    Refused,
    Result,
    Task,
)
from tidewaiter.fleet.worker_process import WorkerProcess, deaf_to_interrupts
from tidewaiter.image.limits import Limits
from tidewaiter.model.image import Digest

_MOST_DEATHS = 2
_MOST_BARREN = 3  # processes in a row that end before they can begin
_KILLED = 9
_PATIENCE = 3600.0  # seconds; a blob that does not come is given up far earlier, by the process that waits for it

Reply = Callable[[Address], None]
Asked = Callable[[Digest, Reply], None]
"""Asked by a worker for the address of a blob. Must return at once; the reply may come later, from any thread."""


@dataclass(slots=True, eq=False)
class _Job:
    task: Task
    asked: Asked
    pulled: Callable[[int], None]
    future: Future[Result] = field(default_factory=Future)
    deaths: int = 0


class Pool:
    """Up to `workers` processes, started when there is something to do.

    A task whose process dies (out of memory, kill -9) is given to another; if that dies too, the task has failed. So
    has one whose process says nothing for an hour: it is ended. One thread speaks with all processes: what it calls
    back must be quick. `clock` is in seconds.
    """

    def __init__(
        self,
        *,
        workers: int,
        limits: Limits,
        start: Callable[[Limits], WorkerProcess] = WorkerProcess,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = workers
        self._limits = limits
        self._new_worker = start
        self._lock = threading.Lock()
        self._urgent: deque[_Job] = deque()
        self._queue: deque[_Job] = deque()
        self._workers: dict[WorkerProcess, _Job | None] = {}
        self._clock = clock
        self._heard: dict[WorkerProcess, float] = {}
        self._barren = 0
        self._closed = False
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        self._thread = threading.Thread(target=self._manage, name="tidewaiter-pool", daemon=True)
        self._thread.start()

    def submit(
        self, task: Task, *, asked: Asked, pulled: Callable[[int], None], urgent: bool = False
    ) -> Future[Result]:
        """Have a task done, before all others if `urgent`.

        `pulled` is told of bytes as they are read. The future raises TidewaiterError if the task cannot be done.
        """
        job = _Job(task, asked, pulled)
        with self._lock:
            if self._closed:
                job.future.cancel()
                return job.future
            (self._urgent if urgent else self._queue).append(job)
            self._rouse()
        return job.future

    def withdraw(self, future: "Future[Result]") -> bool:
        """Cancel a task that was not begun. False where a process has it: it goes on."""
        with self._lock:
            waiting = next((each for each in (*self._urgent, *self._queue) if each.future is future), None)
            if waiting is None:
                return False
            (self._urgent if waiting in self._urgent else self._queue).remove(waiting)
        return future.cancel()

    def close(self) -> None:
        """End all processes, whatever they do, and cancel what is not done."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._rouse()
        self._thread.join()
        os.close(self._wake)
        os.close(self._woken)

    def _rouse(self) -> None:
        with suppress(BlockingIOError):  # a full pipe wakes as well
            os.write(self._wake, b"\0")

    def _manage(self) -> None:
        deaf_to_interrupts()
        try:
            while not self._closed:
                self._hand_out()
                self._listen()
        finally:
            self._end()

    def _listen(self) -> None:
        talking = {worker.connection.fileno(): worker for worker in self._workers}
        for heard in wait([self._woken, *talking], _PATIENCE / 10):
            assert isinstance(heard, int)
            if heard == self._woken:
                os.read(heard, 1 << 12)
            else:
                self._heard[talking[heard]] = self._clock()
                self._hear(talking[heard])
        self._end_silent()

    def _hand_out(self) -> None:
        """Give waiting tasks to workers that have none, and start workers for those that are left."""
        for worker, busy in self._workers.items():
            if busy is None and worker.ready and (job := self._next()):
                self._workers[worker] = job
                self._heard[worker] = self._clock()
                worker.send(job.task)
        if self._barren >= _MOST_BARREN:
            if not any(worker.ready for worker in self._workers):
                self._give_up(f"worker processes end before they can begin, {self._barren} in a row")
            return
        starting = sum(not worker.ready for worker in self._workers)
        for _ in range(min(self._left() - starting, self._most - len(self._workers))):
            self._start()

    def _start(self) -> None:
        try:
            worker = self._new_worker(self._limits)
        except OSError as error:
            if not self._workers:
                self._give_up(f"no worker process can be started: {error.strerror}")
            return
        self._workers[worker] = None
        self._heard[worker] = self._clock()

    def _left(self) -> int:
        with self._lock:
            return len(self._urgent) + len(self._queue)

    def _next(self) -> _Job | None:
        with self._lock:
            for waiting in (self._urgent, self._queue):
                if waiting:
                    return waiting.popleft()
        return None

    def _give_up(self, what: str) -> None:
        while job := self._next():
            _fail(job, MalformedError(what, advice="What they say on stderr may tell why."))

    def _hear(self, worker: WorkerProcess) -> None:
        job = self._workers[worker]
        try:
            message = worker.hear()
        except msgspec.MsgspecError:
            message = None
        match message:
            case None:
                self._bury(worker, job)
            case Ready():
                worker.ready = True
                self._barren = 0
            case Pulled(size) if job:
                job.pulled(size)
            case NeedAddress(digest) if job:
                job.asked(digest, worker.send)
            case KeptLayer() | ReadImage() | Refused() if job:
                self._workers[worker] = None
                self._hand_out()  # before anybody looks at the result
                _give(job, message)

    def _bury(self, worker: WorkerProcess, job: _Job | None) -> None:
        """A process is gone: its task is for another one, unless it seems to be the reason."""
        signal = worker.end()
        self._forget(worker)
        if job is None:
            return
        job.deaths += 1
        if job.deaths >= _MOST_DEATHS:
            _fail(job, _deadly(signal))
            return
        with self._lock:
            self._urgent.appendleft(job)

    def _end_silent(self) -> None:
        """End the processes that should have said something long ago."""
        late = self._clock() - _PATIENCE
        for worker, job in list(self._workers.items()):
            if (job or not worker.ready) and self._heard[worker] <= late:
                worker.kill()
                self._forget(worker)
                if job:
                    _fail(job, _silent())

    def _forget(self, worker: WorkerProcess) -> None:
        del self._workers[worker], self._heard[worker]
        if not worker.ready:
            self._barren += 1

    def _end(self) -> None:
        self._closed = True
        for worker, job in self._workers.items():
            worker.kill()
            if job:
                job.future.cancel()
        self._workers.clear()
        while job := self._next():
            job.future.cancel()


def _deadly(signal: int) -> TidewaiterError:
    what = f"two worker processes ended in the middle of it, the last by signal {signal}"
    if signal == _KILLED:
        return LimitError(what, limit="memory", advice="There may be too little memory for it: use fewer --workers.")
    return MalformedError(what, advice="Please report this.")


def _silent() -> TidewaiterError:
    what = f"nothing came of it for {_PATIENCE / 60:.0f} minutes, so its worker process was ended"
    return LimitError(what, limit="time", advice="Please report this, if the machine was not merely stopped.")


def _give(job: _Job, result: Result) -> None:
    with suppress(InvalidStateError):  # it was cancelled: nobody wants it any more
        job.future.set_result(result)


def _fail(job: _Job, error: TidewaiterError) -> None:
    with suppress(InvalidStateError):
        job.future.set_exception(error)

"""What the agent behind one connection is asked to look through, and what it found, collected at the server.

A job is named after what is looked through and for whom, so that a run which is started again finds what an earlier one
asked for: under way, waiting at the server, or delivered. A result is acknowledged when it is kept, not before.
"""

import threading
from collections.abc import Callable, Container
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from tidewaiter.broker.messages import JobState
from tidewaiter.broker.platform.acknowledgements import Acknowledgements
from tidewaiter.broker.platform.api import BrokerApi
from tidewaiter.broker.platform.jobs import Job, Jobs
from tidewaiter.broker.platform.reach import Bearing, Reach, as_cloud_error
from tidewaiter.broker.platform.results import Told, read_result
from tidewaiter.errors import BrokerError, CloudError, TidewaiterError
from tidewaiter.fleet.desk import Desk
from tidewaiter.fleet.looker import Looked, PulledImage
from tidewaiter.fleet.watcher import Watcher
from tidewaiter.model.package import Inventory
from tidewaiter.scan.failures import failure

_POSTING = 4  # threads that ask for looks
_UNDER_WAY = (JobState.QUEUED, JobState.RUNNING, JobState.DONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often is asked, in seconds.

    `poll`: the server lets a question for results wait so long. `pause`: before the next one, where only results of
    others wait. `ask_after`: until it is asked how far a job is; twice as long until the next time, and `ask_at_last`
    at most. `last_words`: for acknowledgements at the end of a run.
    """

    poll: float = 25.0
    pause: float = 0.5
    ask_after: float = 2.0
    ask_at_last: float = 30.0
    last_words: float = 10.0


class Collection:
    """The images that one connection is asked for. `agent` and `server` are the patience with each of the two.

    `fingerprints` are those of the extractors that may look. A job that the agent has forgotten is asked for again. One
    whose result somebody else has fetched, or that was cancelled before, is asked for under another name.
    """

    def __init__(
        self,
        connection: str,
        api: BrokerApi,
        jobs: Jobs,
        *,
        agent: Reach,
        server: Reach,
        bearing: Bearing,
        watcher: Watcher,
        pace: Pace,
        fingerprints: Container[str],
    ) -> None:
        self._connection = connection
        self._api = api
        self._jobs = jobs
        self._agent = agent
        self._server = server
        self._over = bearing.over
        self._clock = bearing.clock
        self._patience = bearing.patience
        self._arrived = self._clock()
        self._watcher = watcher
        self._pace = pace
        self._fingerprints = fingerprints
        self._posts = Desk(_POSTING)
        self._acknowledgements = Acknowledgements(self._acknowledge)
        self._closed = threading.Event()
        self._starting = threading.Lock()
        self._started = False

    def look(self, image: PulledImage) -> "Future[Looked]":
        """Have the agent look through an image; never blocks."""
        job = Job(image)
        self._start()
        if not self._posts.do(partial(self._guarded, job, partial(self._post, job))):
            job.future.cancel()
        return job.future

    def close(self, *, complete: bool) -> None:
        """Ask for nothing more. Where the run is `complete`, what earlier runs left at the server is acknowledged.

        A question that the server lets wait is not waited for: its thread ends with the answer.
        """
        self._posts.close()
        self._closed.set()
        for job in self._jobs.clear():
            job.future.cancel()
        self._acknowledgements.close(self._pace.last_words if complete else 0)
        if complete:
            self._forget_leftovers()

    def _start(self) -> None:
        with self._starting:
            if self._started:
                return
            self._started = True
        for task in (self._collect, self._ask_after_all):
            name = f"tidewaiter-{task.__name__.strip('_')}-{self._connection}"
            threading.Thread(target=task, name=name, daemon=True).start()

    def _guarded(self, job: Job, step: Callable[[], None]) -> None:
        """Do a step; what goes wrong in it is the image's failure."""
        try:
            step()
        except Exception as error:  # noqa: BLE001 - the edge of the stages: no image may end the run
            self._fail(job, error)

    def _is_waiting(self) -> bool:
        """Waits until there is something to wait for; False at the end."""
        self._jobs.wait(self._is_over)
        return not self._is_over()

    def _is_over(self) -> bool:
        return self._closed.is_set() or self._over.is_set()

    # Asking for looks, and after them.

    def _post(self, job: Job) -> None:
        while not job.future.done():
            name = self._jobs.await_result(job)
            ask = partial(self._api.scan, self._connection, name, job.request)
            state = self._agent.answered(ask).state
            if state in _UNDER_WAY or (state is JobState.DELIVERED and self._fetch(name)):
                job.took(self._clock(), self._pace.ask_after)
                return
            if not self._jobs.rename(name, job):
                return

    def _ask_after_all(self) -> None:
        while self._is_waiting() and not self._closed.wait(self._pace.ask_after / 2):
            for name, job in self._jobs.due(self._clock()):
                self._guarded(job, partial(self._ask_after, name, job))
                job.asked_after(self._clock(), self._pace.ask_at_last)

    def _ask_after(self, name: str, job: Job) -> None:
        if self._is_over() or name not in self._jobs:
            return
        try:
            told = self._agent.answered(partial(self._api.job, self._connection, name))
        except BrokerError as error:
            self._give_up(error)
            return
        if told is not None and told.state is JobState.CANCELLED:
            raise CloudError("looking through it was cancelled at the agent", advice="Run again")
        if told is not None and told.state is JobState.DONE:
            self._bear(job)
        if (told is None or told.state is JobState.DELIVERED) and not self._fetch(name):
            job.forget()
            self._posts.do(partial(self._guarded, job, partial(self._post, job)))

    def _bear(self, job: Job) -> None:
        """Raises CloudError where the agent has delivered nothing for longer than it is waited for.

        It may deliver for long, one result after the other; or never, where it does not reach the broker client.
        """
        now = self._clock()
        job.done = now if job.done is None else job.done
        if now - max(job.done, self._arrived) < self._patience:
            return
        advice = "The agent's journal says what keeps it from the broker client, and the client's what from the server."
        raise CloudError("the agent looked through it, and its result does not arrive", advice=advice)

    # Collecting what was found.

    def _collect(self) -> None:
        while self._is_waiting():
            try:
                found = self._server.answered(partial(self._api.results, self._connection, self._pace.poll))
            except (BrokerError, CloudError) as error:
                self._give_up(error)
                continue
            mine = [each.job for each in found if each.job in self._jobs]
            for name in mine:
                self._fetch(name)
            if found and not mine:
                self._closed.wait(self._pace.pause)

    def _fetch(self, name: str) -> bool:
        """Takes a result in; False where the server has none."""
        job = self._jobs.claim(name)
        if job is None:
            return True
        try:
            told = self._server.answered(partial(self._read, name, job))
            if told is not None:
                self._take(name, job, told)
        except Exception as error:  # noqa: BLE001 - the edge of the stages: no image may end the run
            self._fail(job, error, name)
            return True
        finally:
            job.fetching = False
        return told is not None

    def _read(self, name: str, job: Job) -> Told | None:
        with self._api.result(self._connection, name) as answer:
            if answer is None:
                return None
            chunks, digest = answer.chunks(), job.image.digest
            return read_result(chunks, job=name, digest=digest, fingerprints=self._fingerprints)

    def _take(self, name: str, job: Job, told: Told) -> None:
        result = told.result
        self._arrived = self._clock()
        self._watcher.pulled(result.bytes_pulled)
        self._watcher.count("layers", found=result.layers_read, done=result.layers_read)
        looked = Looked(
            inventory=told.inventory and _called(told.inventory, job.image),
            failure=result.failure,
            layers_read=result.layers_read,
            bytes_pulled=result.bytes_pulled,
            kept=partial(self._acknowledgements.add, name),
        )
        self._jobs.settle(job, looked)

    def _fail(self, job: Job, error: Exception, name: str = "") -> None:
        """The image's failure; with a `name`, that of a result which is of no use, and is not waited for again."""
        told = as_cloud_error(error) if isinstance(error, BrokerError) else error
        looked = Looked(failure=failure(told, job.image.reference))
        if name and not isinstance(error, BrokerError | CloudError):
            looked = replace(looked, kept=partial(self._acknowledgements.add, name))
        self._jobs.settle(job, looked)

    def _give_up(self, error: BrokerError | CloudError) -> None:
        """Nothing more is to be had."""
        for job in self._jobs.all():
            self._fail(job, error)

    # Acknowledging what is kept.

    def _acknowledge(self, name: str) -> None:
        self._server.answered(partial(self._api.acknowledge, self._connection, name))

    def _forget_leftovers(self) -> None:
        """Results of this owner that no run wants any more: their images are gone, or known by now."""
        with suppress(TidewaiterError):
            for each in self._api.results(self._connection, 0):
                if self._jobs.is_ours(each.job):
                    self._api.acknowledge(self._connection, each.job)


def _called(inventory: Inventory, image: PulledImage) -> Inventory:
    """The inventory under the names by which it was asked for."""
    return replace(inventory, image=replace(inventory.image, reference=image.reference, tags=image.tags))

"""What the agent behind one connection is asked to look through, and what it found, collected at the server.

A job is named after what is looked through and for whom, so that a run which is started again finds what an earlier one
asked for: under way, waiting at the server, or delivered. A result is acknowledged when it is kept, not before.
"""

import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

import msgspec

from tidewaiter.broker.messages import JobState, ScanRequest
from tidewaiter.broker.platform.api import BrokerApi
from tidewaiter.broker.platform.reach import Bearing, Reach, as_cloud_error
from tidewaiter.broker.platform.results import Told, read_result
from tidewaiter.errors import BrokerError, CloudError, TidewaiterError
from tidewaiter.fleet.desk import Desk
from tidewaiter.fleet.looker import Looked, PulledImage
from tidewaiter.fleet.watcher import Watcher
from tidewaiter.model.package import Inventory
from tidewaiter.scan.failures import failure

_POSTING = 4  # threads that ask for looks
_POLL = 25.0  # seconds that the server lets a question for results wait
_PAUSE = 0.5  # seconds before the next one, where only results of others wait
_ASK_AFTER = 2.0  # seconds until it is asked how far a job is; twice as many until the next time
_ASK_AT_LAST = 30.0
_LAST_WORDS = 10.0  # seconds for acknowledgements at the end
_ATTEMPTS = 200
_UNDER_WAY = (JobState.QUEUED, JobState.RUNNING, JobState.DONE)


@dataclass(eq=False, slots=True)
class _Job:
    image: PulledImage
    future: "Future[Looked]" = field(default_factory=Future)
    attempt: int = 0
    posted: bool = False
    fetching: bool = False
    due: float = 0.0
    pause: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often is asked, in seconds."""

    poll: float = _POLL
    pause: float = _PAUSE
    ask_after: float = _ASK_AFTER
    ask_at_last: float = _ASK_AT_LAST
    last_words: float = _LAST_WORDS


class Collection:
    """The jobs of one connection. `agent` and `server` are the patience with each of the two.

    A job that the agent has forgotten is asked for again. One whose result somebody else has fetched, or that was
    cancelled before, is asked for under another name.
    """

    def __init__(
        self,
        connection: str,
        api: BrokerApi,
        *,
        agent: Reach,
        server: Reach,
        bearing: Bearing,
        owner: str,
        fingerprint: str,
        watcher: Watcher,
        pace: Pace,
    ) -> None:
        self._connection = connection
        self._api = api
        self._agent = agent
        self._server = server
        self._over = bearing.over
        self._clock = bearing.clock
        self._owner = owner
        self._fingerprint = fingerprint
        self._watcher = watcher
        self._pace = pace
        self._posts = Desk(_POSTING)
        self._acknowledgements = Desk(1)
        self._unacknowledged = 0
        self._closed = threading.Event()
        self._changed = threading.Condition()
        self._waiting: dict[str, _Job] = {}
        self._started = False

    def look(self, image: PulledImage) -> "Future[Looked]":
        """Have the agent look through an image; never blocks."""
        job = _Job(image)
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
        with self._changed:
            left = list(self._waiting.values())
            self._waiting.clear()
            self._changed.notify_all()
            if complete:
                self._changed.wait_for(lambda: not self._unacknowledged, self._pace.last_words)
        for job in left:
            job.future.cancel()
        self._acknowledgements.close()
        if complete:
            self._forget_leftovers()

    def _start(self) -> None:
        with self._changed:
            if self._started:
                return
            self._started = True
        for task in (self._collect, self._ask_after_all):
            name = f"tidewaiter-{task.__name__.strip('_')}-{self._connection}"
            threading.Thread(target=task, name=name, daemon=True).start()

    def _guarded(self, job: _Job, step: Callable[[], None]) -> None:
        """Do a step; what goes wrong in it is the image's failure."""
        try:
            step()
        except Exception as error:  # noqa: BLE001 - the edge of the stages: no image may end the run
            self._fail(job, error)

    # Asking for looks.

    def _post(self, job: _Job) -> None:
        request = _request(job.image)
        while not job.future.done():
            key = self._key(job)
            with self._changed:
                self._waiting[key] = job
                self._changed.notify_all()
            state = self._agent.answered(partial(self._api.scan, self._connection, key, request)).state
            if state in _UNDER_WAY or (state is JobState.DELIVERED and self._fetch(key)):
                job.pause = self._pace.ask_after
                job.due = self._clock() + job.pause
                job.posted = True
                return
            if not self._next_attempt(key, job):
                return

    def _next_attempt(self, key: str, job: _Job) -> bool:
        """Whether to ask under another name; not where its result came meanwhile."""
        with self._changed:
            if self._waiting.pop(key, None) is None:
                return False
        job.attempt += 1
        if job.attempt >= _ATTEMPTS:
            raise CloudError("its result was fetched by somebody else each time", where=self._connection)
        return True

    def _key(self, job: _Job) -> str:
        parts = (self._connection, job.image.reference, self._fingerprint, job.attempt)
        return f"{self._owner}-{hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:40]}"

    # Collecting what was found.

    def _collect(self) -> None:
        while self._is_waiting():
            try:
                found = self._server.answered(partial(self._api.results, self._connection, self._pace.poll))
            except (BrokerError, CloudError) as error:
                self._give_up(error)
                continue
            mine = [each.job for each in found if each.job in self._waiting]
            for key in mine:
                self._fetch(key)
            if found and not mine:
                self._closed.wait(self._pace.pause)

    def _is_waiting(self) -> bool:
        """Waits until there is something to wait for; False at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_over())
        return not self._is_over()

    def _is_over(self) -> bool:
        return self._closed.is_set() or self._over.is_set()

    def _fetch(self, key: str) -> bool:
        """Takes a result in; False where the server has none."""
        with self._changed:
            job = self._waiting.get(key)
            if job is None or job.fetching:
                return True
            job.fetching = True
        try:
            told = self._server.answered(partial(self._read, key, job))
            if told is not None:
                self._take(key, job, told)
        except Exception as error:  # noqa: BLE001 - the edge of the stages: no image may end the run
            self._fail(job, error, key)
            return True
        finally:
            job.fetching = False
        return told is not None

    def _read(self, key: str, job: _Job) -> Told | None:
        with self._api.result(self._connection, key) as answer:
            if answer is None:
                return None
            return read_result(answer.chunks(), job=key, digest=job.image.digest)

    def _take(self, key: str, job: _Job, told: Told) -> None:
        result = told.result
        self._watcher.pulled(result.bytes_pulled)
        self._watcher.count("layers", found=result.layers_read, done=result.layers_read)
        looked = Looked(
            inventory=told.inventory and _called(told.inventory, job.image),
            failure=result.failure,
            layers_read=result.layers_read,
            bytes_pulled=result.bytes_pulled,
            kept=partial(self._acknowledge, key),
        )
        self._tell(job, looked)

    def _fail(self, job: _Job, error: Exception, key: str = "") -> None:
        """The image's failure; with a `key`, that of a result which is of no use, and is not waited for again."""
        told = as_cloud_error(error) if isinstance(error, BrokerError) else error
        gap = failure(told, job.image.reference)
        useless = bool(key) and not isinstance(error, BrokerError | CloudError)
        looked = Looked(failure=gap)
        self._tell(job, replace(looked, kept=partial(self._acknowledge, key)) if useless else looked)

    def _tell(self, job: _Job, looked: Looked) -> None:
        with self._changed:
            for key in [key for key, each in self._waiting.items() if each is job]:
                del self._waiting[key]
        with suppress(InvalidStateError):  # nobody waits for it any more
            job.future.set_result(looked)

    def _give_up(self, error: BrokerError | CloudError) -> None:
        """Nothing more is to be had."""
        with self._changed:
            left = list(self._waiting.values())
        for job in left:
            self._fail(job, error)

    # Asking after jobs.

    def _ask_after_all(self) -> None:
        while self._is_waiting() and not self._closed.wait(self._pace.ask_after / 2):
            for key, job in self._due():
                self._guarded(job, partial(self._ask_after, key, job))
                job.pause = min(2 * job.pause, self._pace.ask_at_last)
                job.due = self._clock() + job.pause

    def _due(self) -> Sequence[tuple[str, _Job]]:
        now = self._clock()
        with self._changed:
            jobs = [(key, job) for key, job in self._waiting.items() if job.posted and not job.fetching]
        return [(key, job) for key, job in jobs if job.due <= now]

    def _ask_after(self, key: str, job: _Job) -> None:
        if self._is_over() or key not in self._waiting:
            return
        try:
            told = self._agent.answered(partial(self._api.job, self._connection, key))
        except (BrokerError, CloudError) as error:
            self._give_up(error)
            return
        if told is not None and told.state is JobState.CANCELLED:
            raise CloudError("looking through it was cancelled at the agent", advice="Run again")
        if (told is None or told.state is JobState.DELIVERED) and not self._fetch(key):
            job.posted = False
            self._posts.do(partial(self._guarded, job, partial(self._post, job)))

    # Acknowledging what is kept.

    def _acknowledge(self, key: str) -> None:
        with self._changed:
            self._unacknowledged += 1
        if not self._acknowledgements.do(partial(self._send_acknowledgement, key)):
            self._acknowledged()

    def _send_acknowledgement(self, key: str) -> None:
        with suppress(TidewaiterError):  # the next run does it
            self._server.answered(partial(self._api.acknowledge, self._connection, key))
        self._acknowledged()

    def _acknowledged(self) -> None:
        with self._changed:
            self._unacknowledged -= 1
            self._changed.notify_all()

    def _forget_leftovers(self) -> None:
        """Results of this owner that no run wants any more: their images are gone, or known by now."""
        with suppress(TidewaiterError):
            for each in self._api.results(self._connection, 0):
                if each.job.startswith(f"{self._owner}-"):
                    self._api.acknowledge(self._connection, each.job)


def _called(inventory: Inventory, image: PulledImage) -> Inventory:
    """The inventory under the names by which it was asked for."""
    return replace(inventory, image=replace(inventory.image, reference=image.reference, tags=image.tags))


def _request(image: PulledImage) -> ScanRequest:
    return ScanRequest(
        registry=image.repository.registry.host,
        repository=image.repository.name,
        digest=image.digest,
        tags=image.tags,
    )

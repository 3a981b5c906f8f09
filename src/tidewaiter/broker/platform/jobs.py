"""Jobs that are under way at an agent: under which names, how often each was asked for, and when to ask after it."""

import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec

from tidewaiter.broker.messages import ScanRequest
from tidewaiter.errors import CloudError
from tidewaiter.fleet.looker import Looked, PulledImage

_ATTEMPTS = 200
_FORGOTTEN_MOST = 20  # more than there are agents behind a connection, which may be asked in turn


@dataclass(eq=False, slots=True)
class Job:
    """An image that is to be looked through. `attempt` counts the names under which it was asked for.

    `posted`: the agent has taken it. `fetching`: somebody reads its result. `due`: when to ask after it. `done`: since
    when the agent is known to have its result, and to deliver it. `forgotten`: how often the agent knew nothing of it.
    """

    image: PulledImage
    future: "Future[Looked]" = field(default_factory=Future)
    attempt: int = 0
    posted: bool = False
    fetching: bool = False
    due: float = 0.0
    done: float | None = None
    forgotten: int = 0
    pause: float = 0.0

    @property
    def request(self) -> ScanRequest:
        """What the agent is asked."""
        repository = self.image.repository
        return ScanRequest(
            registry=repository.registry.host,
            repository=repository.name,
            digest=self.image.digest,
            tags=self.image.tags,
        )

    def settle(self, looked: Looked) -> None:
        """Tell the end to who waits for it, if somebody still does."""
        with suppress(InvalidStateError):
            self.future.set_result(looked)

    def took(self, now: float, pause: float) -> None:
        """The agent has it; to be asked after in so many seconds."""
        self.due, self.pause, self.posted = now + pause, pause, True

    def forget(self) -> None:
        """The agent knows nothing of it. Raises CloudError where that is not the first time by far."""
        self.forgotten += 1
        self.posted = False
        if self.forgotten > _FORGOTTEN_MOST:
            what = f"the agent has forgotten it {_FORGOTTEN_MOST} times"
            raise CloudError(what, advice="See in its journal why it ends, and whether this image does that.")

    def asked_after(self, now: float, longest: float) -> None:
        """The next time after twice as long."""
        self.pause = min(2 * self.pause, longest)
        self.due = now + self.pause


class Jobs:
    """The jobs of one connection that are waited for, by name. Thread-safe.

    A name says what is looked through and for whom (`owner`): whoever asks for the same has the same names.
    """

    def __init__(self, connection: str, owner: str, fingerprint: str) -> None:
        self._connection = connection
        self._owner = owner
        self._fingerprint = fingerprint
        self._changed = threading.Condition()
        self._waiting: dict[str, Job] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._waiting

    def is_ours(self, name: str) -> bool:
        """Whether it is the name of a job of the same owner, of whichever run."""
        return name.startswith(f"{self._owner}-")

    def await_result(self, job: Job) -> str:
        """Its name; it is waited for from here on."""
        parts = (self._connection, job.image.reference, self._fingerprint, job.attempt)
        name = f"{self._owner}-{hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:40]}"
        with self._changed:
            self._waiting[name] = job
            self._changed.notify_all()
        return name

    def rename(self, name: str, job: Job) -> bool:
        """Whether it needs another name; not where its result came meanwhile. Raises CloudError after many."""
        with self._changed:
            if self._waiting.pop(name, None) is None:
                return False
        job.attempt += 1
        if job.attempt >= _ATTEMPTS:
            raise CloudError("its result was fetched by somebody else each time", where=self._connection)
        return True

    def claim(self, name: str) -> Job | None:
        """The job, for the one who fetches its result; None where somebody does or did, or nobody waits for it."""
        with self._changed:
            job = self._waiting.get(name)
            if job is None or job.fetching:
                return None
            job.fetching = True
            return job

    def settle(self, job: Job, looked: Looked) -> None:
        """It has ended, and is not waited for any more."""
        with self._changed:
            for name in [name for name, each in self._waiting.items() if each is job]:
                del self._waiting[name]
        job.settle(looked)

    def all(self) -> Sequence[Job]:
        """All that are waited for."""
        with self._changed:
            return list(self._waiting.values())

    def due(self, now: float) -> Sequence[tuple[str, Job]]:
        """Those that the agent took, and that are to be asked after now."""
        with self._changed:
            return [
                (name, job) for name, job in self._waiting.items() if job.posted and not job.fetching and job.due <= now
            ]

    def wait(self, is_over: Callable[[], bool]) -> None:
        """Until something is waited for, or it is over; who ends it calls `clear`."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or is_over())

    def clear(self) -> Sequence[Job]:
        """Those that were waited for; nothing is any more."""
        with self._changed:
            left = list(self._waiting.values())
            self._waiting.clear()
            self._changed.notify_all()
        return left

"""What an agent knows of its jobs: those under way, and for a while those that are over."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tidewaiter.aws.registries import RegistryApi
from tidewaiter.broker.agent.spool import Parcel
from tidewaiter.broker.messages import Job, JobState, ScanRequest

OVER = (JobState.DELIVERED, JobState.CANCELLED)
"""The states in which nothing more happens to a job."""

_REMEMBERED = 100_000  # jobs that are over


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A job: which image, who can be asked for it, for which connection, and the base URL of its client.

    `api` is never on disk; `redact` takes secrets out of what is said of a failure.
    """

    image: ScanRequest
    api: RegistryApi
    connection: str
    callback: str
    redact: Callable[[str], str] = field(default=str, repr=False)


@dataclass(slots=True, eq=False)
class Record:
    """What is known of a job. A result of an agent before this one was never `wanted` here."""

    name: str
    connection: str
    state: JobState
    wanted: Wanted | None = None
    parcel: Parcel | None = None
    work: asyncio.Task[None] | None = None
    layers_read: int = 0
    bytes_pulled: int = 0

    @property
    def callback(self) -> str:
        """The base URL of the client, as the job was told it; "" when the job is over."""
        told = self.wanted or self.parcel
        return told.callback if told else ""

    def told(self) -> Job:
        """How far it is."""
        return Job(job=self.name, state=self.state, layers_read=self.layers_read, bytes_pulled=self.bytes_pulled)

    def progress(self, layers_read: int, bytes_pulled: int) -> None:
        """So much was read by now. Called from any thread."""
        self.layers_read, self.bytes_pulled = layers_read, bytes_pulled


Idle = Callable[[str, str, Callable[[], bool]], None]
"""Told of a connection whose last job is over, of its client's base URL, and how to ask whether that is still so."""


class Records:
    """Jobs by connection and name; `states` counts them. The last `remembered` that are over are known too."""

    def __init__(self, idle: Idle, *, remembered: int = _REMEMBERED) -> None:
        self.states: Counter[JobState] = Counter()
        self._idle = idle
        self._remembered = remembered
        self._known: dict[tuple[str, str], Record] = {}
        self._over: deque[Record] = deque()
        self._open: Counter[str] = Counter()

    def get(self, connection: str, name: str) -> Record | None:
        """The job, if it is known."""
        return self._known.get((connection, name))

    def know(self, record: Record) -> None:
        """A new job."""
        self._known[record.connection, record.name] = record
        self.states[record.state] += 1
        self._open[record.connection] += 1

    def move(self, record: Record, state: JobState) -> None:
        """The job is further."""
        self.states[record.state] -= 1
        self.states[state] += 1
        record.state = state

    def finish(self, record: Record, state: JobState) -> None:
        """The job is over."""
        callback = record.callback
        self.move(record, state)
        record.wanted = None
        self._over.append(record)
        if len(self._over) > self._remembered:
            self._remove(self._over.popleft())
        self._close(record.connection, callback)

    def forget(self, record: Record) -> None:
        """The job came to nothing, and may be wanted again."""
        self._remove(record)
        self._close(record.connection, record.callback)

    def _remove(self, record: Record) -> None:
        self.states[record.state] -= 1
        del self._known[record.connection, record.name]

    def _close(self, connection: str, callback: str) -> None:
        self._open[connection] -= 1
        if not self._open[connection]:
            del self._open[connection]
            self._idle(connection, callback, lambda: connection not in self._open)

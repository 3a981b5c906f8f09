"""Jobs of an agent that are taken, and never begun."""

from dataclasses import dataclass, field

from tidewaiter.broker.agent.jobs import Counts
from tidewaiter.broker.agent.records import Wanted
from tidewaiter.broker.messages import Job, JobState
from tidewaiter.errors import BrokerError


@dataclass
class TakenScans:
    """What was submitted, by connection and key; `clients` are where connections' clients are.

    With `busy`, nothing more is taken.
    """

    taken: dict[tuple[str, str], Wanted] = field(default_factory=dict)
    cancelled: set[tuple[str, str]] = field(default_factory=set)
    clients: dict[str, str] = field(default_factory=dict)
    busy: bool = False
    full: bool = False

    async def submit(self, key: str, wanted: Wanted) -> Job:
        if self.busy:
            raise BrokerError("there are too many jobs", retry=True, code="busy")
        self.taken.setdefault((wanted.connection, key), wanted)
        return Job(job=key, state=JobState.QUEUED)

    def state(self, connection: str, job: str) -> Job | None:
        if (connection, job) not in self.taken:
            return None
        cancelled = (connection, job) in self.cancelled
        return Job(job=job, state=JobState.CANCELLED if cancelled else JobState.QUEUED)

    async def cancel(self, connection: str, job: str) -> Job | None:
        if (connection, job) in self.taken:
            self.cancelled.add((connection, job))
        return self.state(connection, job)

    def heard(self, connection: str, callback: str) -> None:
        self.clients[connection] = callback

    def counts(self) -> Counts:
        return Counts(
            queued=len(self.taken),
            running=0,
            undelivered=0,
            oldest=0.0,
            spool_bytes=0,
            spool_full=self.full,
            shelf_bytes=0,
        )

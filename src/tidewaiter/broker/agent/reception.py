"""What all answers of an agent stand on: who asks, as which connection, until when, and threads to ask AWS in."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from ssl import SSLContext
from typing import Protocol, TypeVar

from aiohttp import web

from tidewaiter.broker.agent.callbacks import check_callback
from tidewaiter.broker.agent.desks import Desks
from tidewaiter.broker.agent.entrance import Entrance
from tidewaiter.broker.agent.entrances import Entrances
from tidewaiter.broker.agent.jobs import Counts
from tidewaiter.broker.agent.records import Wanted
from tidewaiter.broker.agent.redaction import Redact
from tidewaiter.broker.agent.settings import AgentSettings
from tidewaiter.broker.credentials import decode
from tidewaiter.broker.deadlines import deadline_of
from tidewaiter.broker.messages import CALLBACK, CONNECTION, CREDENTIALS, DEADLINE, IDEMPOTENCY, AgentInfo, Job
from tidewaiter.broker.names import CONNECTION_NAME
from tidewaiter.broker.paths import Target
from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError

_T = TypeVar("_T")

_DEADLINE = 60.0  # seconds for a request that does not say
_ONCE = (CALLBACK, CONNECTION, CREDENTIALS, DEADLINE, IDEMPOTENCY)


class Scans(Protocol):
    """Who looks through images; `jobs.Jobs` does, and says what these promise."""

    async def submit(self, key: str, wanted: Wanted) -> Job:
        """Take a job on."""
        ...

    def state(self, connection: str, job: str) -> Job | None:
        """How far a job is."""
        ...

    async def cancel(self, connection: str, job: str) -> Job | None:
        """Do a job no more."""
        ...

    def heard(self, connection: str, callback: str) -> None:
        """A connection's client asked for something, and is there."""
        ...

    def counts(self) -> Counts:
        """How the agent is doing."""
        ...


@dataclass(slots=True, kw_only=True)
class Asked:
    """A request, read. `rest` is what stands at its path's variable end: a repository or a job.

    `connection` is "" where the client in front knows of none. `proven` tells that who asks has shown to know the
    secret. `ends` is a moment of the loop's clock. `redact` takes out the connection's secrets, once it is entered.
    """

    request: web.Request
    target: Target
    rest: str
    connection: str
    callback: str
    proven: bool
    ends: float
    redact: Redact = str

    def value(self, name: str, *, default: str = "") -> str:
        """The value of a parameter. Raises BrokerError for one that comes twice: nobody knows which one counts."""
        values = self.target.values(name)
        if len(values) > 1:
            raise BrokerError(f"the parameter {name} is given more than once", code=Code.MALFORMED)
        return values[0] if values else default


class Reception:
    """What answers are made with. `info` says who looks; `trusting` is how the client's port is asked over TLS."""

    def __init__(
        self,
        settings: AgentSettings,
        *,
        info: AgentInfo,
        entrances: Entrances,
        desks: Desks,
        jobs: Scans,
        trusting: SSLContext | None,
    ) -> None:
        self.settings = settings
        self.trusting = trusting
        self.info = info
        self.entrances = entrances
        self.desks = desks
        self.jobs = jobs

    def asked(self, request: web.Request, target: Target, rest: str, *, proven: bool) -> Asked:
        """What is asked. Raises BrokerError for headers that nobody can mean."""
        for name in _ONCE:
            if len(request.headers.getall(name, ())) > 1:
                raise BrokerError(f"the header {name} is given more than once", code=Code.MALFORMED)
        connection = request.headers.get(CONNECTION, "")
        if connection and not CONNECTION_NAME.fullmatch(connection):
            raise BrokerError(f"the header {CONNECTION} names no connection", code=Code.MALFORMED)
        seconds = deadline_of(request.headers, default=_DEADLINE)
        return Asked(
            request=request,
            target=target,
            rest=rest,
            connection=connection,
            callback=self._callback(request.headers.get(CALLBACK, ""), proven=proven),
            proven=proven,
            ends=asyncio.get_running_loop().time() + seconds,
        )

    def _callback(self, said: str, *, proven: bool) -> str:
        """Where results go. Another client than ours passes on what the platform says, which is not believed then."""
        settings = self.settings
        if settings.unprotected and settings.callback and not proven:
            return settings.callback
        return said or settings.callback

    def hear(self, asked: Asked) -> None:
        """Let the results of the request's connection go to where its client is now."""
        with suppress(BrokerError):
            check_callback(asked.callback, proven=asked.proven, configured=self.settings.callback)
            self.jobs.heard(asked.connection, asked.callback)

    def enter(self, asked: Asked) -> Entrance:
        """The way into the registries of the request's connection. Raises BrokerError where it has no credentials."""
        entrance = self.entrance_of(asked)
        if entrance is None:
            advice = f"The broker client fills them into the header {CREDENTIALS}, where the platform asks for it."
            raise BrokerError("the request carries no credentials", advice=advice, code=Code.MALFORMED)
        return entrance

    def entrance_of(self, asked: Asked) -> Entrance | None:
        """The same, None for a request without credentials. Raises BrokerError, UsageError for impossible ones."""
        value = asked.request.headers.get(CREDENTIALS, "")
        if not value:
            return None
        entrance = self.entrances.enter(asked.connection, decode(value))
        asked.redact = entrance.redact
        return entrance

    async def ask(self, asked: Asked, work: Callable[[], _T]) -> _T:
        """What `work`, which may block, returns or raises. Raises BrokerError at the request's deadline."""
        try:
            async with asyncio.timeout_at(asked.ends):
                return await self.desks.call(work)
        except TimeoutError:
            raise deadline_over() from None


def deadline_over() -> BrokerError:
    """The time for a request is over."""
    return BrokerError("it took longer than the request may take", advice="Ask again.", retry=True, code=Code.DEADLINE)

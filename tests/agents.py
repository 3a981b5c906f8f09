"""An agent that listens on this machine for a test, and who asks it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
import msgspec

from fakes.scans import TakenScans
from tidewaiter.aws.principal import Principal
from tidewaiter.broker.agent.app import Agent
from tidewaiter.broker.agent.desks import Desks
from tidewaiter.broker.agent.settings import AgentSettings
from tidewaiter.broker.credentials import encode
from tidewaiter.broker.messages import CALLBACK, CONNECTION, CREDENTIALS, Credentials, Extra, Line
from tidewaiter.broker.service import listening

_T = TypeVar("_T")
CLIENT = "http://127.0.0.1:7341"


@dataclass(frozen=True)
class Said:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The answer's document."""
        return json.loads(self.body)

    @property
    def lines(self) -> list[Line]:
        """The messages of the answer's lines."""
        return [msgspec.json.decode(line, type=Line) for line in self.body.splitlines()]

    def one(self, kind: type[_T]) -> _T:
        """The only line of a kind."""
        (found,) = (line for line in self.lines if isinstance(line, kind))
        return found


@dataclass(frozen=True)
class Asking:
    """Who asks an agent. `jobs` is what it took on."""

    url: str
    session: aiohttp.ClientSession
    jobs: TakenScans

    async def __call__(
        self,
        method: str,
        path: str,
        credentials: Credentials | None = None,
        *,
        connection: str = "",
        body: object = None,
        headers: Mapping[str, str] = {},
    ) -> Said:
        """What the agent answers, asked as the broker client asks."""
        told = {CALLBACK: CLIENT, **({CONNECTION: connection} if connection else {}), **headers}
        if credentials is not None:
            told[CREDENTIALS] = encode(credentials)
        data = msgspec.json.encode(body) if body is not None else None
        async with self.session.request(method, self.url + path, headers=told, data=data) as answer:
            return Said(answer.status, answer.headers, await answer.read())


@asynccontextmanager
async def asking(agent: Agent) -> AsyncIterator[Asking]:
    """The agent listens while the block lasts; it takes jobs, and does not begin them."""
    jobs, desks = TakenScans(), Desks()
    try:
        async with (
            listening(agent.app(jobs, desks), host=agent.settings.host) as url,
            aiohttp.ClientSession(auto_decompress=False) as session,
        ):
            yield Asking(url, session, jobs)
    finally:
        desks.close()


def with_agent(
    settings: AgentSettings, ask: Callable[[Asking], Awaitable[_T]], *, chain: Principal | None = None
) -> _T:
    """What `ask` returns, which is given an agent of these settings; `chain` stands for AWS' default chain."""
    agent = Agent(settings) if chain is None else Agent(settings, chain=lambda: chain)

    async def main() -> _T:
        async with asking(agent) as asked:
            return await ask(asked)

    return asyncio.run(main())


def for_role(role: str, external_id: str = "", *regions: str) -> Credentials:
    """The credentials of a connection to ECR."""
    return Credentials(type="ecr", role_arn=role, extra=Extra(external_id=external_id, regions=regions))

"""A broker client between a server's end and an agent that are the tests' own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fakes.agents import FakeAgent, running_agent
from fakes.tunnel_servers import TunnelServer, tunnel_server
from tidewaiter.broker.client.client import Client
from tidewaiter.broker.client.health import Checkup
from tidewaiter.broker.client.settings import ClientSettings, Connection, Waiting
from tidewaiter.broker.messages import Credentials, Extra, Probe
from tidewaiter.broker.tunnel import Request

EXTERNAL_ID = "external-id-not-to-be-told"
PAYMENTS = Connection(
    token="token-of-payments",
    name="payments",
    credentials=Credentials(
        type="ecr",
        role_arn="arn:aws:iam::111122223333:role/tidewaiter",
        extra=Extra(region="eu-west-1", external_id=EXTERNAL_ID, regions=("eu-west-1",)),
    ),
)
HUB = Connection(
    token="token-of-hub",
    credentials=Credentials(type="docker-hub", username="reader", password="password-not-to-be-told"),
)
NAMES = {PAYMENTS.token: "payments", HUB.token: "hub"}
SOON = Waiting(first=0.001, longest=0.002, refused=0.01, connecting=5.0, leaving=2.0)
SECRET = "a secret of client and agent"


@dataclass
class Scene:
    """A client at work: who is before it, who is behind it, and where its local port is."""

    server: TunnelServer
    agent: FakeAgent
    client: Client
    shown: list[Checkup]

    @property
    def url(self) -> str:
        return self.client.url


def asked(target: str, method: str = "GET", *headers: tuple[str, str], connection: str = "payments") -> Request:
    """A request as the server hands it on."""
    return Request(method, target, connection, headers, 30.0)


@asynccontextmanager
async def started(settings: ClientSettings, **more: Any) -> AsyncIterator[Client]:
    """A client that runs until the block ends."""
    client = Client(settings, **more)
    running = asyncio.create_task(client.run())
    ready = asyncio.create_task(client.ready.wait())
    try:
        await asyncio.wait((running, ready), return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
        yield client
    finally:
        ready.cancel()
        running.cancel()
        await asyncio.gather(running, ready, return_exceptions=True)


@asynccontextmanager
async def scene(
    *connections: Connection, secret: str = "", checks: tuple[Probe, ...] = (), **settings: Any
) -> AsyncIterator[Scene]:
    """A client that has its tunnel, between a server that knows its tokens and an agent."""
    connections = connections or (PAYMENTS,)
    shown: list[Checkup] = []
    async with tunnel_server(dict(NAMES)) as server, running_agent(secret=secret) as agent:
        agent.checks = checks or agent.checks
        told: dict[str, Any] = {"server_url": server.url, "agent_url": agent.url, "port": 0, "waiting": SOON}
        told |= {"connections": connections, "secret": secret, **settings}
        async with started(ClientSettings(**told), show=shown.append) as client:
            await server.opened(1)
            yield Scene(server, agent, client, shown)

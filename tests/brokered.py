"""A broker server, a client and an agent's stand-in, joined by real sockets in this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clients import HUB, PAYMENTS, SECRET, SOON, started
from fakes.agents import FakeAgent, running_agent
from fakes.broker_servers import API_KEY, RunningServer, serving
from patience import until
from raw_http import exchange, request
from tidewaiter.broker.client.client import Client
from tidewaiter.broker.client.health import Checkup
from tidewaiter.broker.client.settings import ClientSettings
from tidewaiter.broker.messages import CREDENTIALS, PLACEHOLDER, SUBSTITUTE

KEY = f"Authorization: Bearer {API_KEY}"
FILLED = (f"{SUBSTITUTE}: {CREDENTIALS}", f"{CREDENTIALS}: {PLACEHOLDER}")


@dataclass
class Brokered:
    """The three of them; the client holds the connections `payments` (ECR, a role) and `hub` (a password)."""

    server: RunningServer
    client: Client
    agent: FakeAgent

    async def ask(self, line: str, *headers: str, body: bytes = b"", key: str = KEY) -> bytes:
        """What the server says to a request of the platform: `GET /broker/payments/list`."""
        length = (f"Content-Length: {len(body)}",) if body else ()
        return await exchange(self.server.url, request(line, key, *headers, *length, body=body))


@asynccontextmanager
async def brokered(folder: Path, *, secret: str = SECRET, **settings: Any) -> AsyncIterator[Brokered]:
    """All of them at work, until the block ends."""
    async with serving(folder / "store.db") as server, running_agent(secret=secret) as agent:
        connections = tuple(
            replace(held, name="", token=server.connection(name))
            for name, held in (("payments", PAYMENTS), ("hub", HUB))
        )
        told: dict[str, Any] = {"server_url": server.url, "agent_url": agent.url, "port": 0, "waiting": SOON}
        told |= {"connections": connections, "secret": secret, **settings}
        checked: list[Checkup] = []
        async with started(ClientSettings(**told), show=checked.append) as client:
            await until(lambda: client.names == {"payments", "hub"} and bool(checked))
            agent.seen.clear()
            yield Brokered(server, client, agent)

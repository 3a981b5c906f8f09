"""A broker server in this process, on a store of its own, and connections of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tidewaiter.broker.server.connections import create
from tidewaiter.broker.server.server import Server
from tidewaiter.broker.server.settings import Beat, Ceilings, ServerSettings
from tidewaiter.store.store import Store

API_KEY = "an-api-key-of-the-platform"
QUICK = Beat(look=0.05, tell=0.2, sweep=0.2, dead=5.0)


@dataclass
class RunningServer:
    """Where it is, and what it stands on. `key` is one of its API keys."""

    url: str
    store: Store
    server: Server
    key: str = API_KEY
    headers: dict[str, str] = field(default_factory=lambda: {"Authorization": f"Bearer {API_KEY}"})

    @property
    def tunnel(self) -> str:
        """Where clients connect to."""
        return f"{self.url}/tunnel"

    def connection(self, name: str) -> str:
        """The token of a new connection."""
        return create(self.store.exchange, name)


@asynccontextmanager
async def serving(
    store: Store | Path | str, *, ceilings: Ceilings | None = None, beat: Beat = QUICK, **more: Any
) -> AsyncIterator[RunningServer]:
    """A server on a store, or on one at this address, until the block ends."""
    opened = store if isinstance(store, Store) else Store.open(str(store))
    told = ceilings or Ceilings(heartbeat=1.0, grace=1.0)
    settings = ServerSettings(**{"keys": (API_KEY,), "port": 0, **more}, ceilings=told, beat=beat)
    try:
        server = Server(settings, opened.exchange)
        async with server.running() as url:
            yield RunningServer(url, opened, server)
    finally:
        if opened is not store:
            opened.close()

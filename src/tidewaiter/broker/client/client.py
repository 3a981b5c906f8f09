"""The broker client: one tunnel to the server, one local port for the agent, and what goes between them."""

import asyncio

from tidewaiter.broker.client.settings import ClientSettings


class Client:
    """Holds the credentials of connections, and carries requests to the agent and results to the server."""

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings
        self.ready = asyncio.Event()
        """Set when the local port listens; `url` says where."""
        self.url = ""

    async def run(self) -> None:
        """Serve until cancelled."""
        self.ready.set()
        await asyncio.Event().wait()

"""Wakes those who wait for a connection's results, when one comes to this server."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Arrivals:
    """Who waits, by connection."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self.closed = False

    def close(self) -> None:
        """Nobody waits any more: the server is about to stop."""
        self.closed = True
        for connection in self._waiting:
            self.ring(connection)

    def ring(self, connection: str) -> None:
        """Something came."""
        for event in self._waiting.get(connection, ()):
            event.set()

    @contextmanager
    def heard(self, connection: str) -> Iterator[asyncio.Event]:
        """An event that is set when something comes, from here on."""
        event = asyncio.Event()
        waiting = self._waiting.setdefault(connection, set())
        waiting.add(event)
        try:
            yield event
        finally:
            waiting.discard(event)
            if not waiting and self._waiting.get(connection) is waiting:
                del self._waiting[connection]

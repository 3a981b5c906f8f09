"""A whole brokerage at work beside a test: the server, one client with many connections, and their agent.

They run in a thread of their own, each in its own task, so that one can be stopped and started while a test goes on.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from clients import SECRET, SOON, started
from fakes.broker_servers import API_KEY, serving
from fakes.recorders import recording
from patience import PATIENCE, until
from tidewaiter.broker.agent.app import Agent
from tidewaiter.broker.agent.ceilings import Ceilings
from tidewaiter.broker.agent.settings import AgentSettings
from tidewaiter.broker.client.settings import ClientSettings, Connection
from tidewaiter.broker.messages import Credentials
from tidewaiter.broker.server.connections import create
from tidewaiter.store.store import Store

_T = TypeVar("_T")


class Service(Generic[_T]):
    """Something that runs as long as an asynchronous context is open. `value` is what the context gave."""

    def __init__(self, loop: asyncio.AbstractEventLoop, make: Callable[[], AbstractAsyncContextManager[_T]]) -> None:
        self._loop = loop
        self._stop = asyncio.Event()
        began: Future[_T] = Future()
        self._ended = asyncio.run_coroutine_threadsafe(self._run(make, began), loop)
        self._ended.add_done_callback(lambda ended: _hand_on(ended, began))
        self.value = began.result(PATIENCE)

    def stop(self) -> None:
        """Ends it as it ends when it is told to."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._ended.result(PATIENCE)

    async def _run(self, make: Callable[[], AbstractAsyncContextManager[_T]], began: "Future[_T]") -> None:
        async with make() as value:
            began.set_result(value)
            await self._stop.wait()


def _hand_on(ended: "Future[None]", began: "Future[Any]") -> None:
    error = ended.exception()
    if error is not None and not began.done():
        began.set_exception(error)


@dataclass
class Brokerage:
    """All of them, while the context is open. `folder` holds the server's store and the agent's results and layers.

    `recorder` has all that goes between client and server.
    """

    folder: Path
    connections: dict[str, Credentials]
    operations: int = 2
    tokens: dict[str, str] = field(default_factory=dict)
    _running: list[Callable[[], None]] = field(default_factory=list)
    _port: int = 0
    _agent_port: int = 0

    def __post_init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._store = Store.open(str(self.folder / "broker.db"))
            self.server = self._service(lambda: serving(self._store))
            self.recorder = self._service(lambda: recording(self.url)).value
            self.tokens = {name: create(self._store.exchange, name) for name in self.connections}
            self.start_agent()
            self.start_client()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    @property
    def url(self) -> str:
        """Where the server is."""
        return self.server.value.url

    @property
    def environment(self) -> dict[str, str]:
        """What the platform is told."""
        return {"TIDEWAITER_BROKER_URL": self.url, "TIDEWAITER_BROKER_KEY": API_KEY}

    def start_agent(self) -> None:
        """Starts the agent, where the one before it was, with what that left behind."""
        settings = AgentSettings(
            port=self._agent_port,
            secret=SECRET,
            folder=str(self.folder / "agent"),
            ceilings=Ceilings(operations=self.operations),
        )
        self.agent = self._service(lambda: Agent(settings).serving())
        self._agent_port = int(self.agent.value.rpartition(":")[2])

    def start_client(self) -> None:
        """Starts a client with all connections, where the one before it was."""
        held = tuple(
            Connection(token=self.tokens[name], credentials=credentials)
            for name, credentials in self.connections.items()
        )
        settings = ClientSettings(
            server_url=self.recorder.url,
            agent_url=self.agent.value,
            connections=held,
            port=self._port,
            secret=SECRET,
            waiting=SOON,
        )
        self.client = self._service(lambda: started(settings))
        self._port = int(self.client.value.url.rpartition(":")[2])
        client = self.client.value
        self.call(until(lambda: len(client.names) == len(held)))

    def call(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """What a coroutine returns that runs beside them."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE)

    def stop(self, service: "Service[Any]") -> None:
        """Ends one of them."""
        self._running.remove(service.stop)
        service.stop()

    def _service(self, make: Callable[[], AbstractAsyncContextManager[_T]]) -> "Service[_T]":
        service = Service(self._loop, make)
        self._running.append(service.stop)
        return service

    def _close(self) -> None:
        try:
            while self._running:
                self._running.pop()()
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(PATIENCE)
            self._loop.close()
            self._store.close()

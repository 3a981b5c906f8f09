"""How the programs of the brokered integration run: their event loop, their ports, their end."""

import asyncio
import signal
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import uvloop
from aiohttp import web

from tidewaiter.errors import UsageError

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What an HTTP server takes. Bytes, seconds."""

    line: int = 16 << 10
    field: int = 64 << 10
    headers: int = 128
    keep_alive: float = 75.0
    shutdown: float = 10.0


def run(main: Callable[[asyncio.Event], Awaitable[_T]]) -> _T:
    """Runs the program; SIGTERM and SIGINT set the event it is given, a second one ends it at once."""

    async def running() -> _T:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        return await main(stop)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(running())


@asynccontextmanager
async def listening(
    app: web.Application,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    bounds: Bounds | None = None,
) -> AsyncIterator[str]:
    """Serves the application; gives its base URL, whose port is the one that was taken where `port` is 0.

    Bodies come as they were sent, also compressed ones. At the end, requests under way have `shutdown` seconds.
    Raises UsageError where nobody can listen.
    """
    bounds = bounds or Bounds()
    runner = web.AppRunner(
        app,
        access_log=None,
        handler_cancellation=True,
        auto_decompress=False,
        keepalive_timeout=bounds.keep_alive,
        max_line_size=bounds.line,
        max_field_size=bounds.field,
        max_headers=bounds.headers,
        shutdown_timeout=bounds.shutdown,
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, ssl_context=tls)
        try:
            await site.start()
        except OSError as error:
            raise UsageError(f"cannot listen on {host}:{port}: {error.strerror}") from error
        yield _url(runner, host, tls)
    finally:
        await runner.cleanup()


def _url(runner: web.AppRunner, host: str, tls: ssl.SSLContext | None) -> str:
    port = runner.addresses[0][1]
    name = f"[{host}]" if ":" in host else host
    return f"{'https' if tls else 'http'}://{name}:{port}"

"""How the programs of the brokered integration run: their event loop, their ports, their end."""

import asyncio
import logging
import resource
import signal
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

import uvloop
from aiohttp import HttpVersion10, HttpVersion11, web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.typedefs import Handler

from tidewaiter.broker.causes import cause
from tidewaiter.broker.journal import journal
from tidewaiter.errors import UsageError

_T = TypeVar("_T")
_log: Final = journal("http")

_BACKLOG: Final = 1024
_FILES: Final = 65_536
_GONE: Final = 499  # what logs call a client that closed its connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What an HTTP server takes. Bytes, seconds.

    `line` is of the first line, `field` of a header. A connection has `keep_alive` to send the whole head of its next
    request. At the end requests under way have `shutdown`.
    """

    line: int = 16 << 10
    field: int = 32 << 10
    headers: int = 100
    keep_alive: float = 75.0
    handshake: float = 10.0
    shutdown: float = 10.0
    connections: int = 8192


class _Briefly(logging.Filter):
    """Tells of a request that is no HTTP in one line: it is the fault of who sent it, and they may send many.

    What was sent is not told: it may be the beginning of a secret.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            record.exc_info = None
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            record.msg, record.args = "refused what is no HTTP request: %s", (_reason(error),)
        return True


def _reason(error: HttpProcessingError) -> str:
    if isinstance(error, LineTooLong):
        return "its first line or a header is too long"
    return error.message.partition("\n")[0].rstrip(":")


_log.addFilter(_Briefly())


def run(main: Callable[[asyncio.Event], Awaitable[_T]]) -> _T:
    """Runs the program; SIGTERM and SIGINT set the event it is given, a second one ends it at once.

    Raises KeyboardInterrupt where it was ended so.
    """
    _allow_many_files()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_until_told(main))


async def _until_told(main: Callable[[asyncio.Event], Awaitable[_T]]) -> _T:
    stop = asyncio.Event()
    task = asyncio.ensure_future(main(stop))
    loop = asyncio.get_running_loop()

    def told() -> None:
        if stop.is_set():
            task.cancel("told twice to end")
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told)
    try:
        return await task
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _allow_many_files() -> None:
    """Each connection is an open file, of which programs may have few until they ask for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


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

    Bodies come as they were sent, also compressed ones. Handlers are cancelled when who asked has gone. Raises
    UsageError where nobody can listen.
    """
    bounds = bounds or Bounds()
    if _strict not in app.middlewares:
        app.middlewares.insert(0, _strict)
    runner = _runner(app, bounds)
    await runner.setup()
    try:
        listener = await _listen(runner, host, port, tls, bounds)
        try:
            yield _url(listener, host, tls)
        finally:
            listener.close()
    finally:
        await runner.cleanup()


def _runner(app: web.Application, bounds: Bounds) -> web.AppRunner:
    return web.AppRunner(
        app,
        access_log=None,
        logger=_log,
        handler_cancellation=True,
        auto_decompress=False,
        keepalive_timeout=bounds.keep_alive,
        max_line_size=bounds.line,
        max_field_size=bounds.field,
        max_headers=bounds.headers,
        shutdown_timeout=bounds.shutdown,
    )


async def _listen(
    runner: web.AppRunner, host: str, port: int, tls: ssl.SSLContext | None, bounds: Bounds
) -> asyncio.AbstractServer:
    server = runner.server
    assert server is not None

    def connected() -> asyncio.BaseProtocol:
        return server() if len(server.connections) < bounds.connections else _Refusal()

    handshake = bounds.handshake if tls else None
    try:
        return await asyncio.get_running_loop().create_server(
            connected, host, port, ssl=tls, backlog=_BACKLOG, ssl_handshake_timeout=handshake
        )
    except OSError as error:
        raise UsageError(f"cannot listen on {host}:{port}: {cause(error)}") from error


class _Refusal(asyncio.Protocol):
    """A connection beyond those that there may be: closed before anything is read."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()
        _log.warning("refused a connection: there are too many")


def _url(listener: asyncio.AbstractServer, host: str, tls: ssl.SSLContext | None) -> str:
    port = listener.sockets[0].getsockname()[1]  # type: ignore[attr-defined]  # every server of create_server has sockets
    name = f"[{host}]" if ":" in host else host
    return f"{'https' if tls else 'http'}://{name}:{port}"


@web.middleware
async def _strict(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuses what the parser lets through and somebody behind might read in another way."""
    if not request.raw_path.startswith("/") or request.version < HttpVersion10:
        raise web.HTTPBadRequest(text="a request has a method, a path and a version of HTTP")
    coding = request.headers.get("Transfer-Encoding")
    if coding is not None and (coding.lower() != "chunked" or request.version < HttpVersion11):
        raise web.HTTPNotImplemented(text="a body comes with its length or in chunks, not otherwise encoded")
    try:
        return await handler(request)
    except ConnectionError:
        if request.transport is not None and not request.transport.is_closing():
            raise
        return web.Response(status=_GONE)  # who asked is not there any more: no error of this program

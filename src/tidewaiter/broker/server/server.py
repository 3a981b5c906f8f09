"""The broker server: clients come in on one side, the platform asks on the other."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from time import perf_counter

import msgspec
from aiohttp import web

from tidewaiter.broker.journal import fields, journal
from tidewaiter.broker.paths import Target, canonical
from tidewaiter.broker.refusals import response_of
from tidewaiter.broker.server.arrivals import Arrivals
from tidewaiter.broker.server.desk import Desk
from tidewaiter.broker.server.entrance import Entrance
from tidewaiter.broker.server.keys import ApiKeys
from tidewaiter.broker.server.metrics import Metrics
from tidewaiter.broker.server.peers import PEER, Peers
from tidewaiter.broker.server.pulse import Pulse
from tidewaiter.broker.server.receiving import Receiver
from tidewaiter.broker.server.relaying import Relay
from tidewaiter.broker.server.results import Results
from tidewaiter.broker.server.settings import ServerSettings
from tidewaiter.broker.server.states import states
from tidewaiter.broker.server.tunnels import Tunnels
from tidewaiter.broker.service import Bounds, listening
from tidewaiter.broker.tls import server_context
from tidewaiter.broker.wire import Code, GoingAway
from tidewaiter.errors import BrokerError
from tidewaiter.store.exchange import Exchange

_log = journal("server")
_IDLE = 0.05  # seconds between two looks whether all is done
_ALL = r"/{path:[\s\S]*}"  # routes would read paths in their own way
_JSON = "application/json"
_GONE = 499  # what logs call a client that closed its connection
_PATHS = "There are /broker/CONNECTION/…, /results/CONNECTION, /connections, /metrics, /healthcheck and /tunnel"


class Server:
    """One server, in a running event loop. What it shares with others is in the exchange."""

    def __init__(self, settings: ServerSettings, exchange: Exchange) -> None:
        self._settings = settings
        self.name = secrets.token_hex(8)
        self.metrics = Metrics()
        self.desk = Desk(exchange)
        self.tunnels = Tunnels()
        self.pulse = Pulse(self.name, self.tunnels, self.desk, self.metrics, settings)
        ceilings = settings.ceilings
        arrivals = Arrivals()
        receiver = Receiver(self.desk, arrivals, self.metrics, ceilings)
        self._arrivals = arrivals
        self._keys = ApiKeys(settings.keys)
        self._peers = Peers(self.desk, settings, self.name)
        self._entrance = Entrance(self.tunnels, self.desk, receiver, self.metrics, ceilings)
        self._relay = Relay(self.tunnels, self._peers, self.desk, self.metrics, ceilings)
        self._results = Results(self.desk, arrivals, ceilings, look=settings.beat.look / 2)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        """The answer to any request: its path is read once, in one way."""
        begun, path, trouble = perf_counter(), "", None
        try:
            target = canonical(request.raw_path)
            path = target.path
            response = await self._answer(request, target)
        except BrokerError as error:
            self.metrics.refused(error.code)
            response, trouble = response_of(error), error
        except ConnectionError:
            response = web.Response(status=_GONE)  # nobody is there to get it
        self._note(request, path, response, perf_counter() - begun, trouble)
        return response

    async def _answer(self, request: web.Request, target: Target) -> web.StreamResponse:
        match target.segments:
            case ("tunnel",):
                return await self._entrance.enter(request)
            case ("healthcheck",):
                return await self._health()
            case (name, _, *_) if name == PEER:
                return await self._relay.respond_to_peer(request, target)
        self._keys.check(request.headers)
        return await self._answer_platform(request, target)

    async def _answer_platform(self, request: web.Request, target: Target) -> web.StreamResponse:
        match target.segments:
            case ("broker", _, *_):
                return await self._relay.respond(request, target)
            case ("results", *_):
                return await self._results.respond(request, target)
            case ("connections",):
                return await self._states()
            case ("metrics",):
                return self.metrics.response()
        raise BrokerError("there is no such path", advice=_PATHS, code=Code.NOT_FOUND)

    async def _health(self) -> web.Response:
        """200 only where requests and results can come through: the store answers, and the server stays."""
        well = await self.pulse.felt()
        words = {"ok": well, "store": "ok" if well else "does not answer", "tunnels": len(self.tunnels)}
        if self._entrance.closed:
            words |= {"ok": False, "server": "is about to stop"}
        return web.Response(status=200 if words["ok"] else 503, body=msgspec.json.encode(words), content_type=_JSON)

    async def _states(self) -> web.Response:
        told = await self.desk.ask(states, self.desk.now(), self._settings.beat.dead)
        return web.Response(body=msgspec.json.encode(told), content_type=_JSON)

    def _note(
        self,
        request: web.Request,
        path: str,
        response: web.StreamResponse,
        seconds: float,
        trouble: BrokerError | None,
    ) -> None:
        relayed = path.startswith("/broker/")
        if relayed:
            self.metrics.answered(response.status, seconds)
        level = logging.INFO if relayed or path.startswith("/results/") else logging.DEBUG
        if trouble and (level == logging.INFO or trouble.code == Code.UNAUTHORIZED):
            level = logging.WARNING
        if not _log.isEnabledFor(level):
            return
        told = fields(
            method=request.method,
            path=path,
            status=response.status,
            ms=round(seconds * 1000, 1),
            bytes=response.content_length if isinstance(response, web.Response) else response.body_length,
            peer=request.remote,
            error=trouble.what if trouble else None,
        )
        _log.log(level, "answered", extra=told)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Serves while the block lasts; gives the base URL. At its end what is under way has some seconds left.

        Raises UsageError where nobody can listen, or certificates are of no use.
        """
        settings = self._settings
        app = web.Application(client_max_size=settings.ceilings.kept_in_memory + 1)
        app.router.add_route("*", _ALL, self._handle)
        async with AsyncExitStack() as stack:
            stack.callback(self.desk.close)
            stack.push_async_callback(self._peers.close)
            tls = server_context(settings.certificate, settings.key) if settings.certificate else None
            bounds = Bounds(shutdown=1.0)  # by then all has had its time
            listener = listening(app, host=settings.host, port=settings.port, tls=tls, bounds=bounds)
            url = await stack.enter_async_context(listener)
            beating = asyncio.create_task(self.pulse.run())
            try:
                yield url
            finally:
                await self._leave()
                beating.cancel()
                await asyncio.gather(beating, return_exceptions=True)
                with suppress(BrokerError):
                    await self.pulse.tell()

    async def _leave(self) -> None:
        """Clients are sent elsewhere; what is under way may come to its end, then all tunnels end."""
        self._entrance.closed = True
        self._arrivals.close()
        sessions = self.tunnels.sessions
        for session in sessions:
            session.leaving = True
            with suppress(BrokerError):
                await session.tunnel.tell(GoingAway("the server is about to stop"))
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.ceilings.grace):
                while any(session.busy for session in sessions):  # noqa: ASYNC110 - once, at the end
                    await asyncio.sleep(_IDLE)
        await asyncio.gather(*[session.tunnel.close("the server stops") for session in sessions])


async def serve(settings: ServerSettings, exchange: Exchange, stop: asyncio.Event) -> None:
    """Serves until it is told to stop. Raises UsageError."""
    async with Server(settings, exchange).running() as url:
        _log.info("listening", extra=fields(url=url))
        await stop.wait()
        _log.info("about to stop")

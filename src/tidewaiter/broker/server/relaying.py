"""Requests of the platform, on their way to an agent and back."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
from aiohttp import web

from tidewaiter.broker.deadlines import deadline_of
from tidewaiter.broker.headers import OF_EACH_HOP, forwarded
from tidewaiter.broker.journal import journal
from tidewaiter.broker.messages import IDEMPOTENCY
from tidewaiter.broker.passing import Answered, passed_on
from tidewaiter.broker.paths import Target
from tidewaiter.broker.refusals import response_of, status_of
from tidewaiter.broker.server.desk import Desk
from tidewaiter.broker.server.metrics import Metrics
from tidewaiter.broker.server.peers import Peers
from tidewaiter.broker.server.settings import Ceilings
from tidewaiter.broker.server.tunnels import Tunnels
from tidewaiter.broker.signing import PROOF, Proven
from tidewaiter.broker.wire import Code, Request
from tidewaiter.errors import BrokerError

_log = journal("server")


_PROOFS = frozenset({PROOF})
_SAFE = frozenset({"GET", "HEAD"})
_ELSEWHERE = frozenset({Code.LOST, Code.BUSY, Code.NOT_CONNECTED})
"""Errors after which another replica may be better."""


class Relay:
    """Finds who carries a connection, asks, and streams the answer."""

    def __init__(self, tunnels: Tunnels, peers: Peers, desk: Desk, metrics: Metrics, ceilings: Ceilings) -> None:
        self._tunnels = tunnels
        self._peers = peers
        self._desk = desk
        self._metrics = metrics
        self._ceilings = ceilings

    async def respond(self, request: web.Request, target: Target) -> web.StreamResponse:
        """The agent's answer to `/broker/<connection>/…`, sent. Raises BrokerError where there is none."""
        return await self._respond(request, target, None)

    async def respond_to_peer(self, request: web.Request, target: Target) -> web.StreamResponse:
        """The same for another server, by a tunnel of this one. Raises BrokerError for whom it does not know."""
        proven = self._peers.proven(request.method, str(target), request.headers)
        try:
            return await self._respond(request, target, proven)
        except BrokerError as error:
            return response_of(error, self._peers.proof(proven, status_of(error)))

    async def _respond(self, request: web.Request, target: Target, proven: Proven | None) -> web.StreamResponse:
        ceilings = self._ceilings
        seconds = deadline_of(request.headers, default=ceilings.deadline, longest=ceilings.longest)
        try:
            async with asyncio.timeout(seconds) as limit:
                asked = self._request(request, target, seconds)
                body = await self._body(request)
                if proven:
                    _check(proven, body)
                answer = await self._ask(asked, body, limit.when() or 0.0, here=proven is not None)
                more = self._peers.proof(proven, answer.status) if proven else ()
                return await passed_on(request, answer, (*forwarded(answer.headers, without=_PROOFS), *more))
        except TimeoutError:
            what = f"the request took longer than its deadline of {seconds:g} seconds"
            raise BrokerError(what, retry=True, code=Code.DEADLINE) from None

    def _request(self, request: web.Request, target: Target, seconds: float) -> Request:
        headers = forwarded(request.headers.items(), without=OF_EACH_HOP)
        return Request(request.method, str(target.below(2)), target.segments[1], headers, seconds)

    async def _body(self, request: web.Request) -> bytes | AsyncIterator[bytes]:
        """The body: in one piece where it is known to be small, so that it can be sent again."""
        if not request.body_exists:
            return b""
        length = request.content_length
        if length is not None and length <= self._ceilings.kept_in_memory:
            return await request.read()
        return request.content.iter_any()

    async def _ask(self, asked: Request, body: bytes | AsyncIterator[bytes], until: float, *, here: bool) -> Answered:
        """The answer of the least busy replica, or of another where that one fails before it answers."""
        tried: set[str] = set()
        failed: BrokerError | None = None
        while (session := self._tunnels.least_busy(asked.connection, tried)) is not None:
            tried.add(session.key)
            try:
                return await session.tunnel.ask(_timed(asked, until) if failed else asked, body)
            except BrokerError as error:
                failed = self._may_go_elsewhere(asked, body, error)
        for peer in () if here else await self._peers.holding(asked.connection):
            try:
                return await self._peers.ask(peer, _timed(asked, until), body)
            except BrokerError as error:
                failed = self._may_go_elsewhere(asked, body, error)
        raise failed or await self._nobody(asked.connection)

    def _may_go_elsewhere(self, asked: Request, body: object, error: BrokerError) -> BrokerError:
        """The error, where the request may be sent once more: it changes nothing, or is named. Raises it otherwise.

        Nobody has sent the request on where nobody was connected.
        """
        again = asked.method in _SAFE or any(name == IDEMPOTENCY for name, _ in asked.headers)
        if error.code != Code.NOT_CONNECTED and not (error.code in _ELSEWHERE and again):
            raise error
        if not isinstance(body, bytes):
            raise error
        self._metrics.retries.inc()
        return error

    async def _nobody(self, connection: str) -> BrokerError:
        """Why there is no tunnel that carries the connection; raised where it cannot come any more."""
        await self._desk.check(connection)
        what = f"no client of the connection {connection!r} is connected"
        return BrokerError(what, advice="Start it, or see its log", retry=True, code=Code.NOT_CONNECTED)


def _check(proven: Proven, body: bytes | AsyncIterator[bytes]) -> None:
    if not isinstance(body, bytes):
        raise BrokerError("a request of another server has a known length", code=Code.TOO_LARGE)
    proven.check(body)


def _timed(asked: Request, until: float) -> Request:
    left = until - asyncio.get_running_loop().time()
    return msgspec.structs.replace(asked, deadline=max(left, 0.0))

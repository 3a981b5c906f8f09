"""Results of the agent, carried to the server: believed, of a connection that this client holds, as they come."""

import hashlib
from collections.abc import AsyncIterator

from aiohttp import web

from tidewaiter.broker.client.link import Link
from tidewaiter.broker.client.metrics import Metrics
from tidewaiter.broker.deadlines import deadline_of
from tidewaiter.broker.headers import OF_EACH_HOP, Headers, forwarded
from tidewaiter.broker.journal import fields, journal
from tidewaiter.broker.messages import CONNECTION, CONTENT_DIGEST, CREDENTIALS, JOB
from tidewaiter.broker.names import shown
from tidewaiter.broker.passing import passed_on
from tidewaiter.broker.paths import Target
from tidewaiter.broker.refusals import response_of, status_of
from tidewaiter.broker.rules import RuleList
from tidewaiter.broker.signing import PROOF, Proven, Seal
from tidewaiter.broker.tunnel import Request
from tidewaiter.broker.wire import DEADLINE_MOST, Code
from tidewaiter.errors import BrokerError

_log = journal("client")

_OWN = OF_EACH_HOP | {CREDENTIALS}
_DROPPED = frozenset({PROOF, "set-cookie"})


class Callbacks:
    """What the agent sends to the local port, and who gets it."""

    def __init__(self, link: Link, rules: RuleList, seal: Seal | None, metrics: Metrics) -> None:
        self._link = link
        self._rules = rules
        self._seal = seal
        self._metrics = metrics

    async def take(self, request: web.Request, target: Target) -> web.StreamResponse:
        """The answer to a callback: the server's, or why it did not get there. Where the agent is believed, signed."""
        proven: Proven | None = None
        try:
            if self._seal is not None:
                proven = self._seal.verify(request.method, str(target), request.headers)
            answer = await self._link.ask(self._addressed(request, target), self._body(request, proven))
        except BrokerError as error:
            _tell(request, target, error)
            self._metrics.callbacks.labels(error.code).inc()
            return response_of(error, self._proof(proven, status_of(error)))
        self._metrics.callbacks.labels(str(answer.status)).inc()
        headers = (*forwarded(answer.headers, without=_DROPPED), *self._proof(proven, answer.status))
        return await passed_on(request, answer, headers)

    def _addressed(self, request: web.Request, target: Target) -> Request:
        """The callback as the server is to get it. Raises BrokerError."""
        if self._rules.find(request.method, target, request.headers) is None:
            advice = "The public rules of the client (--accept) say what an agent may send."
            raise BrokerError(f"no rule allows {request.method} {target.path}", advice=advice, code=Code.REFUSED)
        headers = forwarded(request.headers.items(), without=_OWN)
        deadline = deadline_of(request.headers, default=DEADLINE_MOST)
        return Request(request.method, str(target), self._connection(request), headers, deadline)

    def _connection(self, request: web.Request) -> str:
        """Whose result it is. An agent that names none has this client in front for one connection only."""
        if self._link.held is None:
            raise self._link.absence()
        held = self._link.held
        name = request.headers.get(CONNECTION, "")
        if not name and len(self._link.connections) == len(held.connections) == 1:
            return next(iter(held.connections))
        if name not in held.connections:
            what = f"this client holds no connection {shown(name)!r}"
            raise BrokerError(what, code=Code.REVOKED if name in held.revoked else Code.UNKNOWN_CONNECTION)
        return name

    async def _body(self, request: web.Request, proven: Proven | None) -> AsyncIterator[bytes]:
        """The body as it comes. It breaks off where it is not the signed one, unless the server will see that."""
        vouched = proven and request.headers.get(CONTENT_DIGEST, "") == f"sha256:{proven.digest}"
        digest = hashlib.sha256()
        async for chunk in request.content.iter_any():
            if proven and not vouched:
                digest.update(chunk)
            self._metrics.callback_bytes.inc(len(chunk))
            yield chunk
        if proven and not vouched:
            proven.check_digest(digest.hexdigest())

    def _proof(self, proven: Proven | None, status: int) -> Headers:
        """What the answer has to say to an agent that wants to know who gives it."""
        return ((PROOF, self._seal.answer(proven, status)),) if self._seal and proven else ()


def _tell(request: web.Request, target: Target, error: BrokerError) -> None:
    name, job = (shown(request.headers.get(header, "")) for header in (CONNECTION, JOB))
    said = fields(connection=name, job=job, path=target.path, code=error.code, error=error.what)
    _log.warning("A result of the agent did not go on", extra=said)

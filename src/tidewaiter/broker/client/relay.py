"""Requests of the platform, carried to the agent: what rules allow, with what the connection declares, and no more."""

from collections.abc import AsyncIterator, Mapping
from time import perf_counter

from tidewaiter.broker.client.held import Held
from tidewaiter.broker.client.metrics import Metrics
from tidewaiter.broker.client.origin import Origins, Outgoing
from tidewaiter.broker.client.settings import Connection
from tidewaiter.broker.client.substitution import substitute
from tidewaiter.broker.headers import OF_EACH_HOP, Headers, forwarded
from tidewaiter.broker.journal import fields, journal
from tidewaiter.broker.messages import CALLBACK, CONNECTION, DEADLINE
from tidewaiter.broker.paths import Target, canonical
from tidewaiter.broker.rules import BODY_CEILING, Rule, RuleList
from tidewaiter.broker.streams import Body, gathered
from tidewaiter.broker.tunnel import Handler, Reply, Request
from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError

_log = journal("client")


class Relay:
    """Makes the handlers of tunnels. `callback` is where the agent reaches the client; set it before any runs."""

    def __init__(self, rules: RuleList, origins: Origins, metrics: Metrics) -> None:
        self._rules = rules
        self._origins = origins
        self.callback = ""
        self._metrics = metrics
        self._answered = metrics.requests.labels("answered")

    def serving(self, held: Held) -> Handler:
        """The handler of one tunnel's requests: they are for the connections that it proved."""

        async def handle(request: Request, body: Body) -> Reply:
            began = perf_counter()
            try:
                reply = await self._carried(_proven(held, request.connection), request, body)
            except BrokerError as error:
                self._refused(request, error)
                raise
            self._metrics.took.observe(perf_counter() - began)
            self._answered.inc()
            return reply

        return handle

    async def _carried(self, connection: Connection, request: Request, body: Body) -> Reply:
        target = canonical(request.target)
        headers = joined(forwarded(request.headers, without=OF_EACH_HOP))
        rule, content = await self._allowed(request.method, target, headers, body)
        substitute(headers, connection.variables)
        headers[CONNECTION] = request.connection
        headers[CALLBACK] = self.callback
        headers[DEADLINE] = f"{request.deadline:.3f}"
        origin = self._origins.of(rule, connection)
        return await origin.carry(Outgoing(request.method, str(target), headers, content))

    async def _allowed(
        self, method: str, target: Target, headers: Mapping[str, str], body: Body
    ) -> tuple[Rule, bytes | AsyncIterator[bytes]]:
        """The rule that lets the request through, and its body. Raises BrokerError (refused) where none does."""
        content: bytes | AsyncIterator[bytes] | None = body.whole
        if content is None:
            content = await gathered(body, BODY_CEILING) if self._rules.reads_body(method, target) else body
        rule = self._rules.find(method, target, headers, content if isinstance(content, bytes) else b"")
        if rule is None:
            advice = "The client's rules (--accept) say what it may be asked."
            raise BrokerError(f"no rule allows {method} {target.path}", advice=advice, code=Code.REFUSED)
        return rule, content

    def _refused(self, request: Request, error: BrokerError) -> None:
        self._metrics.requests.labels(error.code).inc()
        path = request.target.partition("?")[0]
        said = fields(
            connection=request.connection, method=request.method, path=path, code=error.code, error=error.what
        )
        _log.warning("A request was not answered", extra=said)


def _proven(held: Held, name: str) -> Connection:
    connection = held.connections.get(name)
    if connection is None:
        code = Code.REVOKED if name in held.revoked else Code.UNKNOWN_CONNECTION
        raise BrokerError(f"this client does not hold the connection {name}", code=code)
    return connection


def joined(headers: Headers) -> dict[str, str]:
    """The headers by their names. What comes several times is one list, so that nobody reads only a part of it.

    https://www.rfc-editor.org/rfc/rfc9110#section-5.3
    """
    together: dict[str, str] = {}
    for name, value in headers:
        together[name] = f"{together[name]}, {value}" if name in together else value
    return together

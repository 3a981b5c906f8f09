"""Where clients come in: a WebSocket, a hello with tokens, and then a tunnel for those that are known."""

from collections.abc import AsyncIterator, Sequence

from aiohttp import web

from tidewaiter.broker import greeting
from tidewaiter.broker.carrier import SOCKET, WebSocketCarrier
from tidewaiter.broker.journal import fields, journal
from tidewaiter.broker.server.connections import token_hash
from tidewaiter.broker.server.desk import Desk
from tidewaiter.broker.server.metrics import Metrics
from tidewaiter.broker.server.receiving import Receiver
from tidewaiter.broker.server.settings import Ceilings
from tidewaiter.broker.server.tunnels import Session, Tunnels
from tidewaiter.broker.tunnel import Reply, Tunnel, TunnelSettings
from tidewaiter.broker.wire import Code, Dropped, GoingAway, Hello, Notice, Request, Welcome
from tidewaiter.errors import BrokerError
from tidewaiter.store.exchange import Exchange

_log = journal("server")
_POLICY_VIOLATION = 1008  # https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1
_LATER = 1013  # https://www.iana.org/assignments/websocket/websocket.xhtml#close-code-number
_CLOSING = 2.0  # seconds for the other side to say goodbye
_PATIENCE = 3  # heartbeats
_SHOWN = 8  # hexadecimal digits of a refused token's hash: enough to find whose it is
_TOLD = 8  # refused tokens of a client: who is not known may show many


class Entrance:
    """Lets clients in. Who has not said yet which tokens it holds has little time, and few companions."""

    def __init__(self, tunnels: Tunnels, desk: Desk, receiver: Receiver, metrics: Metrics, ceilings: Ceilings) -> None:
        self._tunnels = tunnels
        self._desk = desk
        self._receiver = receiver
        self._metrics = metrics
        self._ceilings = ceilings
        self._greeters = 0
        self.closed = False

    async def enter(self, request: web.Request) -> web.StreamResponse:
        """Holds the tunnel of a client until it ends. Raises BrokerError where it does not come to one."""
        if self.closed:
            raise BrokerError("the server is about to stop", retry=True, code=Code.NOT_CONNECTED)
        if self._greeters >= self._ceilings.greeters:
            self._metrics.greetings.labels("crowded").inc()
            raise BrokerError("too many clients come in at once", retry=True, code=Code.BUSY)
        socket = web.WebSocketResponse(compress=False, timeout=_CLOSING, **SOCKET)
        if not socket.can_prepare(request).ok:
            raise BrokerError("a tunnel is a WebSocket", advice="Connect to it as one", code=Code.MALFORMED)
        self._greeters += 1
        try:
            await socket.prepare(request)
            session = await self._greeted(WebSocketCarrier(socket), request.remote or "")
        finally:
            self._greeters -= 1
        if session is not None:
            await self._held(session)
        return socket

    async def _greeted(self, carrier: WebSocketCarrier, remote: str) -> Session | None:
        """The session of a client that has proved some connection; None for one that has not, and was told so."""
        try:
            hello = await greeting.receive_hello(carrier, within=self._ceilings.greeting)
            proofs = [token_hash(token) for token in hello.tokens]
            known = await self._desk.ask(Exchange.admitted, proofs)
            names = tuple(known.get(proof, "") for proof in proofs)
            self._check_room(names)
            await greeting.welcome(carrier, Welcome(names, self._ceilings.heartbeat))
        except BrokerError as error:
            await self._turn_away(carrier, remote, error)
            return None
        self._tell_refused(hello, names, proofs, remote)
        if not any(names):
            await carrier.close(_POLICY_VIOLATION, "no token of this client is known here")
            return None
        connections = {name: proof for name, proof in zip(names, proofs, strict=True) if name}
        return self._session(carrier, hello.replica, connections)

    def _check_room(self, names: Sequence[str]) -> None:
        """Raises BrokerError (busy) where a connection has as many tunnels already as one may have."""
        for name in filter(None, names):
            if self._tunnels.carriers(name) >= self._ceilings.replicas:
                what = f"the connection {name!r} has {self._ceilings.replicas} tunnels already"
                raise BrokerError(what, advice="See who has its token", retry=True, code=Code.BUSY)

    async def _turn_away(self, carrier: WebSocketCarrier, remote: str, error: BrokerError) -> None:
        self._metrics.greetings.labels(error.code).inc()
        _log.warning("a client was turned away: %s", error, extra=fields(remote=remote, code=error.code))
        later = error.code in (Code.FAILED, Code.BUSY)
        await carrier.close(_LATER if later else _POLICY_VIOLATION, error.what)

    def _tell_refused(self, hello: Hello, names: Sequence[str], proofs: Sequence[bytes], remote: str) -> None:
        self._metrics.greetings.labels("welcome" if any(names) else "refused").inc()
        refused = [each.hex()[:_SHOWN] for name, each in zip(names, proofs, strict=True) if not name]
        for proof in refused[:_TOLD]:
            told = fields(remote=remote, replica=hello.replica, token_sha256=proof)
            _log.warning("a token was refused", extra=told)
        if refused[_TOLD:]:
            told = fields(remote=remote, replica=hello.replica, tokens=len(refused))
            _log.warning("more tokens were refused", extra=told)

    def _session(self, carrier: WebSocketCarrier, replica: str, connections: dict[str, bytes]) -> Session:
        beat = self._ceilings.heartbeat
        session = Session(replica=replica, since=self._desk.now(), connections=connections)

        async def answer(request: Request, body: AsyncIterator[bytes]) -> Reply:
            session.check(request.connection)
            return await self._receiver.take(request, body)

        session.tunnel = Tunnel(
            carrier,
            asks_odd=False,
            handler=answer,
            settings=TunnelSettings(heartbeat=beat, patience=_PATIENCE * beat),
            noticed=lambda notice: self._noticed(session, notice),
        )
        return session

    def _noticed(self, session: Session, notice: Notice) -> None:
        match notice:
            case GoingAway():
                session.leaving = True
            case Dropped():
                self._tunnels.let_go(session, notice.connection)

    async def _held(self, session: Session) -> None:
        told = fields(replica=session.replica, tunnel=session.key, connections=" ".join(sorted(session.connections)))
        _log.info("a tunnel was opened", extra=told)
        self._tunnels.add(session)
        try:
            await session.tunnel.run()
        finally:  # the other side may be gone, and this handler cancelled, before the tunnel has come to its end
            self._tunnels.remove(session)
            why = session.tunnel.ended or "its connection was cut"
            _log.info("a tunnel ended: %s", why, extra=fields(replica=session.replica, tunnel=session.key))

"""What agents deliver: taken from the tunnel into the store, and acknowledged once all of it is there."""

import hashlib
import re
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from tidewaiter.broker.journal import fields, journal
from tidewaiter.broker.messages import CONTENT_DIGEST, DONE_PATHS, JOB, RESULT_PATH, RESULT_PATHS
from tidewaiter.broker.names import JOB_NAME
from tidewaiter.broker.paths import canonical
from tidewaiter.broker.refusals import spelled
from tidewaiter.broker.server.arrivals import Arrivals
from tidewaiter.broker.server.desk import Desk, revoked
from tidewaiter.broker.server.metrics import Metrics
from tidewaiter.broker.server.settings import Ceilings
from tidewaiter.broker.tunnel import Reply
from tidewaiter.broker.wire import Code, Request
from tidewaiter.errors import BrokerError
from tidewaiter.store.exchange import Exchange

if TYPE_CHECKING:
    from hashlib import _Hash

_log = journal("server")

PART = 1 << 20
"""The bytes of one row; a chunk of the tunnel may make it somewhat more."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(kw_only=True)
class _Delivery:
    """A result that is being delivered."""

    connection: str
    job: str
    promised: str
    key: str = field(default_factory=lambda: secrets.token_hex(16))
    parts: int = 0
    size: int = 0
    digest: "_Hash" = field(default_factory=hashlib.sha256)


class Receiver:
    """Takes the callbacks of agents. A result is acknowledged when all of it is in the store, as it was promised."""

    def __init__(self, desk: Desk, arrivals: Arrivals, metrics: Metrics, ceilings: Ceilings) -> None:
        self._desk = desk
        self._arrivals = arrivals
        self._metrics = metrics
        self._most = ceilings.deliveries
        self._quota = ceilings.quota
        self._under_way: Counter[str] = Counter()

    async def take(self, request: Request, body: AsyncIterator[bytes]) -> Reply:
        """The answer to a callback of a connection that the tunnel has proved."""
        try:
            await self._take(request, body)
        except BrokerError as error:
            if error.code in (Code.LOST, Code.DEADLINE):
                raise  # the tunnel's own: there is nobody to answer
            told = fields(connection=request.connection, path=request.target.partition("?")[0], code=error.code)
            _log.warning("a callback was refused: %s", error, extra=told)
            return Reply(*spelled(error))
        return Reply(200, (("content-type", "application/json"),), b"{}")

    async def _take(self, request: Request, body: AsyncIterator[bytes]) -> None:
        path = canonical(request.target).path
        if request.method != "POST" or not (path in RESULT_PATHS or path in DONE_PATHS):
            advice = f"Results are posted to {RESULT_PATH}"
            raise BrokerError(f"there is no callback {request.method} {path}", advice=advice, code=Code.REFUSED)
        if path in DONE_PATHS:
            self._arrivals.ring(request.connection)
            return
        delivery = _promised(request)
        with self._place(delivery.connection):
            try:
                await self._receive(delivery, body)
            except BaseException:
                await self._discard(delivery)
                raise
        self._arrived(delivery)

    @contextmanager
    def _place(self, connection: str) -> Iterator[None]:
        """Raises BrokerError (busy) where too many of its results are on their way at once."""
        if self._under_way[connection] >= self._most:
            what = f"{self._most} results of the connection are on their way already"
            raise BrokerError(what, advice="Deliver it again when some are here", retry=True, code=Code.BUSY)
        self._under_way[connection] += 1
        try:
            yield
        finally:
            self._under_way[connection] -= 1
            if not self._under_way[connection]:
                del self._under_way[connection]

    def _arrived(self, delivery: _Delivery) -> None:
        self._metrics.results.inc()
        self._metrics.result_bytes.inc(delivery.size)
        told = fields(connection=delivery.connection, job=delivery.job, bytes=delivery.size)
        _log.info("a result arrived", extra=told)
        self._arrivals.ring(delivery.connection)

    async def _receive(self, delivery: _Delivery, body: AsyncIterator[bytes]) -> None:
        name, job = delivery.connection, delivery.job
        if not await self._desk.change(Exchange.begin_delivery, delivery.key, name, job, now=self._now):
            raise revoked(name)
        gathered, size = list[bytes](), 0
        async for chunk in body:
            gathered.append(chunk)
            size += len(chunk)
            if size >= PART:
                await self._desk.change(self._keep, delivery, gathered)
                gathered, size = [], 0
        if gathered or not delivery.parts:
            await self._desk.change(self._keep, delivery, gathered)
        if (told := f"sha256:{delivery.digest.hexdigest()}") != delivery.promised:
            what = f"the result has the digest {told}, not {delivery.promised}"
            raise BrokerError(what, advice="Deliver it again", retry=True, code=Code.MALFORMED)
        await self._desk.change(Exchange.finish_delivery, delivery.key, told, now=self._now)

    def _keep(self, exchange: Exchange, delivery: _Delivery, gathered: list[bytes]) -> None:
        """Keeps the next part. Done in a thread: to hash a large result would hold up the tunnels."""
        content = b"".join(gathered)
        if exchange.occupied(delivery.connection) + len(content) > self._quota:
            what = f"{self._quota} bytes of the connection's results wait to be fetched"
            raise BrokerError(what, advice="Deliver it again when the platform has fetched some", code=Code.BUSY)
        exchange.keep_part(delivery.key, delivery.parts, content, now=self._now)
        delivery.digest.update(content)
        delivery.parts += 1
        delivery.size += len(content)

    async def _discard(self, delivery: _Delivery) -> None:
        """What cannot be dropped now will be, as it was never delivered to its end."""
        with suppress(BrokerError):
            await self._desk.change(Exchange.drop_delivery, delivery.key)

    @property
    def _now(self) -> datetime:
        return self._desk.now()


def _promised(request: Request) -> _Delivery:
    """The delivery that a callback's headers announce. Raises BrokerError (malformed)."""
    headers = {name.lower(): value for name, value in request.headers}
    job, digest = headers.get(JOB, ""), headers.get(CONTENT_DIGEST, "")
    if not JOB_NAME.fullmatch(job):
        raise BrokerError(f"a result needs the name of its job in the header {JOB}", code=Code.MALFORMED)
    if not _DIGEST.fullmatch(digest):
        what = f"a result needs sha256:<hex> of its body in the header {CONTENT_DIGEST}"
        raise BrokerError(what, code=Code.MALFORMED)
    return _Delivery(connection=request.connection, job=job, promised=digest)

"""What the platform fetches: which results wait, each of them, and that it has them."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import msgspec
from aiohttp import web

from tidewaiter.broker.deadlines import seconds
from tidewaiter.broker.journal import fields, journal
from tidewaiter.broker.messages import CONTENT_DIGEST, JOB, RESULT_TYPE, Arrived
from tidewaiter.broker.passing import cut
from tidewaiter.broker.paths import Target
from tidewaiter.broker.server.arrivals import Arrivals
from tidewaiter.broker.server.desk import Desk
from tidewaiter.broker.server.settings import Ceilings
from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError
from tidewaiter.store.exchange import Exchange
from tidewaiter.store.records import DeliveryRow

_log = journal("server")
_PATHS = "Results are at GET /results/CONNECTION, and at GET and DELETE /results/CONNECTION/JOB"


class Results:
    """Answers `/results/<connection>` and `/results/<connection>/<job>`.

    `look`: seconds between two looks into the store, for what came by another server.
    """

    def __init__(self, desk: Desk, arrivals: Arrivals, ceilings: Ceilings, *, look: float) -> None:
        self._desk = desk
        self._arrivals = arrivals
        self._ceilings = ceilings
        self._look = look

    async def respond(self, request: web.Request, target: Target) -> web.StreamResponse:
        """The answer. Raises BrokerError."""
        match request.method, target.segments[1:]:
            case "GET", (connection,):
                return await self._list(connection, self._wait(target))
            case "GET", (connection, job):
                return await self._send(request, connection, job)
            case "DELETE", (connection, job):
                return await self._acknowledge(connection, job)
        raise BrokerError("there is no such path", advice=_PATHS, code=Code.NOT_FOUND)

    def _wait(self, target: Target) -> float:
        """The seconds that the asker would wait for a result. Raises BrokerError (malformed)."""
        told = (target.values("wait") or ("0",))[-1]
        return min(seconds(told, "`wait`"), self._ceilings.wait)

    async def _list(self, connection: str, within: float) -> web.Response:
        """All results that wait, the oldest first; where there are none, those that come within these seconds."""
        await self._desk.check(connection)
        end = asyncio.get_running_loop().time() + within
        with self._arrivals.heard(connection) as arrival:
            while True:
                rows = await self._desk.ask(Exchange.deliveries, connection, limit=self._ceilings.listed)
                left = end - asyncio.get_running_loop().time()
                if rows or left <= 0 or self._arrivals.closed:
                    return _listed(rows)
                with suppress(TimeoutError):
                    await asyncio.wait_for(arrival.wait(), min(self._look, left))
                arrival.clear()

    async def _send(self, request: web.Request, connection: str, job: str) -> web.StreamResponse:
        row = await self._desk.ask(Exchange.delivery, connection, job)
        if row is None:
            await self._desk.check(connection)
            raise BrokerError(f"no result of the job {job!r} waits", code=Code.NOT_FOUND)
        headers = {
            "Content-Type": RESULT_TYPE,
            "Content-Length": str(row.size),
            JOB: row.job,
            CONTENT_DIGEST: row.digest,
        }
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        sent = position = 0
        while sent < row.size:
            content = await self._part(row, position)
            if content is None:
                cut(request)
                return response
            await response.write(content)
            sent, position = sent + len(content), position + 1
        await response.write_eof()
        return response

    async def _part(self, row: DeliveryRow, position: int) -> bytes | None:
        """A part; None for what was acknowledged, replaced or lost while it was sent."""
        try:
            return await self._desk.ask(Exchange.part, row.key, position)
        except BrokerError as error:
            _log.warning("a result broke off: %s", error, extra=fields(job=row.job))
            return None

    async def _acknowledge(self, connection: str, job: str) -> web.Response:
        """The platform has it. To say so twice is no error."""
        await self._desk.check(connection)
        if (row := await self._desk.ask(Exchange.delivery, connection, job)) is not None:
            await self._desk.change(Exchange.drop_delivery, row.key)
        return web.Response(status=204)


def _listed(rows: Sequence[DeliveryRow]) -> web.Response:
    body = msgspec.json.encode([Arrived(job=row.job, size=row.size) for row in rows])
    return web.Response(body=body, content_type="application/json")

"""Where requests come in: each is read once, let in or not, answered, and written down."""

import logging
import time

from aiohttp import web

from tidewaiter.broker.agent.answers import document, troubled
from tidewaiter.broker.agent.openapi import description
from tidewaiter.broker.agent.reception import Reception
from tidewaiter.broker.agent.redaction import Redact
from tidewaiter.broker.agent.routes import HEALTHCHECK, ROUTES, Route
from tidewaiter.broker.journal import fields, journal
from tidewaiter.broker.messages import CONNECTION, Trouble
from tidewaiter.broker.names import shown
from tidewaiter.broker.paths import Target, canonical
from tidewaiter.broker.signing import PROOF, SIGNATURE, Proven, Seal
from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError, TidewaiterError

DESCRIPTION = "/openapi.json"

_log = journal("agent")
_WELL = 200
_Found = tuple[Route, str] | web.Response
_PROVEN = web.RequestKey("proven", Proven)
_TROUBLE = web.RequestKey("trouble", str)


class Front:
    """Answers all requests. `seal` holds the secret, None where there is none."""

    def __init__(self, reception: Reception, seal: Seal | None) -> None:
        self._reception = reception
        self._seal = seal
        self._under_way = 0

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The answer to a request, whatever goes wrong."""
        begun = time.monotonic()
        self._under_way += 1
        try:
            answer = await self._answered(request)
        finally:
            self._under_way -= 1
        _write_down(request, answer, time.monotonic() - begun)
        return answer

    async def prove(self, request: web.Request, answer: web.StreamResponse) -> None:
        """Sign an answer on its way out: who asks wants to know as well."""
        proven = request.get(_PROVEN)
        if proven is not None and self._seal is not None:
            answer.headers[PROOF] = self._seal.answer(proven, answer.status)

    async def _answered(self, request: web.Request) -> web.StreamResponse:
        redact: Redact = str
        try:
            self._demand_room()
            target = canonical(request.raw_path)
            if str(target) == DESCRIPTION and request.method == "GET":
                return document(description())
            found = _found(request.method, target)
            proven = await self._let_in(request, target, found)
            if isinstance(found, web.Response):
                return found
            route, rest = found
            asked = self._reception.asked(request, target, rest, proven=proven)
            if not route.open:
                self._reception.hear(asked)
            try:
                return await route.answer(self._reception, asked)
            finally:
                redact = asked.redact
        except TidewaiterError as error:
            request[_TROUBLE] = redact(error.what)
            return troubled(error, redact)
        except (web.HTTPException, ConnectionError):
            raise
        except Exception:  # noqa: BLE001 - one request may not end the agent
            _log.exception("an error of tidewaiter itself")
            trouble = Trouble(
                what="an error of tidewaiter itself", advice="The agent's journal has it. Please report it."
            )
            return document(trouble, status=500)

    def _demand_room(self) -> None:
        """Raises BrokerError where too much is asked at the same time."""
        most = self._reception.settings.requests
        if self._under_way > most:
            what = f"the agent answers {most} requests already"
            raise BrokerError(what, advice="Ask again later.", retry=True, code=Code.BUSY)

    async def _let_in(self, request: web.Request, target: Target, found: _Found) -> bool:
        """Whether who asks has shown to know the secret.

        Raises BrokerError where he has to and does not, also where he need not and tries wrongly.
        """
        is_open = isinstance(found, tuple) and found[0].open
        if self._seal is None or (is_open and SIGNATURE not in request.headers):
            return False
        proven = self._seal.verify(request.method, str(target), request.headers)
        proven.check(await request.read())
        request[_PROVEN] = proven
        return True


def _found(method: str, target: Target) -> _Found:
    """Which route it is, and what stands at its end; an answer where there is none."""
    matching = [(route, rest) for route in ROUTES if (rest := route.match(target.segments)) is not None]
    if not matching:
        return document(Trouble(what=f"there is no {target.path}", code=Code.NOT_FOUND), status=404)
    for route, rest in matching:
        if route.method == method:
            return route, rest
    answer = document(Trouble(what=f"{target.path} is not asked with {method}", code="method"), status=405)
    answer.headers["Allow"] = ", ".join(sorted({route.method for route, _ in matching}))
    return answer


def _write_down(request: web.Request, answer: web.StreamResponse, seconds: float) -> None:
    path = request.raw_path.partition("?")[0]
    trouble = request.get(_TROUBLE)
    level = logging.WARNING if trouble else logging.INFO
    _log.log(
        logging.DEBUG if path == HEALTHCHECK and answer.status == _WELL else level,
        "answered",
        extra=fields(
            connection=shown(request.headers.get(CONNECTION, "")),
            method=request.method,
            path=path,
            status=answer.status,
            ms=round(seconds * 1000, 1),
            bytes=answer.body_length or answer.content_length,
            error=trouble,
        ),
    )

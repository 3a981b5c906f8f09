"""How an agent answers: one document of JSON, lines of JSON as they are found, or what went wrong in parts."""

import asyncio
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from functools import partial

import msgspec
from aiohttp import web

from tidewaiter.broker import refusals
from tidewaiter.broker.agent.desks import Conveyor, Lines
from tidewaiter.broker.agent.reception import Asked, Reception, deadline_over
from tidewaiter.broker.agent.redaction import Redact, redacted
from tidewaiter.broker.messages import LINES, End, Line, Trouble
from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError, CloudDeniedError, CloudError, LimitError, TidewaiterError, UsageError

JSON = "application/json"
LARGEST_DOCUMENT = 32 << 20
"""Bytes of a list in one document; a longer one has to be asked for as lines."""

_ABSENT = frozenset(
    {"ImageNotFound", "ImageNotFoundException", "RepositoryNotFoundException", "RegistryNotFoundException"}
)
_RETRY_AFTER = "1"
_LAST_WORDS = 5.0  # seconds to send the last line in, to who may have stopped reading


def document(value: object, *, status: int = 200) -> web.Response:
    """The value as JSON."""
    return web.Response(body=msgspec.json.encode(value), status=status, content_type=JSON)


def troubled(error: TidewaiterError, redact: Redact = str) -> web.Response:
    """The error as a document, without secrets."""
    status = status_of(error)
    answer = document(redacted(_told(error), redact), status=status)
    if status in (429, 503):
        answer.headers["Retry-After"] = _RETRY_AFTER
    return answer


def status_of(error: TidewaiterError) -> int:
    """The status that an error goes with: 4xx where asking again the same way is of no use."""
    match error:
        case BrokerError():
            return refusals.status_of(error)
        case UsageError():
            return 400
        case LimitError():
            return 413
        case CloudError() if error.code in _ABSENT:
            return 404
        case CloudDeniedError():
            return 403
        case _:
            return 503 if error.retry else 502


async def many(
    reception: Reception,
    asked: Asked,
    lines: Callable[[], Iterator[Line]],
    *,
    name: str,
    item: Callable[[Line], object],
) -> web.StreamResponse:
    """Lines as they are made; or, for who wants that, one document: a list of `item`s under `name`."""
    if _wants_document(asked.request):
        listed = partial(_listed, lines, name, item, asked.redact)
        return web.Response(body=await reception.ask(asked, listed), content_type=JSON)
    return await streamed(reception, asked, lines)


async def streamed(reception: Reception, asked: Asked, lines: Callable[[], Iterator[Line]]) -> web.StreamResponse:
    """Lines of JSON as they are made, with an `End` after the last. An error before the first is raised."""
    conveyor = reception.desks.stream(_encoded(lines, asked.redact))
    try:
        first = await _until(asked, conveyor)
        answer = web.StreamResponse(headers={"Content-Type": LINES, "X-Accel-Buffering": "no"})
        await answer.prepare(asked.request)
        last = await _pour(asked, conveyor, first, answer)
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(_LAST_WORDS):
                await answer.write(msgspec.json.encode(redacted(last, asked.redact)) + b"\n")
                await answer.write_eof()
        return answer
    finally:
        conveyor.stop()


async def _until(asked: Asked, conveyor: Conveyor) -> bytes:
    try:
        async with asyncio.timeout_at(asked.ends):
            return await conveyor.take()
    except TimeoutError:
        raise deadline_over() from None


async def _pour(asked: Asked, conveyor: Conveyor, first: bytes, answer: web.StreamResponse) -> Line:
    """Send all lines. The line that comes after them."""
    lines = first
    try:
        async with asyncio.timeout_at(asked.ends):
            while lines:
                await answer.write(lines)
                lines = await conveyor.take()
    except TimeoutError:
        return _told(deadline_over())
    except TidewaiterError as error:
        return _told(error)
    return End()


def _encoded(lines: Callable[[], Iterator[Line]], redact: Redact) -> Lines:
    def encode() -> Generator[bytes, None, None]:
        encoder = msgspec.json.Encoder()
        for line in lines():
            yield encoder.encode(redacted(line, redact)) + b"\n"

    return encode


def _listed(lines: Callable[[], Iterator[Line]], name: str, item: Callable[[Line], object], redact: Redact) -> bytes:
    encoder = msgspec.json.Encoder()
    items: list[bytes] = []
    size = 0
    for line in lines():
        items.append(encoder.encode(item(redacted(line, redact))))
        size += len(items[-1]) + 1
        if size > LARGEST_DOCUMENT:
            advice = f"Ask for lines of JSON instead: Accept: {LINES}."
            raise BrokerError("the list is too long for one document", advice=advice, code=Code.TOO_LARGE)
    return b'{"%s":[%s]}' % (name.encode(), b",".join(items))


def _wants_document(request: web.Request) -> bool:
    accepted = [part.partition(";")[0].strip().lower() for part in request.headers.get("Accept", "").split(",")]
    return JSON in accepted and LINES not in accepted


def _told(error: TidewaiterError) -> Trouble:
    trouble = Trouble.of(error)
    return msgspec.structs.replace(trouble, code=error.code) if isinstance(error, BrokerError) else trouble

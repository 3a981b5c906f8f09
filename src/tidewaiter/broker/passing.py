"""Answers whose head is here, passed on to who asked over HTTP as their bodies come."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final, Protocol

from aiohttp import web
from multidict import CIMultiDict

from tidewaiter.broker.headers import Headers, has_no_body
from tidewaiter.broker.journal import fields, journal
from tidewaiter.errors import BrokerError

_log: Final = journal("relay")
_ENDED: Final = "who asked has gone, or its deadline is over"


class Answered(Protocol):
    """An answer, of a tunnel or of another server."""

    status: int
    headers: Headers

    @property
    def whole(self) -> bytes | None:
        """All of the body, where it is here."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises BrokerError where it breaks off."""
        ...

    async def close(self) -> None:
        """Ends it."""


async def passed_on(request: web.Request, answer: Answered, headers: Headers) -> web.StreamResponse:
    """The answer under these headers, sent, and closed. One that breaks off is cut: nobody takes it for whole.

    Of one that has no body nothing is sent behind its head: who asked would take it for the next answer, which may be
    that of another connection.
    """
    try:
        named = CIMultiDict(headers)
        if has_no_body(request.method, answer.status):
            return web.Response(status=answer.status, headers=named)
        if (whole := answer.whole) is not None:
            return web.Response(status=answer.status, headers=named, body=whole)
        return await _streamed(request, answer, web.StreamResponse(status=answer.status, headers=named))
    finally:
        await answer.close()


async def _streamed(request: web.Request, answer: Answered, response: web.StreamResponse) -> web.StreamResponse:
    try:
        await response.prepare(request)
        async for chunk in answer.chunks():
            await response.write(chunk)
        await response.write_eof()
    except (BrokerError, TimeoutError, asyncio.CancelledError) as error:
        _log.warning("an answer broke off: %s", str(error) or _ENDED, extra=fields(path=request.path))
        cut(request)
        if isinstance(error, asyncio.CancelledError):
            raise
    return response


def cut(request: web.Request) -> None:
    """Ends the connection at once, in the middle of a response."""
    if request.transport is not None:
        request.transport.abort()

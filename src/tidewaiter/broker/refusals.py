"""Errors as whoever asked over HTTP is told them: a status, a code, words."""

from collections.abc import Mapping

import msgspec
from aiohttp import web
from multidict import CIMultiDict

from tidewaiter.broker.headers import Headers
from tidewaiter.broker.messages import ERROR, Refusal, Words
from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError

_STATUS: Mapping[str, int] = {
    Code.NOT_FOUND: 404,
    Code.UNAUTHORIZED: 401,
    Code.UNKNOWN_CONNECTION: 404,
    Code.REFUSED: 403,
    Code.MALFORMED: 400,
    Code.TOO_LARGE: 413,
    Code.REVOKED: 410,
    Code.BUSY: 429,
    Code.NOT_CONNECTED: 503,
    Code.LOST: 502,
    Code.UNREACHABLE: 502,
    Code.DEADLINE: 504,
}
_RETRY_AFTER = {429: "10", 503: "5"}  # seconds


def status_of(error: BrokerError) -> int:
    """The status of an answer that says so. What failed, and may not the next time, is unavailable."""
    return _STATUS.get(error.code, 503 if error.retry else 500)


def spelled(error: BrokerError) -> tuple[int, Headers, bytes]:
    """The answer: a `Refusal`, and its code in a header too."""
    status = status_of(error)
    headers = [("content-type", "application/json")]
    if error.code != Code.NOT_FOUND:  # it is no error of the relay
        headers.append((ERROR, error.code))
    if status in _RETRY_AFTER:
        headers.append(("retry-after", _RETRY_AFTER[status]))
    if status == 401:  # noqa: PLR2004 - https://www.rfc-editor.org/rfc/rfc9110#section-15.5.2
        headers.append(("www-authenticate", "Bearer"))
    body = msgspec.json.encode(Refusal(Words(error.code, error.what, error.advice)))
    return status, tuple(headers), body


def response_of(error: BrokerError, more: Headers = ()) -> web.Response:
    """The same, as a response; with more headers."""
    status, headers, body = spelled(error)
    return web.Response(status=status, headers=CIMultiDict((*headers, *more)), body=body)


def read(body: bytes, code: str) -> BrokerError:
    """The error that an answer of another server spells."""
    try:
        words = msgspec.json.decode(body, type=Refusal).error
    except msgspec.MsgspecError:
        words = Words(message="the other server gave no reason")
    return BrokerError(words.message, advice=words.advice, retry=True, code=code)

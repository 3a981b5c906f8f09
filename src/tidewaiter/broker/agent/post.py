"""One callback: a result or a notice, posted to the client's local port."""

import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from http import HTTPStatus
from ssl import SSLContext
from types import TracebackType
from typing import Protocol, Self

import aiohttp
from yarl import URL

from tidewaiter.broker.agent.desks import Desks
from tidewaiter.broker.agent.spool import Parcel
from tidewaiter.broker.causes import cause
from tidewaiter.broker.messages import (
    CONNECTION,
    CONTENT_DIGEST,
    DEADLINE,
    DONE_PATH,
    JOB,
    RESULT_PATH,
    RESULT_TYPE,
)
from tidewaiter.broker.sessions import new_session
from tidewaiter.broker.signing import SIGNATURE, Seal
from tidewaiter.errors import BrokerError

_CHUNK = 1 << 20
_LONGEST = 3600.0  # seconds
_SLOWEST = 64 << 10  # bytes a second
_PATIENCE = 60.0  # seconds
_CONNECTING = 10.0  # seconds
_AT_ONCE = 16  # callbacks to one client, whatever the number of its connections
_SECONDS = re.compile(r"[0-9]{1,5}")
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_FINAL = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.CONFLICT,
        HTTPStatus.LENGTH_REQUIRED,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
"""What is said of a result itself: others may be taken all the same."""

_NOTICE = b"{}"
_NOTICE_DIGEST = hashlib.sha256(_NOTICE).hexdigest()


class Uptake(Enum):
    """How a callback was taken. AWAY: nobody is there, or not now. GONE: the connection is not known any more.

    REFUSED: this one is not taken, another may be.
    """

    TAKEN = auto()
    AWAY = auto()
    GONE = auto()
    REFUSED = auto()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of a callback; `after` are the seconds that the other side wants to be left alone."""

    uptake: Uptake
    why: str = ""
    after: float = 0.0


class Post(Protocol):
    """Who posts callbacks: never an exception but of being cancelled."""

    async def result(self, callback: str, parcel: Parcel) -> Receipt:
        """Deliver a result to the client at this base URL."""
        ...

    async def done(self, callback: str, connection: str) -> Receipt:
        """Tell that no job of the connection is left."""
        ...


class HttpPost:
    """Posts over HTTP. An async context manager: connections end with it."""

    def __init__(self, desks: Desks, *, tls: SSLContext | None = None, seal: Seal | None = None) -> None:
        self._desks = desks
        self._seal = seal
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = new_session(self._tls, per_host=_AT_ONCE)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def result(self, callback: str, parcel: Parcel) -> Receipt:
        """Deliver a result to the client at this base URL."""
        headers = {
            CONNECTION: parcel.connection,
            JOB: parcel.job,
            CONTENT_DIGEST: f"sha256:{parcel.digest}",
            "content-type": RESULT_TYPE,
            "content-length": str(parcel.size),
        }
        return await self._post(callback, RESULT_PATH, headers, _Body(self._read(parcel), parcel.size, parcel.digest))

    async def done(self, callback: str, connection: str) -> Receipt:
        """Tell that no job of the connection is left."""
        headers = {CONNECTION: connection, "content-type": "application/json"}
        return await self._post(callback, DONE_PATH, headers, _Body(_NOTICE, len(_NOTICE), _NOTICE_DIGEST))

    async def _read(self, parcel: Parcel) -> AsyncIterator[bytes]:
        with await self._desks.call(parcel.open) as file:
            while chunk := await self._desks.call(partial(file.read, _CHUNK)):
                yield chunk

    async def _post(self, callback: str, path: str, headers: Mapping[str, str], body: "_Body") -> Receipt:
        left = min(_PATIENCE + body.size / _SLOWEST, _LONGEST)
        try:
            url = URL(callback.rstrip("/") + path, encoded=True)
            sent = {**headers, DEADLINE: f"{left:.3f}"}
            return await self._send(url, sent, body, left)
        except (BrokerError, aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return Receipt(Uptake.AWAY, f"{callback}: {cause(error)}")

    async def _send(self, url: URL, headers: dict[str, str], body: "_Body", left: float) -> Receipt:
        """What the client says to it. Raises BrokerError where it does not prove who it is."""
        assert self._session is not None, "enter it first"
        signed = None
        if self._seal is not None:
            signed = self._seal.sign("POST", url.raw_path_qs, headers, digest=body.digest)
            headers[SIGNATURE] = signed.header
        timeout = aiohttp.ClientTimeout(total=left, sock_connect=_CONNECTING)
        asked = self._session.post(url, data=body.content, headers=headers, timeout=timeout, allow_redirects=False)
        async with asked as answer:
            if self._seal is not None and signed is not None:
                self._seal.check_answer(signed, answer.status, answer.headers)
            return _receipt(answer)


@dataclass(frozen=True, slots=True)
class _Body:
    """What is sent; its size in bytes and its sha256 are known before."""

    content: bytes | AsyncIterator[bytes]
    size: int
    digest: str


def _receipt(answer: aiohttp.ClientResponse) -> Receipt:
    status = answer.status
    if status == HTTPStatus.OK:
        return Receipt(Uptake.TAKEN)
    why = f"the client answers {status}"
    if status in _GONE:
        return Receipt(Uptake.GONE, why)
    if status in _FINAL:
        return Receipt(Uptake.REFUSED, why)
    return Receipt(Uptake.AWAY, why, _after(answer))


def _after(answer: aiohttp.ClientResponse) -> float:
    """The seconds of Retry-After; 0 for none, a date, or more than a day."""
    value = answer.headers.get("retry-after", "")
    return float(value) if _SECONDS.fullmatch(value) else 0.0

"""The bytes of blobs, from wherever the registry says that they are: addresses that are signed and expire."""

import re
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import BinaryIO
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from tidewaiter.errors import LimitError, RegistryDeniedError, RegistryError
from tidewaiter.model.cloud import Download
from tidewaiter.registry.answers import read_body
from tidewaiter.registry.protocol import is_guarded
from tidewaiter.registry.stream import open_stream
from tidewaiter.registry.transport import Transport, Waiting, let_go

_MOST_ADDRESSES = 3
_MARGIN = timedelta(seconds=10)
_LARGEST_ERROR = 1 << 16
_CODE = re.compile(rb"<Code>([A-Za-z.]{1,60})</Code>")
# What Amazon S3 answers to an address that has expired, or that an expired session has signed.
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList
_STALE = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})

_S3_POLICY = (
    "Behind a VPC endpoint for S3, its policy must allow s3:GetObject on the bucket of ECR's layers, "
    "prod-<region>-starport-layer-bucket."
)

Ask = Callable[[], Download]
"""Asks for an address of one blob. Raises CloudError, or RegistryError."""


class BlobHost:
    """Reads blobs over pooled connections. Made for many threads; close it after use."""

    def __init__(self, waiting: Waiting | None = None) -> None:
        self._waiting = waiting or Waiting()
        self._transport = Transport(self._waiting, insecure=False)

    def close(self) -> None:
        """Ends all connections."""
        self._transport.close()

    def stream(self, ask: Ask, size: int, where: str, *, first: Download | None = None) -> BinaryIO:
        """The blob's bytes as a stream that goes on after a lost connection, and with a new address after an old one.

        `first` is an address that is known already; `ask` is called when there is none, or no good one any more.
        Nothing is sent before the first read. Reading raises RegistryError, what `ask` raises, and MalformedError for
        more than `size` bytes. `where` names the blob in messages.
        """
        way = _Way(self._transport, self._waiting, ask, where, first)
        return open_stream(way.answer, size, self._waiting, where)


class _Way:
    """One blob, with the address that is good now."""

    def __init__(self, transport: Transport, waiting: Waiting, ask: Ask, where: str, download: Download | None) -> None:
        self._transport = transport
        self._waiting = waiting
        self._ask = ask
        self._where = where
        self._download = download

    def answer(self, start: int) -> urllib3.BaseHTTPResponse:
        """The blob from a byte on."""
        for left in reversed(range(_MOST_ADDRESSES)):
            download = self._current()
            answer = self._sent(download, start)
            if answer.status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
                return answer
            if answer.status not in _STALE or not left:
                raise self._refusal(answer, download)
            let_go(answer)
            self._download = None
        raise AssertionError("the last try returns or raises")

    def _current(self) -> Download:
        download = self._download
        if download is None or (download.expires and download.expires - _MARGIN <= self._waiting.now()):
            download = self._download = self._ask()
        if not is_guarded(download.url, insecure=False):
            what = f"it is said to be at {urlsplit(download.url).hostname}, over http, where anyone may listen"
            raise RegistryError(what, where=self._where)
        return download

    def _sent(self, download: Download, start: int) -> urllib3.BaseHTTPResponse:
        headers = dict(download.headers)
        if start:
            headers["Range"] = f"bytes={start}-"
        return self._transport.send("GET", download.url, headers)

    def _refusal(self, answer: urllib3.BaseHTTPResponse, download: Download) -> RegistryError:
        """The error for an answer without the blob. Of what the host says only the code: more would hold secrets."""
        host = urlsplit(download.url).netloc
        said = _code(answer)
        match answer.status:
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                advice = _S3_POLICY if "X-Amz-" in urlsplit(download.url).query else ""
                return RegistryDeniedError(f"{host} refuses the blob{said}", where=self._where, advice=advice)
            case HTTPStatus.NOT_FOUND:
                return RegistryError(f"{host} does not have the blob{said}", where=self._where)
            case status:
                passing = status >= HTTPStatus.INTERNAL_SERVER_ERROR
                return RegistryError(f"{host} answers {status} for the blob{said}", where=self._where, retry=passing)


def _code(answer: urllib3.BaseHTTPResponse) -> str:
    try:
        match = _CODE.search(read_body(answer, _LARGEST_ERROR, limit="error_bytes", where=""))
    except (HTTPError, OSError, LimitError):
        return ""
    return f" ({match[1].decode('ascii')})" if match else ""

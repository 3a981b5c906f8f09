"""Blobs of a registry that gives them only to who logs in, for readers on this machine that have no login.

Each blob has an address that cannot be guessed and is good for minutes. Whoever has it can read that blob, and nothing
else: what a signed address is elsewhere.
"""

import secrets
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

import urllib3
from urllib3.exceptions import HTTPError

from tidewaiter.errors import MalformedError, RegistryError
from tidewaiter.model.cloud import Download
from tidewaiter.model.image import Digest, Reference
from tidewaiter.registry.protocol import range_start
from tidewaiter.registry.transport import let_go

_GOOD_FOR = timedelta(minutes=15)
_TOLD_WITHIN = timedelta(minutes=1)
_CHUNK = 1 << 18
_PASSED_ON = ("Content-Length", "Content-Range")


class Parts(Protocol):
    """Where blobs come from; `registry.client.RegistryClient` is one."""

    def part(self, reference: Reference, digest: Digest, start: int) -> urllib3.BaseHTTPResponse:
        """The answer that holds the blob from a byte on, with its body still to be read.

        Raises RegistryError, and MalformedError.
        """
        ...


Trouble = RegistryError | MalformedError
"""Why a blob cannot be had."""


@dataclass(frozen=True, slots=True)
class _Blob:
    reference: Reference
    digest: Digest


@dataclass(frozen=True, slots=True)
class _Offer:
    """A blob that is to be had until then."""

    blob: _Blob
    until: datetime


class BlobRelay:
    """Gives blobs at addresses of this machine, 127.0.0.1 and a free port. Thread-safe; close it after use.

    It listens from the first address on. A reader that is refused asks for another address; that asking is then told
    why the registry did not give the blob.
    """

    def __init__(self, parts: Parts, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._parts = parts
        self._now = now
        self._lock = threading.RLock()  # the end may come with a collection of garbage, in any thread at any time
        self._offers: dict[str, _Offer] = {}
        self._troubles: dict[_Blob, tuple[Trouble, datetime]] = {}
        self._server: _Server | None = None
        self._closed = False

    def close(self) -> None:
        """Ends it, and whatever is being read."""
        with self._lock:
            self._closed = True
            server, self._server = self._server, None
            self._offers.clear()
        if server is not None:
            server.close()

    def download(self, reference: Reference, digest: Digest) -> Download:
        """An address of the blob. Raises why its last reader did not get it, if that was just now."""
        blob, now = _Blob(reference, digest), self._now()
        name, until = secrets.token_urlsafe(32), now + _GOOD_FOR
        with self._lock:
            trouble = self._troubles.pop(blob, None)
            if trouble is not None and now < trouble[1]:
                raise trouble[0]
            if self._closed:
                raise RegistryError("the registry is not asked any more", where=reference.registry)
            self._forget(now)
            self._offers[name] = _Offer(blob, until)
            if self._server is None:
                self._server = _Server(self)
            return Download(url=f"{self._server.url}/{name}", expires=until)

    def opened(self, name: str, start: int) -> urllib3.BaseHTTPResponse | None:
        """The registry's answer for the blob of this name, from a byte on; None where there is none to be had."""
        with self._lock:
            offer = self._offers.get(name)
        if offer is None or offer.until <= self._now():
            return None
        try:
            return self._parts.part(offer.blob.reference, offer.blob.digest, start)
        except (RegistryError, MalformedError) as error:
            with self._lock:
                self._troubles[offer.blob] = error, self._now() + _TOLD_WITHIN
            return None

    def _forget(self, now: datetime) -> None:
        """Lets go of what is over; offers are made in the order in which they end."""
        for name, offer in list(self._offers.items()):
            if offer.until > now:
                break
            self._offers.pop(name, None)
        for blob, (_, until) in list(self._troubles.items()):
            if until > now:
                break
            self._troubles.pop(blob, None)


class _Server(ThreadingHTTPServer):
    """Listens from the beginning to `close`. Its threads never hold up the end of the process."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, relay: BlobRelay) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.relay = relay
        self.connections: set[socket.socket] = set()
        self._ended = False
        self._thread = threading.Thread(target=self._listen, name="tidewaiter-relay", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def close(self) -> None:
        """Ends the listening and all connections."""
        self._ended = True
        _shut(self.socket)  # who waits for a connection is woken
        if self._thread is not threading.current_thread():
            self._thread.join()
        self.server_close()
        for connection in list(self.connections):
            _shut(connection)

    def handle_error(self, request: object, client_address: object) -> None:
        """A reader that goes away in the middle has its reasons, and says so itself."""

    def _listen(self) -> None:
        while not self._ended:
            self.handle_request()


class _Handler(BaseHTTPRequestHandler):
    """One connection of a reader, which may ask for many blobs."""

    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Addresses are secrets."""

    def do_GET(self) -> None:
        """Answers with the blob of the path, or refuses as a storage does whose address has expired."""
        answer = self.server.relay.opened(self.path.removeprefix("/"), range_start(self.headers.get("Range", "")))
        if answer is None:
            self.send_response(HTTPStatus.FORBIDDEN)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        try:
            self._pass_on(answer)
        except (HTTPError, OSError):
            self.close_connection = True  # the reader sees that bytes are missing, and asks for them
        finally:
            let_go(answer)

    def _pass_on(self, answer: urllib3.BaseHTTPResponse) -> None:
        self.send_response(answer.status)
        for name in _PASSED_ON:
            if name in answer.headers:
                self.send_header(name, answer.headers[name])
        if "Content-Length" not in answer.headers:  # its end is that of the connection
            self.send_header("Connection", "close")
        self.end_headers()
        while chunk := answer.read1(_CHUNK, decode_content=False):
            self.wfile.write(chunk)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        """It has ended already."""

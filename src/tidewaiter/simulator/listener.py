"""What the simulator's HTTP servers have in common: they listen on this machine, and answer in threads."""

import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

JSON = "application/json"
_CHUNK = 1 << 16
_LONGEST_LINE = 1 << 10


class Listener(ThreadingHTTPServer):
    """Listens at 127.0.0.1 and a free port from `start` to `close`, over http or `tls`."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, handler: type[BaseHTTPRequestHandler], *, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self._scheme = "https" if tls else "http"
        if tls:  # the handshake waits for the thread of its connection
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def host(self) -> str:
        """Host and port, as in a reference."""
        return f"127.0.0.1:{self.server_port}"

    @property
    def url(self) -> str:
        """The address of the host."""
        return f"{self._scheme}://{self.host}"

    def start(self) -> None:
        """Answers from now on."""
        self._thread.start()

    def close(self) -> None:
        """Ends, and gives the port back."""
        if self._thread.is_alive():
            self.shutdown()
            self._thread.join()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away in the middle are a part of the play."""


class Serving:
    """What is served by a listener for the time of a `with` block: `_server` is made by who inherits."""

    _server: Listener

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    @property
    def host(self) -> str:
        """Host and port, as in a reference."""
        return self._server.host

    @property
    def url(self) -> str:
        """The address of the host."""
        return self._server.url


class Conversation(BaseHTTPRequestHandler):
    """One connection of a client, which may ask many times."""

    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        """Opens the connection; small answers are sent at once."""
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the base class's
        """Tests look at what the servers note instead."""

    def send(self, status: int, content: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        """Answers; to HEAD without the content."""
        self.head(status, {"Content-Type": JSON, "Content-Length": str(len(content)), **(headers or {})})
        if self.command != "HEAD":
            self.wfile.write(content)

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        """Sends the status and headers of an answer whose body follows."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def body(self) -> Iterator[bytes]:
        """What the client sends, in pieces, with a length or in chunks. Raises ConnectionError where it ends early.

        https://www.rfc-editor.org/rfc/rfc9112#name-message-body
        """
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            yield from self._take(int(self.headers.get("Content-Length", "0")))
            return
        while size := int(self.rfile.readline(_LONGEST_LINE).partition(b";")[0], 16):
            yield from self._take(size)
            self.rfile.readline(_LONGEST_LINE)
        while self.rfile.readline(_LONGEST_LINE).strip():
            """Trailers say nothing that is needed."""

    def _take(self, size: int) -> Iterator[bytes]:
        while size:
            piece = self.rfile.read(min(size, _CHUNK))
            if not piece:
                raise ConnectionError("the client went away in the middle of a body")
            size -= len(piece)
            yield piece

    def hang_up(self) -> None:
        """Ends the connection without another word."""
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

"""A loopback server that answers in AWS' protocols what a test tells it to, and remembers what it was asked."""

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

_SCOPE = re.compile(r"Credential=(?P<key>[^/]+)/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it came in; headers have lower-case names."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> Mapping[str, str]:
        """The parameters of a request in the query protocol."""
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}

    @property
    def document(self) -> Mapping[str, Any]:
        """The parameters of a request in the JSON protocol."""
        read: Mapping[str, Any] = json.loads(self.body)
        return read

    @property
    def is_json(self) -> bool:
        return "x-amz-target" in self.headers

    @property
    def operation(self) -> str:
        """The operation's name; for what is no call of an API, the path."""
        if self.is_json:
            return self.headers["x-amz-target"].rpartition(".")[2]
        return self.form.get("Action", "") or self.path

    @property
    def key(self) -> str:
        """Whose key signed the request, "" for none."""
        scope = _SCOPE.search(self.headers.get("authorization", ""))
        return scope["key"] if scope else ""

    @property
    def region(self) -> str:
        """The region that the signature is for."""
        scope = _SCOPE.search(self.headers.get("authorization", ""))
        return scope["region"] if scope else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    status: int = HTTPStatus.OK
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Answering = Callable[[Request], Response]


class AwsError(Exception):
    """What an answering function raises to answer with an error of AWS."""

    def __init__(self, code: str, message: str = "", status: int = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.status = status

    def response(self, request: Request) -> Response:
        if request.is_json:
            return as_json({"__type": self.code, "message": self.message}, status=self.status)
        error = f"<Error><Code>{self.code}</Code><Message>{escape(self.message)}</Message></Error>"
        if request.form.get("Version", "").startswith("2016"):
            return Response(status=self.status, body=f"<Response><Errors>{error}</Errors></Response>".encode())
        return Response(status=self.status, body=f"<ErrorResponse>{error}</ErrorResponse>".encode())


def as_json(document: object, *, status: int = HTTPStatus.OK) -> Response:
    """An answer of the JSON protocol, or of a metadata endpoint."""
    return Response(status=status, body=json.dumps(document).encode(), headers={"Content-Type": "application/json"})


def as_xml(operation: str, result: str) -> Response:
    """An answer of the query protocol; `result` is XML."""
    body = f"<{operation}Response><{operation}Result>{result}</{operation}Result></{operation}Response>"
    return Response(body=body.encode(), headers={"Content-Type": "text/xml"})


class CloudEndpoint:
    """The server; a context manager. `answers` maps an operation, or a path, to what answers it."""

    def __init__(self, answers: Mapping[str, Answering] | None = None) -> None:
        self.answers = dict(answers or {})
        self.requests: list[Request] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def asked(self, operation: str) -> list[Request]:
        """The requests for one operation or path, in order."""
        with self._lock:
            return [request for request in self.requests if request.operation == operation]

    def answer(self, request: Request) -> Response:
        with self._lock:
            self.requests.append(request)
        answering = self.answers.get(request.operation)
        if answering is None:
            return Response(status=HTTPStatus.NOT_FOUND)
        try:
            return answering(request)
        except AwsError as error:
            return error.response(request)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class' name
                """Say nothing."""

            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(method=self.command, path=self.path, headers=headers, body=self.rfile.read(length))
                response = endpoint.answer(request)
                self.send_response(response.status)
                for name, value in response.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(response.body)))
                self.end_headers()
                self.wfile.write(response.body)

            do_GET = do_POST = do_PUT = _serve  # noqa: N815 - names that the base class calls

        return Handler

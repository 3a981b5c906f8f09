"""The server's API on loopback, and agents behind it that look through registries in memory; faults can be set."""

import json
import ssl
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from fakes.registries import MemoryLookers, MemoryRegistry
from tidewaiter.broker.messages import (
    CREDENTIALS,
    DEADLINE,
    ERROR,
    IDEMPOTENCY,
    LINES,
    PLACEHOLDER,
    SUBSTITUTE,
    AgentInfo,
    Arrived,
    AtRegistry,
    DocumentLine,
    End,
    Hello,
    ImageLine,
    Job,
    JobState,
    Line,
    RepositoryLine,
    Result,
    ScanRequest,
    Trouble,
)
from tidewaiter.errors import CloudError
from tidewaiter.fleet.documents import documents
from tidewaiter.fleet.looker import Looked, PulledImage
from tidewaiter.fleet.watcher import Unwatched
from tidewaiter.image.limits import Limits
from tidewaiter.inventory.encoding import encode_inventory
from tidewaiter.model.cloud import Identity, Repository
from tidewaiter.scan.shelf import LayerShelf

KEY = "an-api-key-of-the-platform"
_STATUS = {"unauthorized": 401, "unknown-connection": 404, "revoked": 410, "busy": 429, "not-connected": 503}
_IDENTITY = Identity(arn="arn:aws:iam::999999999999:role/agent", account="999999999999", partition="aws")


@dataclass(frozen=True)
class Told:
    """An answer: with `cut`, the connection is cut before its end. `code` is that of an error of the relay itself."""

    status: int
    body: bytes = b""
    type: str = "application/json"
    code: str = ""
    cut: bool = False


def refusal(code: str, message: str = "it does not work", advice: str = "") -> Told:
    """An error of the relay itself."""
    body = json.dumps({"error": {"code": code, "message": message, "advice": advice}}).encode()
    return Told(_STATUS.get(code, 502), body, code=code)


def lines(found: Iterable[Line], *, end: bool = True) -> bytes:
    """Lines of JSON."""
    return b"".join(msgspec.json.encode(line) + b"\n" for line in (*found, *((End(),) if end else ())))


@dataclass(slots=True)
class FakeAgent:
    """Looks through registries in memory. `jobs` are those that it knows; `forget` is a restart.

    `more` are lines of its discovery beside the registries'. A job is done at once, or when `hold` is set. `spoil`
    changes results before they are delivered.
    """

    places: list[MemoryRegistry] = field(default_factory=lambda: [MemoryRegistry()])
    more: list[Line] = field(default_factory=list)
    info: AgentInfo = field(default_factory=lambda: AgentInfo("1", "fingerprint-1", Limits(), 2))
    identity: Identity = _IDENTITY
    lookers: MemoryLookers = field(default_factory=MemoryLookers)
    hold: threading.Event | None = None
    spoil: Callable[[bytes], bytes] = lambda content: content
    jobs: dict[str, JobState] = field(default_factory=dict)
    posted: Counter[str] = field(default_factory=Counter)

    def forget(self) -> None:
        """It was restarted."""
        self.jobs.clear()

    def found(self) -> list[Line]:
        """What a discovery tells."""
        places = [AtRegistry(each.account, each.registry) for each in self.places]
        return [Hello(self.info, self.identity), *places, *self.more]

    def place(self, host: str) -> MemoryRegistry:
        """The registry of this host."""
        return next(each for each in self.places if each.registry.host == host)

    def look(self, request: ScanRequest) -> Looked:
        """What comes of a job."""
        api = self.place(request.registry)
        answer = api.manifests(request.repository, [request.digest])[request.digest]
        image = PulledImage(
            repository=Repository(registry=api.registry, name=request.repository),
            digest=request.digest,
            manifest=answer.content,
            media_type=answer.media_type,
            tags=request.tags,
        )
        shelf: LayerShelf = None  # type: ignore[assignment]  # who looks in memory needs none
        with self.lookers(workers=1, limits=Limits(), apis=lambda _: api, shelf=shelf, watcher=Unwatched()) as looks:
            return looks.look(image).result()

    def result(self, job: str, request: ScanRequest) -> bytes:
        """The body that is delivered."""
        looked = self.look(request)
        packed = encode_inventory(looked.inventory) if looked.inventory else b""
        head = Result(
            job=job,
            digest=request.digest,
            failure=looked.failure,
            size=len(packed),
            layers_read=looked.layers_read,
            bytes_pulled=looked.bytes_pulled,
            fingerprint=self.info.fingerprint,
        )
        return self.spoil(msgspec.json.encode(head) + b"\n" + packed)


class FakeBroker:
    """The server's API at `url`, while the context is open. `agents` are by connection, `results` those that wait.

    `before` sees each request as (method, path with query) and may answer instead. `asked` are all of them.
    """

    def __init__(self, **agents: FakeAgent) -> None:
        self.agents = agents or {"shop": FakeAgent()}
        self.results: dict[tuple[str, str], bytes] = {}
        self.acknowledged: list[str] = []
        self.asked: list[str] = []
        self.before: Callable[[str, str], Told | None] = lambda _method, _path: None
        self.arrived = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), partial(_Handler, self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self.arrived:
            self.arrived.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def protect(self, certificate: Path) -> None:
        """It speaks TLS from now on; the key of its certificate is the `key.pem` beside it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.parent / "key.pem")
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = self.url.replace("http:", "https:")

    @property
    def agent(self) -> FakeAgent:
        """The first of the agents."""
        return next(iter(self.agents.values()))

    def count(self, start: str) -> int:
        """How many requests began so."""
        return sum(each.startswith(start) for each in self.asked)

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Told:
        """The answer to a request."""
        path = urlsplit(target).path
        self.asked.append(f"{method} {target}")
        if headers.get("authorization") != f"Bearer {KEY}":
            return refusal("unauthorized", "the API key is not known")
        if told := self.before(method, target):
            return told
        _, what, connection, *rest = path.split("/")
        if connection not in self.agents:
            return refusal("unknown-connection", f"there is no connection {connection!r}")
        if what == "results":
            query = dict(parse_qsl(urlsplit(target).query))
            return self._of_results(method, connection, rest, float(query.get("wait", "0")))
        assert headers[SUBSTITUTE] == CREDENTIALS
        assert headers[CREDENTIALS] == PLACEHOLDER
        assert float(headers[DEADLINE]) > 0
        return self._of_agent(connection, method, "/" + "/".join(map(unquote, rest)), target, headers, body)

    def _of_results(self, method: str, connection: str, rest: list[str], wait: float) -> Told:
        with self.arrived:
            mine = [job for of, job in self.results if of == connection]
            if not rest:
                if not mine and wait:
                    self.arrived.wait(min(wait, 0.3))
                found = [Arrived(job, len(body)) for (of, job), body in self.results.items() if of == connection]
                return Told(200, msgspec.json.encode(found))
            if method == "DELETE":
                self.acknowledged.append(rest[0])
                return Told(200 if self.results.pop((connection, rest[0]), None) else 404, b"{}")
            if (connection, rest[0]) not in self.results:
                return Told(404, b"{}")
            return Told(200, self.results[connection, rest[0]], type="application/octet-stream")

    def _of_agent(
        self, connection: str, method: str, path: str, target: str, headers: dict[str, str], body: bytes
    ) -> Told:
        agent = self.agents[connection]
        query = parse_qsl(urlsplit(target).query)
        try:
            match method, path.split("/", 2)[1]:
                case "POST", "discover":
                    return Told(200, lines(agent.found()), type=LINES)
                case "POST", "scan":
                    return self._scan(connection, headers[IDEMPOTENCY], msgspec.json.decode(body, type=ScanRequest))
                case "GET", "scan":
                    return _state(agent, path.rpartition("/")[2])
                case "GET", "get-state-identifier":
                    return _identified(agent, dict(query))
                case _:
                    return Told(200, lines(_listed(agent, path, query)), type=LINES)
        except CloudError as error:
            return Told(403, msgspec.json.encode(Trouble.of(error)))

    def _scan(self, connection: str, job: str, request: ScanRequest) -> Told:
        agent = self.agents[connection]
        agent.posted[job] += 1
        if job not in agent.jobs:
            agent.jobs[job] = JobState.QUEUED
            if agent.hold is None:
                self.deliver(connection, job, request)
            else:
                threading.Thread(target=self._later, args=(connection, job, request, agent.hold), daemon=True).start()
        return Told(202, msgspec.json.encode(Job(job, agent.jobs[job])))

    def _later(self, connection: str, job: str, request: ScanRequest, hold: threading.Event) -> None:
        hold.wait(30)
        if self.agents[connection].jobs.get(job) is JobState.QUEUED:
            self.deliver(connection, job, request)

    def deliver(self, connection: str, job: str, request: ScanRequest) -> None:
        """Do a job, and let its result arrive."""
        agent = self.agents[connection]
        body = agent.result(job, request)
        with self.arrived:
            self.results[connection, job] = body
            agent.jobs[job] = JobState.DELIVERED
            self.arrived.notify_all()


def _identified(agent: FakeAgent, asked: dict[str, str]) -> Told:
    found = agent.place(asked["registry"]).resolve(asked["repository"], asked["tag"])
    return Told(200, msgspec.json.encode({"identifier": str(found)}))


def _state(agent: FakeAgent, job: str) -> Told:
    if job not in agent.jobs:
        return Told(404, msgspec.json.encode(Trouble("the connection has no such job")))
    return Told(200, msgspec.json.encode(Job(job, agent.jobs[job])))


def _listed(agent: FakeAgent, path: str, query: list[tuple[str, str]]) -> Iterator[Line]:
    _, what, *rest = path.split("/", 2)
    api = agent.place(dict(query)["registry"])
    match what, *rest:
        case ("list",):
            for name in api.repositories():
                yield RepositoryLine(name)
        case "list-with-metadata", name:
            for detail in api.images(name):
                yield ImageLine(detail)
        case "image-metadata", name:
            digests = [value for key, value in query if key == "digest"]
            assert 0 < len(digests) <= 50
            asked = {str(digest): digest for listed in api.listed.values() for digest in listed}
            wanted = [asked[each] for each in digests if each in asked]
            for read in documents(api, Repository(registry=api.registry, name=name), wanted, Limits()):
                verdict = read.verdict
                children = tuple(replace(child, annotations=()) for child in read.children)
                yield DocumentLine(read.digest, verdict.kind, verdict.outcome, children, read.media_type, read.absent)
        case _:
            raise CloudError(f"there is no {path}")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Who asked went away."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # as it came


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    disable_nagle_algorithm = True

    def __init__(self, broker: FakeBroker, *arguments: object) -> None:
        self._broker = broker
        super().__init__(*arguments)  # type: ignore[arg-type]  # what the server hands on

    def do_GET(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def do_DELETE(self) -> None:
        self._respond()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class names it
        """Say nothing."""

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        told = self._broker.answer(self.command, self.path, headers, body)
        try:
            self._send(told)
        except OSError:
            self.close_connection = True

    def _send(self, told: Told) -> None:
        self.send_response(told.status)
        self.send_header("Content-Type", told.type)
        self.send_header("Content-Length", str(len(told.body) + told.cut))
        if told.code:
            self.send_header(ERROR, told.code)
        self.end_headers()
        self.wfile.write(told.body)
        self.close_connection = self.close_connection or told.cut

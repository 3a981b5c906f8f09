"""A registry's other interface: answers that are written down, to who shows what it wants."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from tidewaiter.simulator.listener import Conversation, Listener, Serving


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came in."""

    method: str
    path: str
    authorization: str
    body: bytes


class Interface(Serving):
    """Serves JSON at paths with their queries, on this machine, for the time of a `with` block.

    Where `wants` has the path's beginning, its authorization is needed. `first` has what is answered once, before the
    rest. What is not there is answered with 404.
    """

    def __init__(self) -> None:
        self.answers: dict[str, tuple[object, Mapping[str, str]]] = {}
        self.first: dict[str, object] = {}
        self.wants: dict[str, str] = {}
        self.asked: list[Asked] = []
        self._server = server = _Server(_Handler)
        server.interface = self

    def answer(self, path: str, content: object, **headers: str) -> None:
        """What to answer at a path; underscores in headers' names stand for hyphens."""
        self.answers[path] = (content, {name.replace("_", "-"): value for name, value in headers.items()})

    def paths(self) -> list[str]:
        """What was asked for, but for the first look at what is there."""
        return [asked.path for asked in self.asked if asked.path != "/v2/"]


class _Server(Listener):
    interface: Interface


class _Handler(Conversation):
    server: _Server

    def do_GET(self) -> None:  # noqa: N802 - http.server calls it by the method
        self._answer()

    def do_HEAD(self) -> None:  # noqa: N802 - http.server calls it by the method
        self._answer()

    def do_POST(self) -> None:  # noqa: N802 - http.server calls it by the method
        self._answer()

    def _answer(self) -> None:
        interface, shown = self.server.interface, self.headers.get("Authorization", "")
        interface.asked.append(Asked(self.command, self.path, shown, b"".join(self.body())))
        wanted = next((value for path, value in interface.wants.items() if self.path.startswith(path)), shown)
        if wanted != shown:
            self.send(HTTPStatus.FORBIDDEN, json.dumps({"errors": [{"code": "DENIED", "message": shown}]}).encode())
        elif self.path in interface.first:
            self.send(HTTPStatus.OK, json.dumps(interface.first.pop(self.path)).encode())
        elif self.path in interface.answers:
            content, headers = interface.answers[self.path]
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            status = HTTPStatus.UNAUTHORIZED if "WWW-Authenticate" in headers else HTTPStatus.OK
            self.send(status, body, headers)
        else:
            self.send(HTTPStatus.NOT_FOUND, b'{"errors":[{"code":"NOT_FOUND"}]}')

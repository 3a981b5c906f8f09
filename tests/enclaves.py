"""A network that nothing connects into, with an agent in it; and outside of it the broker server and the platform.

The inside (`enclave_inside.py`) runs in a network namespace with a loopback interface only. Its one way out is a socket
in the file system, which is here connected with the server, and recorded. Where namespaces cannot be made, `why_not`
says why: then all is as said, but that there is no other way is not shown by it.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3

from fakes.broker_servers import API_KEY
from fleet_commands import COMMAND, until
from namespaces import as_nobody
from passages import Passage
from tidewaiter.broker.server.connections import create
from tidewaiter.store.store import Store
from worker_processes import workers_of

Json = dict[str, Any]
CONNECTIONS = ("web", "data", "stranger", "harbor")
_HERE = Path(__file__).parent
_PATIENCE = 60.0  # seconds


@dataclass
class Enclave:
    """The inside at work, and the broker server `url` outside. `folder` is the inside's, `outside` the others'."""

    folder: Path
    outside: Path
    url: str
    passage: Passage
    tokens: Mapping[str, str]
    inside: "subprocess.Popen[str]"
    why_not: str
    processes: Mapping[str, int] = field(default_factory=dict)
    scans: list["subprocess.Popen[str]"] = field(default_factory=list)

    def ask(self, what: str, *arguments: object) -> Json:
        """What the inside says."""
        assert self.inside.stdin
        self.inside.stdin.write(json.dumps({"do": what, "with": arguments}) + "\n")
        self.inside.stdin.flush()
        return _answer(self.inside)

    def scan(self, database: Path, *via: str) -> "subprocess.Popen[str]":
        """The platform's scan of what is behind these connections, begun. It has a store of their names."""
        store = self.outside / f"{'-'.join(via)}.db"
        places = ("--db", str(database), "--store", str(store), "--broker-patience", str(_PATIENCE))
        ways = [word for name in via for word in ("--via", name)]
        scan = subprocess.Popen(
            [*as_nobody(), COMMAND, "ecr", "scan", *ways, *places, "--format", "json"],
            env={**_environment(self.outside), "TIDEWAITER_BROKER_URL": self.url, "TIDEWAITER_BROKER_KEY": API_KEY},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.scans.append(scan)
        return scan

    def relayed(self, connection: str, target: str, *, method: str = "GET", **headers: str) -> int:
        """The status of what is answered to a request of the platform's; `headers` with _ for -."""
        told = {
            "authorization": f"Bearer {API_KEY}",
            "x-broker-var-sub": "x-tidewaiter-credentials",
            "x-tidewaiter-credentials": "${CR_CREDENTIALS}",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        url = f"{self.url}/broker/{connection}{target}"
        return urllib3.request(method, url, headers=told, timeout=_PATIENCE).status

    @property
    def everybody(self) -> dict[str, int]:
        """The processes inside, the agent's workers among them."""
        workers = workers_of(self.processes["agent"])
        return {**self.processes, **{f"worker {number}": number for number in workers}}


@contextmanager
def enclave(folder: Path) -> Iterator[Enclave]:
    """All of them, until the block ends."""
    with ExitStack() as stack:
        inside, outside = _folder(stack), folder / "outside"
        outside.mkdir()
        url = _server(stack, outside)
        gate = socket.socket(socket.AF_UNIX)
        gate.bind(str(inside / "way-out"))
        gate.listen()
        host, _, port = url.removeprefix("http://").rpartition(":")
        passage = stack.enter_context(Passage(gate, lambda: socket.create_connection((host, int(port)))))
        with Store.open(str(outside / "broker.db")) as store:
            tokens = {name: create(store.exchange, name) for name in CONNECTIONS}
        program = stack.enter_context(_started(inside, outside))
        why_not = _answer(program)["why_not"]
        running = Enclave(inside, outside, url, passage, tokens, program, why_not)
        stack.callback(_kill, running.scans)
        running.processes = running.ask("start", tokens)
        yield running


def _folder(stack: ExitStack) -> Path:
    """One with a short name: those of sockets must be short."""
    name = tempfile.mkdtemp(prefix="tidewaiter-")
    stack.callback(shutil.rmtree, name)
    return Path(name)


def _server(stack: ExitStack, outside: Path) -> str:
    """Starts a server. Its address."""
    log = outside / "server.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [*as_nobody(), COMMAND, "broker", "serve", "--port", "0", "--store", str(outside / "broker.db")],
            env={**_environment(outside), "TIDEWAITER_BROKER_KEY": API_KEY},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
    stack.callback(process.wait, _PATIENCE)
    stack.callback(process.terminate)

    def told() -> str | None:
        assert process.poll() is None, log.read_text()
        _, found, rest = log.read_text().partition("url=")
        return rest.split()[0] if found and rest.split() else None

    return until(told)


@contextmanager
def _started(inside: Path, outside: Path) -> Iterator["subprocess.Popen[str]"]:
    program = subprocess.Popen(
        [sys.executable, _HERE / "enclave_inside.py", inside],
        env={**_environment(outside), "PYTHONPATH": str(_HERE)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield program
    finally:
        program.communicate(timeout=_PATIENCE)  # it ends when nobody can ask any more
    assert program.returncode == 0


def _kill(scans: list["subprocess.Popen[str]"]) -> None:
    """Ends those that a test that failed did not wait for."""
    for scan in scans:
        if scan.returncode is None:
            scan.kill()
            scan.communicate()


def _answer(program: "subprocess.Popen[str]") -> Json:
    assert program.stdout
    line = program.stdout.readline()
    assert line, "the inside has ended"
    found: Json = json.loads(line)
    return found


def _environment(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home)}

"""A brokered scan as operators run it: server, clients, agent and platform, each a program of its own.

Between any two of them is a switch, so that they can be parted, and each can be killed and started again.
"""

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from brokered_accounts import World
from fakes.switches import Switch
from fleet_commands import COMMAND, PATIENCE, Ended, Running, until
from tidewaiter.broker.messages import Credentials
from tidewaiter.broker.server.connections import create
from tidewaiter.store.store import Store

API_KEY = "an-api-key-of-the-platform"
SECRET = "a-secret-of-client-and-agent"


@dataclass(slots=True)
class Program:
    """A program that was started. What it says is in its log, a line of JSON each."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def url(self) -> str:
        """Where it listens, once it does."""
        return until(self._url)

    @property
    def memory(self) -> int:
        """The most bytes that were resident so far."""
        return int(self._status("VmHWM").split()[0]) << 10

    @property
    def threads(self) -> int:
        """How many it has now."""
        return int(self._status("Threads"))

    @property
    def files(self) -> int:
        """How many are open now."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def lines(self) -> list[dict[str, Any]]:
        """What it said."""
        text = self.log.read_text()
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines() if line.startswith("{")]

    def says(self, message: str, **values: object) -> bool:
        """Whether it said this, with these values."""
        return any(line["message"] == message and values.items() <= line.items() for line in self.lines())

    def wait_for(self, message: str, **values: object) -> None:
        """Until it has said this."""

        def said() -> bool | None:
            assert self.process.poll() is None, self.log.read_text()
            return self.says(message, **values) or None

        until(said)

    def kill(self) -> None:
        """Ends it as the system does that is out of memory."""
        self.process.kill()
        assert self.process.wait(PATIENCE) == -signal.SIGKILL

    def stop(self) -> int:
        """Ends it as operators do; the code of its exit."""
        self.process.terminate()
        return self.process.wait(PATIENCE)

    def _url(self) -> str | None:
        assert self.process.poll() is None, self.log.read_text()
        return next((line["url"] for line in self.lines() if "url" in line), None)

    def _status(self, name: str) -> str:
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(line.partition(":")[2].strip() for line in text.splitlines() if line.startswith(f"{name}:"))


@dataclass(eq=False)
class Site:
    """One place where a brokered scan runs. `credentials` are those of its connections, by name.

    The `tunnel` leads clients to the server, `front` the platform to it, `inside` clients to the agent, and `back` the
    agent to the client that was started last.
    """

    folder: Path
    database: Path
    world: World
    credentials: Mapping[str, Credentials]
    tunnel: Switch
    front: Switch
    inside: Switch
    back: Switch
    store: str
    tokens: dict[str, str] = field(default_factory=dict)
    agent_options: tuple[str, ...] = ("--operations", "2")
    _processes: "list[subprocess.Popen[Any]]" = field(default_factory=list)

    def make_connections(self) -> None:
        """The server's operator makes them."""
        with Store.open(self.store) as store:
            self.tokens.update({name: create(store.exchange, name) for name in self.credentials})

    def start_server(self, *options: str) -> Program:
        """A server, to which clients and platform are led from now on."""
        place = ("--port", "0", "--store", self.store)
        server = self._started("broker", "serve", *place, *options, TIDEWAITER_BROKER_KEY=API_KEY)
        self.tunnel.lead(server.url)
        self.front.lead(server.url)
        return server

    def start_agent(self, *options: str) -> Program:
        """An agent in the folder of the one before it."""
        place = ("--port", "0", "--folder", str(self.agent_folder))
        aws = self.world.cloud.environment(self.world.keys)
        told = {**aws, "TIDEWAITER_AGENT_SECRET": SECRET}
        agent = self._started("agent", *place, *self.agent_options, *options, **told)
        self.inside.lead(agent.url)
        return agent

    def start_client(self, *options: str) -> Program:
        """A client with all connections; it is there when its tunnel is."""
        told = self.folder / "connections.json"
        told.write_text(json.dumps({"connections": [self._entry(name) for name in self.tokens]}))
        urls = ("--server-url", self.tunnel.url, "--agent-url", self.inside.url, "--client-url", self.back.url)
        place = ("--port", "0", "--connections", str(told))
        client = self._started("broker", *urls, *place, *options, TIDEWAITER_AGENT_SECRET=SECRET)
        self.back.lead(client.url)
        client.wait_for("A tunnel to the server stands")
        return client

    def scan(self) -> Running:
        """A platform that scans what is behind all connections, and remembers it in `memory`."""
        via = [word for name in self.credentials for word in ("--via", name)]
        places = ("--db", str(self.database), "--store", str(self.memory))
        process = subprocess.Popen(
            [COMMAND, "ecr", "scan", *via, *places, "--format", "json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._variables({"TIDEWAITER_BROKER_URL": self.front.url, "TIDEWAITER_BROKER_KEY": API_KEY}),
        )
        self._processes.append(process)
        return Running(process)

    def scanned(self) -> Ended:
        """A whole scan."""
        return self.scan().ended()

    @contextmanager
    def asked(self, path: str) -> Iterator[HTTPResponse]:
        """What the server answers to the platform; its body is still to be read."""
        connection = HTTPConnection(urlsplit(self.front.url).netloc, timeout=PATIENCE)
        with closing(connection):
            connection.request("GET", path, headers={"Authorization": f"Bearer {API_KEY}"})
            with connection.getresponse() as answer:
                yield answer

    @property
    def memory(self) -> Path:
        """Where the platform remembers what it saw."""
        return self.folder / "fleet.db"

    @property
    def agent_folder(self) -> Path:
        """Where the agent keeps results and layers."""
        return self.folder / "agent"

    def end_all(self) -> None:
        """Ends all programs that still run."""
        for process in self._processes:
            with process:
                process.kill()

    def _entry(self, name: str) -> dict[str, object]:
        told = self.credentials[name]
        return {
            "name": name,
            "token": self.tokens[name],
            "role_arn": told.role_arn,
            "external_id": told.extra.external_id,
            "regions": told.extra.regions,
        }

    def _started(self, *words: str, **told: str) -> Program:
        log = self.folder / f"{len(self._processes)}-{words[0]}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [COMMAND, *words, "--log-format", "json"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=file,
                env=self._variables(told),
            )
        self._processes.append(process)
        return Program(process, log)

    def _variables(self, told: Mapping[str, str]) -> dict[str, str]:
        """The environment: this machine's, without whatever of the user's could be in the way."""
        theirs = ("AWS_", "TIDEWAITER_", "CR_", "BROKER_", "HTTPS_", "LOG_LEVEL", "PORT", "ACCEPT", "XDG_")
        own = {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
        return {**own, "HOME": str(self.folder), **told}


@contextmanager
def site(folder: Path, database: Path, world: World, *regions: str, store: str = "") -> Iterator[Site]:
    """A place with the connections `web` and `data`, whose programs are not started yet."""
    credentials = {"web": world.web.credentials(*regions), "data": world.data.credentials(*regions)}
    with ExitStack() as stack:
        tunnel, front, inside, back = (stack.enter_context(Switch()) for _ in range(4))
        made = Site(
            folder=folder,
            database=database,
            world=world,
            credentials=credentials,
            tunnel=tunnel,
            front=front,
            inside=inside,
            back=back,
            store=store or str(folder / "broker.db"),
        )
        stack.callback(made.end_all)
        made.make_connections()
        yield made

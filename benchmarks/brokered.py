"""A broker server and an agent near a registry, as programs, for a scan that goes by them."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import answering, ended, free_port

KEY = "the-key-of-a-benchmark-and-of-nothing-else"
NAME = "bench"


@dataclass(frozen=True, slots=True)
class Program:
    """Starts tidewaiter's commands, with a folder of their own and nothing of the user's environment."""

    folder: Path
    stack: ExitStack

    def start(self, settings: Mapping[str, str], *arguments: str) -> int:
        """Starts a command that goes on until the stack is closed: its process."""
        log = self.stack.enter_context((self.folder / f"{'-'.join(arguments[:2]).strip('-')}.log").open("w"))
        process = subprocess.Popen(
            [sys.executable, "-m", "tidewaiter", *arguments, "--log-level", "warning"],
            env={**_environment(), **settings},
            cwd=self.folder,
            stdout=log,
            stderr=log,
        )
        self.stack.callback(ended, process)
        return process.pid

    def done(self, *arguments: str) -> str:
        """What a command prints."""
        command = [sys.executable, "-m", "tidewaiter", *arguments]
        ran = subprocess.run(command, env=_environment(), cwd=self.folder, check=True, capture_output=True, text=True)
        return ran.stdout.strip()

    def server(self) -> tuple[str, int, str]:
        """A broker server with one connection: its URL, its process, the connection's token."""
        store, port = str(self.folder / "server.db"), free_port()
        token = self.done("broker", "connections", "create", NAME, "--store", store)
        settings = {"TIDEWAITER_BROKER_KEY": KEY}
        process = self.start(settings, "broker", "serve", "--store", store, "--port", str(port))
        url = f"http://127.0.0.1:{port}"
        answering(f"{url}/healthcheck")
        return url, process, token


@contextmanager
def programs(folder: Path) -> Iterator[Program]:
    """Programs that end with the context."""
    with ExitStack() as stack:
        yield Program(folder, stack)


@contextmanager
def behind_a_broker(folder: Path, environment: Mapping[str, str], region: str) -> Iterator[tuple[str, ...]]:
    """An agent with this identity, and the options of a scan that goes by it; the key is `KEY`."""
    with programs(folder) as program:
        url, _, token = program.server()
        ways = ("--connect", url, "--folder", str(folder / "agent"), "--region", region, "--client-port", "0")
        program.start({**environment, "BROKER_TOKEN": token}, "agent", *ways)
        answering(f"{url}/broker/{NAME}/healthcheck", {"Authorization": f"Bearer {KEY}"})
        yield "--via", NAME, "--broker", url


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "PYTHONPATH", "LANG")}

"""What the demonstration stands on: commands as they are shown, their surroundings, and programs beside this one."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tidewaiter.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType
    from typing import Self

_USERS = ("AWS_", "TIDEWAITER_", "CR_", "BROKER_")
_USERS_TOO = frozenset(
    {"ACCEPT", "CA_CERT", "HTTPS_CERT", "HTTPS_KEY", "LOG_LEVEL", "MAX_ACTIVE_OPERATIONS", "PORT", "SNYK_PORT"}
)
_STARTING = 60.0  # seconds: far more than any program takes
_ENDING = 15.0
_LOOK = 0.02


def tell(*lines: str) -> None:
    """Lines for who watches."""
    click.echo("\n".join(lines), err=True)


def spelled(*arguments: str, then: str = "") -> str:
    """The command line as a shell takes it, with what a shell makes of it `then`."""
    import shlex

    return f"$ {shlex.join(('tidewaiter', *arguments))}{then}"


@contextmanager
def surroundings(environment: Mapping[str, str]) -> Iterator[None]:
    """These variables, and none of the user's own that could lead to an AWS or change what is scanned."""
    before = dict(os.environ)
    with ExitStack() as stack:
        stack.callback(os.environ.update, before)
        for name in filter(_is_of_user, before):
            del os.environ[name]
        for name in environment.keys() - before.keys():
            stack.callback(os.environ.pop, name)
        os.environ.update(environment)
        yield


@contextmanager
def interruptible() -> Iterator[None]:
    """Raises KeyboardInterrupt at its end where the block was told to end: a scan ends then as it does by itself."""
    told = []

    def heeded(number: int) -> "Callable[[int, FrameType | None], object]":
        before = signal.getsignal(number)

        def handle(number: int, frame: "FrameType | None") -> None:
            told.append(number)
            (before if callable(before) else signal.default_int_handler)(number, frame)

        return handle

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [(number, signal.signal(number, heeded(number))) for number in numbers]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
    if told:
        raise KeyboardInterrupt


def _is_of_user(name: str) -> bool:
    return name.startswith(_USERS) or name in _USERS_TOO


@dataclass(frozen=True, slots=True)
class Program:
    """A command of ours that runs beside this one, and the file that it logs to."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def url(self) -> str:
        """Where it listens, as soon as it does. Raises SourceError where it does not come so far."""
        return self.until(" url=").partition(" url=")[2].split()[0]

    def until(self, words: str) -> str:
        """The first whole line of its log with these words. Raises SourceError where it ends before that."""
        until = time.monotonic() + _STARTING
        while True:
            over = self.process.poll() is not None or time.monotonic() > until
            lines = self.lines()
            for line in lines:
                if words in line:
                    return line
            if over:
                raise SourceError(f"{self.name} did not come up: {lines[-1] if lines else 'it said nothing'}")
            time.sleep(_LOOK)

    def lines(self) -> Sequence[str]:
        """What it has logged so far, in whole lines."""
        return self.log.read_text(encoding="utf-8").rpartition("\n")[0].splitlines()

    def end(self) -> None:
        """Tells it to stop, and waits until it has."""
        self.process.terminate()
        try:
            self.process.wait(_ENDING)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Programs:
    """Starts programs, each with a log in `folder`; at the end of the block it ends them, the last one first."""

    def __init__(self, folder: Path) -> None:
        self.started: list[Program] = []
        self._folder = folder
        self._stack = ExitStack()

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        self._stack.close()

    def start(self, name: str, *arguments: str, environment: Mapping[str, str]) -> Program:
        """Starts a command of ours, and says so. Ctrl-C is ours alone: we end what we started, in our order."""
        log = self._folder / f"{name}.log"
        tell(spelled(*arguments, then=f" 2> {log} &"))
        with surroundings(environment), log.open("wb") as sink:
            process = subprocess.Popen(
                _called(arguments), stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, process_group=0
            )
        program = Program(name, process, log)
        self._stack.callback(program.end)
        self.started.append(program)
        return program


def printed(*arguments: str) -> str:
    """What a command of ours prints. It is not shown. Raises SourceError where the command fails."""
    with surroundings({}):
        done = subprocess.run(_called(arguments), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SourceError(f"{arguments[0]} did not work: {done.stderr.strip()}")
    return done.stdout


def _called(arguments: Sequence[str]) -> Sequence[str]:
    return (sys.executable, "-m", "tidewaiter", *arguments)

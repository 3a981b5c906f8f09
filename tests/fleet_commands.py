"""The fleet commands as users run them: `tidewaiter` in a process of its own, on a simulated organization."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from tidewaiter.model.image import Digest
from tidewaiter.simulator.aws import SimulatedAws
from tidewaiter.simulator.demonstration_organization import Demonstration

Json = dict[str, Any]
COMMAND = Path(sys.executable).with_name("tidewaiter")
PATIENCE = 60.0  # seconds, after which a command counts as hanging

_OF_ONE_RUN = {"id", "started", "finished", "continued", "layers_read", "bytes_pulled", "looked", "known"}
_TIMES = {"pushed", "pulled"}
_T = TypeVar("_T")
_WORKER = b"tidewaiter.fleet.worker"


@dataclass(frozen=True, slots=True)
class Ended:
    """What a run left behind."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> Json:
        """The JSON report on stdout."""
        report: Json = json.loads(self.out)
        return report

    @property
    def lasting(self) -> Json:
        """All that the report says of the fleet, and not of this one run: its times and how much was left to do."""
        report = self.report
        report["run"] = {key: value for key, value in report["run"].items() if key not in _OF_ONE_RUN}
        report["images"] = [
            {key: value for key, value in image.items() if key not in _TIMES} for image in report["images"]
        ]
        return report


@dataclass(slots=True)
class Running:
    """A run under way. `workers` are the numbers of its processes that read layers."""

    process: "subprocess.Popen[str]"

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    @property
    def workers(self) -> list[int]:
        """Its worker processes, as they are now."""
        return [number for number in _processes() if _parent(number) == self.process.pid and _is_worker(number)]

    def wait_for_workers(self, wanted: Callable[[list[int]], bool]) -> list[int]:
        """Its workers, once they are as wanted."""
        return until(lambda: workers if wanted(workers := self.workers) else None)

    def ended(self) -> Ended:
        """Waits for its end."""
        out, err = self.process.communicate(timeout=PATIENCE)
        return Ended(self.process.returncode, out, err)


@dataclass(frozen=True, slots=True)
class Fleet:
    """A populated cloud, and a place on this machine from which it is looked at."""

    cloud: SimulatedAws
    folder: Path
    database: Path
    environment: Mapping[str, str]
    scan: tuple[str, ...]
    options: tuple[str, ...] = field(default=("--format", "json", "--workers", "2"))

    @classmethod
    def of(cls, cloud: SimulatedAws, demonstration: Demonstration, folder: Path, database: Path) -> "Fleet":
        """The organization of the demonstration."""
        roles = ("--management-role-arn", demonstration.management_role_arn)
        scan = ("org", "scan", *roles, "--member-role-name", demonstration.member_role_name)
        return cls(cloud, folder, database, cloud.environment(demonstration.keys), scan)

    def elsewhere(self) -> "Fleet":
        """The same cloud, looked at from a place where nobody remembers anything."""
        (self.folder / "elsewhere").mkdir()
        return replace(self, folder=self.folder / "elsewhere")

    @property
    def store(self) -> Path:
        """Where its runs remember what they saw."""
        return self.folder / "fleet.db"

    @property
    def temporary(self) -> Path:
        """Where its runs put temporary files."""
        folder = self.folder / "temporary"
        folder.mkdir(exist_ok=True)
        return folder

    def started(self, *arguments: str, **environment: str) -> Running:
        """A scan in a process of its own. Of several options the last counts."""
        return Running(
            subprocess.Popen(
                [COMMAND, *self.arguments(*arguments)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**self.variables, **environment},
            )
        )

    def scanned(self, *arguments: str, **environment: str) -> Ended:
        """A whole scan."""
        return self.started(*arguments, **environment).ended()

    def arguments(self, *more: str) -> list[str]:
        """The words after the command's name."""
        places = ("--db", str(self.database), "--store", str(self.store)) if "scan" in self.scan else ()
        return [*self.scan, *places, *self.options, *more]

    @property
    def variables(self) -> dict[str, str]:
        """The environment: this machine's, without whatever of the user's could be in the way."""
        own = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "TIDEWAITER_", "CR_"))}
        places = {"HOME": str(self.folder), "TMPDIR": str(self.temporary), "XDG_DATA_HOME": ""}
        return {**own, **places, **self.environment}

    def kept_layers(self) -> set[Digest]:
        """The layers that the store holds."""
        return {Digest.parse(digest) for (digest,) in self.asked("SELECT digest FROM layer")}

    def runs(self) -> list[int]:
        """The numbers of the runs that the store knows of, whether they ended or not."""
        return [number for (number,) in self.asked("SELECT id FROM run ORDER BY id")]

    def asked(self, query: str) -> list[tuple[Any, ...]]:
        """What the store's database answers."""
        with closing(sqlite3.connect(self.store)) as connection:
            return connection.execute(query).fetchall()

    def fetched_since(self, before: Mapping[Digest, int]) -> set[Digest]:
        """The blobs that were asked for since this was what `fetches` said."""
        return {digest for digest, count in self.fetches().items() if count > before.get(digest, 0)}

    def fetches(self) -> dict[Digest, int]:
        """How often each blob was asked for so far."""
        blobs = self.cloud.registries.blobs
        return {digest: len(blobs.fetches_of(digest)) for digest in {fetch.digest for fetch in blobs.fetches}}


def until(found: Callable[[], _T | None]) -> _T:
    """What a question answers, as soon as that is something."""
    for _ in range(int(PATIENCE / 0.02)):
        if (answer := found()) is not None:
            return answer
        time.sleep(0.02)
    raise AssertionError("what the test waits for did not come")


def gone(processes: list[int]) -> None:
    """Waits until there is none of these processes any more."""
    until(lambda: not any(is_running(number) for number in processes) or None)


def is_running(number: int) -> bool:
    """Whether there is such a process, and it is not just waited for by nobody."""
    return _field(number, 0) not in ("", "Z", "X")


def end_all() -> None:
    """Ends the commands that a test started and, because it failed, did not wait for."""
    for number in _processes():
        if _parent(number) == os.getpid() and str(COMMAND).encode() in _command_line(number):
            os.kill(number, signal.SIGKILL)


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _parent(number: int) -> int:
    return int(_field(number, 1) or 0)


def _field(number: int, place: int) -> str:
    """A field of a process' status, counted after its name; "" where there is no such process."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[place]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _is_worker(number: int) -> bool:
    return _WORKER in _command_line(number)


def _command_line(number: int) -> bytes:
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""

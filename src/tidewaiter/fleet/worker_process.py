"""One worker process as its parent sees it: started, spoken to, ended."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe

from tidewaiter.fleet.messages import Start, ToParent, ToWorker, encode, for_parent
from tidewaiter.image.limits import Limits

_CODE = "import sys; sys.path[:] = {path!r}; from tidewaiter.fleet.worker import serve; serve({handle})"
# A worker gets what it needs to run and to reach blobs, and nothing that may be a secret: above all no AWS_ variable.
_VARIABLES = frozenset(
    {"HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE", "TMPDIR", "TZ"}
)
_PROXIES = frozenset({"ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"})
_FAMILIES = ("LC_", "PYTHON")


class WorkerProcess:
    """A process that runs `fleet.worker`, and the pipe to it. `ready` once it said so.

    A fresh interpreter, not a fork: the parent has threads, and its secrets are not in a fresh one's memory. `program`
    is the interpreter. Raises OSError where it cannot be started.
    """

    def __init__(self, limits: Limits, *, program: str = sys.executable) -> None:
        self.ready = False
        self.connection, theirs = Pipe()
        self._sending = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                _command(program, theirs),
                env=dict(_environment()),
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # the report's, never a worker's
            )
        self.send(Start(limits))

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def send(self, message: ToWorker) -> None:
        """Say something; to a process that is gone, in vain: its end will be heard."""
        content = encode(message)
        with suppress(OSError), self._sending:
            self.connection.send_bytes(content)

    def hear(self) -> ToParent | None:
        """What it says next; None when it is gone. Raises msgspec.MsgspecError for what is not to be understood."""
        try:
            return for_parent(self.connection.recv_bytes())
        except (EOFError, OSError):
            return None

    def end(self) -> int:
        """End the process, whatever it does; the number of the signal that it had ended by before, else 0."""
        self.connection.close()
        try:
            code = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
            return 0
        return max(0, -code)

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.wait()
        self.connection.close()


def _command(program: str, theirs: Connection) -> list[str]:
    flags = [f"-W{option}" for option in sys.warnoptions]
    return [program, *flags, "-P", "-c", _CODE.format(path=sys.path, handle=theirs.fileno())]


def _environment() -> Iterator[tuple[str, str]]:
    for name, value in os.environ.items():
        if name in _VARIABLES or name.upper() in _PROXIES or name.startswith(_FAMILIES):
            yield name, value


def deaf_to_interrupts() -> None:
    """Let the processes that this thread starts not be interrupted with the terminal's Ctrl-C, from their beginning."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})

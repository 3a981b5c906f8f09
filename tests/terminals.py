"""A terminal in whose place a test sits."""

import os
import pty
import subprocess
import threading
from collections.abc import Callable

Start = Callable[..., subprocess.Popen[bytes]]


class Terminal:
    """`seen` is what was written to it."""

    def __init__(self) -> None:
        self.seen = b""
        self._ours, self.theirs = pty.openpty()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        try:
            while piece := os.read(self._ours, 65536):
                self.seen += piece
        except OSError:  # how Linux says that nobody writes any more
            pass

    def close(self) -> None:
        """To be called when the process has ended: what it wrote is then all in `seen`."""
        os.close(self.theirs)
        self._reader.join()
        os.close(self._ours)


def on_terminal(start: Start, *arguments: str, **more: str) -> tuple[bytes, bytes, int]:
    """What the terminal at stderr saw, what stdout carried, and the exit code."""
    terminal = Terminal()
    environment = {**os.environ, "TERM": "xterm", **more}
    process = start(*arguments, stderr=terminal.theirs, env=environment)
    out, _ = process.communicate(timeout=120)
    terminal.close()
    return terminal.seen, out, process.returncode

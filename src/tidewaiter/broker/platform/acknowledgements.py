"""What is kept is acknowledged to the server, beside everything else: nobody waits for it but the end of a run."""

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from tidewaiter.errors import TidewaiterError
from tidewaiter.fleet.desk import Desk


class Acknowledgements:
    """Sends them one after the other. One that fails is the next run's matter."""

    def __init__(self, send: Callable[[str], None]) -> None:
        self._send = send
        self._desk = Desk(1)
        self._open = 0
        self._changed = threading.Condition()

    def add(self, name: str) -> None:
        """The result of this job is kept. Never blocks."""
        with self._changed:
            self._open += 1
        if not self._desk.do(partial(self._acknowledge, name)):
            self._done()

    def close(self, seconds: float) -> None:
        """Sends what there is, for so many seconds at most."""
        with self._changed:
            self._changed.wait_for(lambda: not self._open, seconds)
        self._desk.close()

    def _acknowledge(self, name: str) -> None:
        with suppress(TidewaiterError):
            self._send(name)
        self._done()

    def _done(self) -> None:
        with self._changed:
            self._open -= 1
            self._changed.notify_all()

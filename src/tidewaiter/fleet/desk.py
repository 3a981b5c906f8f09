"""Threads for what waits on networks and stores: they never hold up the end of the process."""

import queue
import threading
from collections.abc import Callable

Errand = Callable[[], None]


class Desk:
    """Runs errands in daemon threads, in the order they come. Threads are started as they are needed.

    An executor's threads would be waited for at the end of the process, also after Ctrl-C, until AWS has answered.
    """

    def __init__(self, threads: int) -> None:
        self._most = threads
        self._errands: queue.SimpleQueue[Errand | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._idle = 0
        self._closed = False

    def do(self, errand: Errand) -> bool:
        """Have an errand run; it must not raise. False after `close`: nothing is run any more."""
        with self._lock:
            if self._closed:
                return False
            self._errands.put(errand)
            if self._idle >= self._errands.qsize() or self._threads >= self._most:
                return True
            self._threads += 1
        threading.Thread(target=self._work, name="tidewaiter-desk", daemon=True).start()
        return True

    def close(self) -> None:
        """Take no more errands, and forget those that have not begun."""
        with self._lock:
            self._closed = True
            for _ in range(self._threads):
                self._errands.put(None)

    def _work(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            errand = self._errands.get()
            with self._lock:
                self._idle -= 1
            if errand is None or self._closed:
                return
            errand()

"""Threads for the layers of one image: none left behind, whatever goes wrong in one of them."""

import os
import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from tidewaiter.image.budget import Budget, Stopped

_T = TypeVar("_T")
_FEWEST, _MOST = 2, 8
_POLL = 0.5  # seconds between looks for an error in another thread
_PATIENCE = 5.0  # seconds, for a thread that waits for a slow network; as a daemon it cannot hold up the process's end


def work(tasks: Sequence[Callable[[], _T]], budget: Budget, *, alone: bool = False) -> list[_T]:
    """The tasks' results in their order; tasks begin in that order too. `alone`, the caller's thread does everything.

    The first error stops all others (through `budget`) and is raised, as is KeyboardInterrupt.
    """
    return _Crew(tasks, budget).work(0 if alone else min(_processors(), len(tasks)) - 1)


def _processors() -> int:
    return max(_FEWEST, min(_MOST, len(os.sched_getaffinity(0))))


class _Crew(Generic[_T]):
    def __init__(self, tasks: Sequence[Callable[[], _T]], budget: Budget) -> None:
        self._pending = list(enumerate(tasks))[::-1]
        self._budget = budget
        self._results: dict[int, _T] = {}
        self._error: BaseException | None = None

    def work(self, helpers: int) -> list[_T]:
        threads = [threading.Thread(target=self._help, daemon=True) for _ in range(helpers)]
        for thread in threads:
            thread.start()
        try:
            self._help()
            while self._error is None and any(thread.is_alive() for thread in threads):
                threads[-1].join(_POLL)
                threads = [thread for thread in threads if thread.is_alive()]
        except BaseException as error:  # noqa: BLE001 - KeyboardInterrupt, between any two instructions
            self._fail(error)
        if self._error is not None:
            for thread in threads:
                thread.join(_PATIENCE)
            raise self._error
        return [self._results[number] for number in sorted(self._results)]

    def _help(self) -> None:
        """Do tasks until there are none, or something went wrong; every thread of the crew runs this."""
        while self._error is None:
            try:
                number, task = self._pending.pop()
            except IndexError:
                return
            try:
                self._results[number] = task()
            except Stopped:
                return
            except BaseException as error:  # noqa: BLE001 - handed over to the caller's thread, which raises it
                self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._error = self._error or error
        self._budget.stop()

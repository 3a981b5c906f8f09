"""How long to wait for somebody who is away: one patience for all that is asked of him, from when he was last there."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError, CloudDeniedError, CloudError, UsageError
from tidewaiter.fleet.watcher import Watcher

_T = TypeVar("_T")
_PATIENCE = 600.0
_TOGETHER = 20.0
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 15.0
_DENIED = frozenset({Code.UNAUTHORIZED, Code.REVOKED, Code.REFUSED})
_MISTAKEN = frozenset({Code.UNAUTHORIZED, Code.UNKNOWN_CONNECTION})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearing:
    """How long somebody may be away, and how often he is tried, in seconds. `over` ends all waiting.

    `together` is how long those who have greeted wait for the others.
    """

    patience: float = _PATIENCE
    together: float = _TOGETHER
    first_pause: float = _FIRST_PAUSE
    longest_pause: float = _LONGEST_PAUSE
    clock: Callable[[], float] = time.monotonic
    over: threading.Event = field(default_factory=threading.Event)

    def pause(self, attempt: int) -> None:
        """Waits before the next try, longer each time."""
        longest = min(self.longest_pause, self.first_pause * 2 ** min(attempt, 16))
        jitter = random.uniform(longest / 2, longest)  # noqa: S311  no secret: it keeps tries from coming all at once
        self.over.wait(jitter)


class Reach:
    """What is asked of one connection, or of the server for it, by many threads.

    Who has been away for longer than the patience is tried once more for each question, and not waited for any longer,
    until he answers again.
    """

    def __init__(self, name: str, bearing: Bearing, watcher: Watcher) -> None:
        self._name = name
        self._bearing = bearing
        self._watcher = watcher
        self._lock = threading.Lock()
        self._away_since: float | None = None
        self._told = False

    def answered(self, ask: Callable[[], _T]) -> _T:
        """The answer, as soon as there is one. Raises BrokerError where none comes, CloudError where it is one."""
        attempt = 0
        while True:
            try:
                answer = ask()
            except BrokerError as error:
                self._bear(error)
                self._bearing.pause(attempt)
                attempt += 1
            except CloudError:
                self._back()
                raise
            else:
                self._back()
                return answer

    def _bear(self, error: BrokerError) -> None:
        """Raises an error that is not to be waited out, or not any longer."""
        if not error.retry or self._bearing.over.is_set():
            raise error
        now = self._bearing.clock()
        with self._lock:
            first = self._away_since is None
            since = now if self._away_since is None else self._away_since
            self._away_since = since
            tell = not first and not self._told
            self._told |= tell
        if now - since >= self._bearing.patience:
            raise error
        if tell:
            self._watcher.note(f"{self._name}: {error.what}; waiting, at most {_spoken(self._bearing.patience)}")

    def _back(self) -> None:
        with self._lock:
            told, self._told, self._away_since = self._told, False, None
        if told:
            self._watcher.note(f"{self._name} answers again")


def as_cloud_error(error: BrokerError) -> CloudError:
    """The error as one of a registry, as a run over a fleet takes it."""
    kind = CloudDeniedError if error.code in _DENIED else CloudError
    return kind(error.what, where=error.where, advice=error.advice, retry=error.retry, code=error.code)


def check_usage(error: BrokerError) -> None:
    """Raises UsageError where it is the command line that is wrong."""
    if error.code in _MISTAKEN:
        raise UsageError(error.what, where=error.where, advice=error.advice) from error


def _spoken(seconds: float) -> str:
    minute = 60
    return f"{seconds:.0f} s" if seconds < 2 * minute else f"{seconds / minute:.0f} min"

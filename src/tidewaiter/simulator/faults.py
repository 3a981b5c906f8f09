"""What goes wrong at the simulated front of AWS, switched on and off at any time."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tidewaiter.simulator.conditions import glob

Kind = Literal["throttled", "broken", "unavailable", "dropped", "packed"]
EVERY = "*"


@dataclass(slots=True, kw_only=True)
class _Counted:
    kind: Kind
    action: str
    left: int


@dataclass(slots=True, kw_only=True)
class _Rate:
    """A bucket of tokens, a second's worth of them, per account and region."""

    action: str
    per_second: float
    buckets: dict[tuple[str, str, str], tuple[float, float]]

    def takes(self, place: tuple[str, str, str], now: float) -> bool:
        """Takes a token. False where there is none."""
        most = max(self.per_second, 1)
        left, since = self.buckets.get(place, (most, now))
        left = min(most, left + (now - since) * self.per_second)
        self.buckets[place] = (left - 1 if left >= 1 else left, now)
        return left >= 1


class AwsFaults:
    """The faults of all calls, or of those whose action (`ecr:BatchGetImage`) a pattern names. Thread-safe.

    `latency` is how many seconds every answer waits.
    """

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self.latency: float = 0
        self._seconds = seconds
        self._counted: list[_Counted] = []
        self._rates: list[_Rate] = []
        self._lock = threading.Lock()

    def throttle(self, times: int, action: str = EVERY) -> None:
        """The next calls are answered "Rate exceeded"."""
        self._add("throttled", times, action)

    def limit(self, per_second: float, action: str = EVERY) -> None:
        """From now on each account and region may make so many calls of each action a second, and no more."""
        with self._lock:
            self._rates.append(_Rate(action=action, per_second=per_second, buckets={}))

    def fail(self, times: int, action: str = EVERY, *, unavailable: bool = False) -> None:
        """The next calls are answered with 500, or with 503."""
        self._add("unavailable" if unavailable else "broken", times, action)

    def drop(self, times: int, action: str = EVERY) -> None:
        """The connections of the next calls end without an answer."""
        self._add("dropped", times, action)

    def overpack(self, times: int) -> None:
        """The session policies of the next roles that are assumed are too large when packed."""
        self._add("packed", times, "sts:AssumeRole*")

    def clear(self) -> None:
        """Ends all of them."""
        with self._lock:
            self.latency = 0
            self._counted.clear()
            self._rates.clear()

    def next(self, action: str, account: str, region: str) -> Kind | None:
        """What goes wrong with this call, if something does; it is used up."""
        with self._lock:
            for fault in self._counted:
                if fault.left > 0 and glob(fault.action, action):
                    fault.left -= 1
                    return fault.kind
            now = self._seconds()
            for rate in self._rates:
                if glob(rate.action, action) and not rate.takes((action, account, region), now):
                    return "throttled"
            return None

    def _add(self, kind: Kind, times: int, action: str) -> None:
        with self._lock:
            self._counted.append(_Counted(kind=kind, action=action, left=times))

"""How fast AWS may be called: a rate for each action in each account and region, which yields when AWS throttles.

AWS counts calls per account and region, over all clients. The published quotas are where a rate begins; the others are
not published, so their rate begins low and feels its way up until AWS first says no.
https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

PUBLISHED: Final[Mapping[str, float]] = {
    "BatchGetImage": 2000,
    "GetDownloadUrlForLayer": 3000,
    "GetAuthorizationToken": 500,
}
"""Quotas in calls per second; others in the account live off them too, so half is taken."""

_SHARE = 0.5
_UNPUBLISHED = 50.0
_CEILING = 1000.0
_FLOOR = 0.5
_RISE_UNTRIED = 1.5
_RISE_TRIED = 1.02
_FALL = 0.7
_SECONDS_BETWEEN_FALLS = 1.0


@dataclass(slots=True)
class _Rate:
    """Calls per second; `free` is when the next call may start, the other times when the rate last changed."""

    per_second: float
    ceiling: float
    risen: float
    free: float = float("-inf")
    fallen: float = float("-inf")

    def reserve(self, now: float) -> float:
        """How long to wait, in seconds; a second's worth of calls may start at once."""
        self._rise(now)
        self.free = max(self.free, now - 1.0) + 1.0 / self.per_second
        return max(0.0, self.free - now)

    def fall(self, now: float) -> None:
        """Slow down, but once for all calls that were on their way together."""
        if now - self.fallen < _SECONDS_BETWEEN_FALLS:
            return
        self.per_second = max(_FLOOR, self.per_second * _FALL)
        self.fallen = self.risen = now
        self.free = max(self.free, now)

    def _rise(self, now: float) -> None:
        passed = int(now - self.risen)
        if passed > 0:
            factor = _RISE_UNTRIED if self.fallen == float("-inf") else _RISE_TRIED
            # The power of a long pause is not needed to be exact, only to stay finite.
            self.per_second = min(self.ceiling, self.per_second * factor ** min(passed, 600))
            self.risen += passed


class Limiter:
    """Keeps calls of each (account, region, action) below its rate. Shared by all chains, called from all threads.

    `clock` and `sleep` are in seconds.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._rates: dict[tuple[str, str, str], _Rate] = {}

    def wait(self, account: str, region: str, operation: str) -> None:
        """Returns when the call may start."""
        with self._lock:
            now = self._clock()
            seconds = self._rate(account, region, operation, now).reserve(now)
        if seconds > 0:
            self._sleep(seconds)

    def throttled(self, account: str, region: str, operation: str) -> None:
        """AWS has said that it was too fast."""
        with self._lock:
            now = self._clock()
            self._rate(account, region, operation, now).fall(now)

    def per_second(self, account: str, region: str, operation: str) -> float:
        """The rate now, in calls per second."""
        with self._lock:
            return self._rate(account, region, operation, self._clock()).per_second

    def _rate(self, account: str, region: str, operation: str, now: float) -> _Rate:
        key = (account, region, operation)
        if key not in self._rates:
            quota = PUBLISHED.get(operation)
            start, ceiling = (quota * _SHARE, quota * _SHARE) if quota else (_UNPUBLISHED, _CEILING)
            self._rates[key] = _Rate(per_second=start, ceiling=ceiling, risen=now)
        return self._rates[key]

"""Faults of the simulated cloud that wait for the test: what comes at a chosen moment is held until it is let go."""

import threading
from collections.abc import Callable, Mapping

from tidewaiter.simulator.aws import SimulatedAws
from tidewaiter.simulator.bodies import BodyFaults
from tidewaiter.simulator.conditions import glob
from tidewaiter.simulator.faults import AwsFaults, Kind

_PATIENCE = 60.0  # seconds, after which a test counts as hanging
_POLL = 0.05


class Hold:
    """Lets so many pass, and holds the next one and all that follow, until `release`."""

    def __init__(self, after: int = 0) -> None:
        self._left = after
        self._lock = threading.Lock()
        self._met = threading.Event()
        self._released = threading.Event()

    def meet(self) -> None:
        """Pass, or be held."""
        with self._lock:
            self._left -= 1
            held = self._left < 0
        if held:
            self._met.set()
            self._released.wait(_PATIENCE)

    def wait(self, alive: Callable[[], bool]) -> None:
        """Until somebody is held. Fails where nobody is `alive` any more to come."""
        for _ in range(int(_PATIENCE / _POLL)):
            if self._met.wait(_POLL):
                return
            assert alive(), "it ended before the moment that the test waits for"
        raise AssertionError("the moment that the test waits for did not come")

    def release(self) -> None:
        """Let all go, and whoever comes later."""
        self._released.set()


class HeldCalls(AwsFaults):
    """Faults of the front, by which calls can be held before they are answered."""

    def __init__(self) -> None:
        super().__init__()
        self._holds: list[tuple[str, Hold]] = []

    @classmethod
    def of(cls, cloud: SimulatedAws) -> "HeldCalls":
        """Puts them in the place of the cloud's own."""
        cloud._front.faults = held = cls()
        return held

    def hold(self, action: str, after: int = 0) -> Hold:
        """Holds the calls of an action (or pattern) after the first ones."""
        hold = Hold(after)
        self._holds.append((action, hold))
        return hold

    def next(self, action: str, account: str, region: str) -> Kind | None:
        for pattern, hold in self._holds:
            if glob(pattern, action):
                hold.meet()
        return super().next(action, account, region)


class HeldBlobs(BodyFaults):
    """Faults of the blobs' storage, by which requests can be held; `on_cut` is called before a connection drops."""

    def __init__(self) -> None:
        super().__init__()
        self.on_cut: Callable[[], None] = lambda: None
        self._hold: Hold | None = None
        self._whole = 0

    @classmethod
    def of(cls, cloud: SimulatedAws) -> "HeldBlobs":
        """Puts them in the place of the cloud's own."""
        cloud.registries.blobs.faults = held = cls()
        return held

    def hold(self, after: int = 0) -> Hold:
        """Holds the requests for blobs after the first ones."""
        self._hold = Hold(after)
        return self._hold

    def hold_in_the_middle(self, *, at: int, after: int = 0) -> Hold:
        """Holds a reader in the middle of a blob, after so many whole ones: it has `at` bytes and asks for the rest."""
        hold = Hold()

        def on_cut() -> None:
            self._hold = hold

        self.drop_at, self.drops, self.on_cut, self._whole = at, 1, on_cut, after
        return hold

    def next_answer(self) -> tuple[int, Mapping[str, str]] | None:
        if self._hold:
            self._hold.meet()
        return super().next_answer()

    def cut(self, size: int) -> int:
        if self._whole:
            self._whole -= 1
            return size
        cut = super().cut(size)
        if cut < size:
            self.on_cut()
        return cut

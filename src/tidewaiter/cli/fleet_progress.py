"""How far a run is, on stderr: bars on a terminal, a line now and then elsewhere, only refusals where it is quiet."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, get_args

from tidewaiter.cli.streams import say
from tidewaiter.fleet.watcher import Thing
from tidewaiter.report.fleet_gaps import without_places
from tidewaiter.report.layout import size_of

if TYPE_CHECKING:  # rich is imported only where a bar is drawn
    from rich.table import Table

_PAUSE = 10.0  # seconds between two lines
_FRAMES = 4  # a second
_MINUTE, _HOUR = 60, 3600  # seconds
_BAR = 30  # columns
_ALIKE_TOLD = 3  # messages that differ in account, region and digests alone
_MORE = "others say the same: the report names them all"
_SHOWN: tuple[Thing, ...] = tuple(thing for thing in get_args(Thing) if thing != "manifests")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far it is at one moment. `rate` is in bytes a second, `left` in seconds; None where nobody can know."""

    found: Mapping[Thing, int]
    done: Mapping[Thing, int]
    pulled: int
    judged: int
    rate: float
    left: float | None

    def __str__(self) -> str:
        parts = [f"{self.done[thing]:,} of {self.found[thing]:,} {thing}" for thing in _SHOWN if self.found[thing]]
        parts += [f"{self.judged:,} packages judged"] if self.judged else []
        return ", ".join([*parts, *self.pace]) or "looking for accounts"

    @property
    def pace(self) -> list[str]:
        """How much was pulled, how fast, and how long it will take."""
        parts = [f"{size_of(self.pulled)} at {size_of(round(self.rate))}/s"] if self.pulled else []
        return parts + ([f"about {_spoken(self.left)} left"] if self.left is not None else [])


def _spoken(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{max(round(seconds), 1)} s"
    return f"{round(seconds / _MINUTE)} min" if seconds < _HOUR else f"{seconds / _HOUR:.1f} h"


@dataclass(slots=True)
class Tally:
    """Counts what it is told, from any thread; a `fleet.watcher.Watcher`. `clock` is in seconds."""

    clock: Callable[[], float] = time.monotonic
    tell: Callable[[str], None] = say
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _found: Counter[Thing] = field(default_factory=Counter)
    _done: Counter[Thing] = field(default_factory=Counter)
    _pulled: int = 0
    _judged: int = 0
    _noted: dict[str, set[str]] = field(default_factory=dict)
    _first_bytes: float | None = None
    _first_image: float | None = None

    def count(self, thing: Thing, *, found: int = 0, done: int = 0) -> None:
        """So many more were found, and so many more are done."""
        with self._lock:
            self._found[thing] += found
            self._done[thing] += done
            if thing == "images" and found and self._first_image is None:
                self._first_image = self.clock()

    def pulled(self, stored_bytes: int) -> None:
        """So many more bytes of layers were read."""
        with self._lock:
            if self._first_bytes is None:
                self._first_bytes = self.clock()
            self._pulled += stored_bytes

    def judged(self, judged: int) -> None:
        """So many more packages are judged."""
        with self._lock:
            self._judged += judged

    def note(self, message: str) -> None:
        """Something that the user should know at once, as a refusal; told also where silence is asked for.

        The first sentence says it, once: where credentials have ended, every repository meets the same refusal. Where
        many accounts or regions refuse in the same way, the first stand for all. What to do about it stands in the
        report.
        """
        sentence = message.partition(". ")[0]
        with self._lock:
            alike = self._noted.setdefault(without_places(sentence), set())
            is_new = sentence not in alike and len(alike) <= _ALIKE_TOLD
            alike.add(sentence)
            is_one_more = len(alike) > _ALIKE_TOLD
        if is_new:
            self.tell(_MORE if is_one_more else sentence)

    def standing(self) -> Standing:
        """How far it is now."""
        with self._lock:
            return Standing(
                found=Counter(self._found),
                done=Counter(self._done),
                pulled=self._pulled,
                judged=self._judged,
                rate=self._pulled / max(self._since(self._first_bytes), 1.0),
                left=self._left(),
            )

    def _left(self) -> float | None:
        """Seconds until the images are done; None before all of them are found, and when they are."""
        done, waiting = self._done["images"], self._found["images"] - self._done["images"]
        listing = any(self._done[thing] < self._found[thing] for thing in ("accounts", "registries", "repositories"))
        if listing or not done or waiting <= 0:
            return None
        return waiting * self._since(self._first_image) / done

    def _since(self, moment: float | None) -> float:
        return 0.0 if moment is None else self.clock() - moment


@contextmanager
def watched(*, quiet: bool, pause: float = _PAUSE) -> Iterator[Tally]:
    """A tally that is shown while the block runs; `pause` is in seconds, between two lines on a pipe."""
    tally = Tally()
    if quiet or sys.stderr is None:
        yield tally
    elif sys.stderr.isatty():
        with _bars(tally):
            yield tally
    else:
        with _lines(tally, pause):
            yield tally


@contextmanager
def _lines(tally: Tally, pause: float) -> Iterator[None]:
    """Tells the tally every `pause` seconds, as long as it changes."""
    ended = threading.Event()

    def talk() -> None:
        before = ""
        while not ended.wait(pause):
            if (now := str(tally.standing())) != before:
                say(now)
            before = now

    talker = threading.Thread(target=talk, daemon=True)
    talker.start()
    try:
        yield
    finally:
        ended.set()
        talker.join()


@contextmanager
def _bars(tally: Tally) -> Iterator[None]:
    """Draws the tally several times a second; what is said meanwhile stands above it."""
    from rich.console import Console
    from rich.live import Live

    live = Live(
        get_renderable=lambda: drawn(tally.standing()),
        console=Console(stderr=True),
        refresh_per_second=_FRAMES,
        transient=True,
    )
    with live:
        yield


def drawn(standing: Standing) -> "Table":
    """A bar for each thing, and how fast it goes."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    table = Table.grid(padding=(0, 1))
    for thing in _SHOWN:
        found, done = standing.found[thing], standing.done[thing]
        if found:
            table.add_row(thing, ProgressBar(total=found, completed=done, width=_BAR), f"{done:,} of {found:,}")
    if standing.judged:
        table.add_row("packages", "", f"{standing.judged:,} judged")
    table.add_row("", "", ", ".join(standing.pace) or ("" if table.row_count else "looking for accounts"))
    return table

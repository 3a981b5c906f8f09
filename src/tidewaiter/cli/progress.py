"""Bars on stderr for pulling and reading; nothing where stderr is no terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tidewaiter.model.image import Layer

if TYPE_CHECKING:  # rich is imported only where a bar is drawn
    from rich.progress import Progress, TaskID

_DELAY = 0.3  # seconds: what is quicker needs no bar


class Silent:
    """Progress that nobody looks at."""

    def start(self, layer: Layer) -> None:
        """Say nothing."""

    def advance(self, layer: Layer, stored_bytes: int) -> None:
        """Say nothing."""

    def finish(self, layer: Layer) -> None:
        """Say nothing."""


class Bars:
    """One bar a layer, drawn only when the image takes longer than a moment. Called from the layers' threads."""

    def __init__(self) -> None:
        import threading
        import time

        self._clock = time.monotonic
        self._began = self._clock()
        self._lock = threading.Lock()
        self._drawn: Progress | None = None
        self._seen: dict[int, tuple[Layer, int]] = {}
        self._tasks: dict[int, TaskID] = {}

    def start(self, layer: Layer) -> None:
        """A layer is being read."""
        with self._lock:
            self._seen[layer.index] = (layer, 0)
            self._draw(layer.index)

    def advance(self, layer: Layer, stored_bytes: int) -> None:
        """So many more of its stored bytes were read."""
        with self._lock:
            _, read = self._seen.get(layer.index, (layer, 0))
            self._seen[layer.index] = (layer, read + stored_bytes)
            self._draw(layer.index)

    def finish(self, layer: Layer) -> None:
        """The layer is read: its bar goes, so that what is under way stays in sight."""
        with self._lock:
            self._seen.pop(layer.index, None)
            task = self._tasks.pop(layer.index, None)
            if self._drawn is not None and task is not None:
                self._drawn.remove_task(task)

    def close(self) -> None:
        """Take the bars away."""
        with self._lock:
            if self._drawn is not None:
                self._drawn.stop()

    def _draw(self, index: int) -> None:
        if self._drawn is None:
            if self._clock() - self._began < _DELAY:
                return
            self._drawn = _new_bars()
            self._drawn.start()
        layer, read = self._seen[index]
        if index not in self._tasks:
            self._tasks[index] = self._drawn.add_task(_caption(layer), total=layer.size or None)
        self._drawn.update(self._tasks[index], completed=read)


def _caption(layer: Layer) -> str:
    return f"layer {layer.index + 1} {layer.digest.hex[:12]}"


def _new_bars() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _on_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


@contextmanager
def shown(*, quiet: bool) -> Iterator[Silent | Bars]:
    """Bars on a terminal, silence elsewhere and where asked for."""
    if quiet or not _on_terminal():
        yield Silent()
        return
    bars = Bars()
    try:
        yield bars
    finally:
        bars.close()


@contextmanager
def counting(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar that is told (done, total) in bytes; nothing on a pipe and where silence is asked for."""
    if quiet or not _on_terminal():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)

"""Discovery in steps that run in parallel: each finds something, and may find that more has to be asked."""

import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Generic, TypeVar

WIDTH = 16
"""How many steps run at once: they wait for AWS nearly all of their time."""


_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Stepped(Generic[_T]):
    """What a step came upon, and the steps that follow from it."""

    found: tuple[_T, ...] = ()
    steps: tuple["Step[_T]", ...] = ()


@dataclass(frozen=True, slots=True)
class Step(Generic[_T]):
    """Something to ask about an account: `of` is the way into it, which is done when no step of it is left."""

    of: object
    run: Callable[[], Stepped[_T]]


def walk(steps: Iterable[Step[_T]], *, done: Callable[[], None], width: int = WIDTH) -> Generator[_T, None, None]:
    """What all steps and their following steps come upon, as they do; `done` is called for each account.

    Not more than `width` steps run ahead of the taker. An error in a step ends the walk and is raised. No thread is
    waited for when the taker stops early: they end with the call they are in.
    """
    crew = _Crew[_T](width)
    waiting = deque(steps)
    open_steps = Counter(step.of for step in waiting)
    try:
        while waiting or crew.busy:
            while waiting and crew.busy < width:
                crew.give(waiting.popleft())
            step, stepped = crew.take()
            waiting.extendleft(reversed(stepped.steps))  # an account is finished before the next one is begun
            open_steps.update(following.of for following in stepped.steps)
            open_steps[step.of] -= 1
            yield from stepped.found
            if not open_steps[step.of]:
                del open_steps[step.of]  # it may hold many clients
                done()
    finally:
        crew.dismiss()


class _Crew(Generic[_T]):
    """Threads that run steps. They are daemons: one that waits for a slow network cannot hold up the process's end."""

    def __init__(self, width: int) -> None:
        self.busy = 0
        self._width = width
        self._threads = 0
        self._steps: SimpleQueue[Step[_T] | None] = SimpleQueue()
        self._results: SimpleQueue[tuple[Step[_T], Stepped[_T] | BaseException]] = SimpleQueue()

    def give(self, step: Step[_T]) -> None:
        """Have a step run, by one thread more where all are busy."""
        self.busy += 1
        self._steps.put(step)
        if self._threads < min(self.busy, self._width):
            self._threads += 1
            threading.Thread(target=self._work, name="discovery", daemon=True).start()

    def take(self) -> tuple[Step[_T], Stepped[_T]]:
        """The next step that ended. Raises what it raised."""
        step, result = self._results.get()
        self.busy -= 1
        if isinstance(result, BaseException):
            raise result
        return step, result

    def dismiss(self) -> None:
        """Let every thread end after the step it is in."""
        for _ in range(self._threads):
            self._steps.put(None)

    def _work(self) -> None:
        while (step := self._steps.get()) is not None:
            try:
                self._results.put((step, step.run()))
            except BaseException as error:  # noqa: BLE001 - handed over to the taker's thread, which raises it
                self._results.put((step, error))

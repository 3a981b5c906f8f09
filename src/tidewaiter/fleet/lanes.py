"""Things done side by side in threads, with an end to all of them as soon as one fails."""

import threading
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Generic, TypeVar

_T = TypeVar("_T")
_Question = TypeVar("_Question", bound=Hashable)
_Answer = TypeVar("_Answer")
_POLL = 0.5  # seconds between looks whether somebody stopped
_PATIENCE = 1.0  # seconds, once stopped, for a thread that may wait for a slow network


class Abandoned(Exception):  # noqa: N818 - nothing went wrong: nobody wants the result any more
    """What is being done is not wanted any more."""


class Lanes:
    """Threads that share one end: the first error in any of them stops all, those of nested `each` too.

    The threads are daemons, so that one that waits for a slow network never holds up the end of the process.
    """

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._error: BaseException = Abandoned()

    @property
    def stopped(self) -> bool:
        """Whether all should end, and nothing new be begun."""
        return self._stop.is_set()

    def stop(self, error: BaseException | None = None) -> None:
        """Let all end. The first error that was told is what `each` and `check` raise, Abandoned if there is none."""
        with self._lock:
            if error is not None and not self.stopped:
                self._error = error
            self._stop.set()

    def check(self) -> None:
        """Raises what stopped the lanes, if they were stopped."""
        if self.stopped:
            raise self._error

    def begin(self, do: Callable[[], None]) -> threading.Thread:
        """A thread that does this; what it raises stops the lanes."""
        thread = threading.Thread(target=self._guarded, args=(do,), daemon=True)
        thread.start()
        return thread

    def each(self, items: Iterable[_T], do: Callable[[_T], None], *, threads: int) -> None:
        """Do something with each item, in up to so many threads, the caller's among them.

        Items are taken one at a time, when a thread is free for one; a thread is started only where there is work for
        it. Raises what stopped the lanes.
        """
        shared = _Shared(iter(items))
        helpers: list[threading.Thread] = []

        def lane() -> None:
            for item in shared:
                self.check()
                if shared.grows(threads):
                    helpers.append(self.begin(lane))
                do(item)

        self._guarded(lane)
        while helpers:
            last = helpers[-1]
            last.join(_PATIENCE if self.stopped else _POLL)
            if self.stopped or not last.is_alive():
                helpers.remove(last)
        self.check()

    def _guarded(self, do: Callable[[], None]) -> None:
        try:
            do()
        except BaseException as error:  # noqa: BLE001 - handed over to the thread that waits, which raises it
            self.stop(error)


def side_by_side(
    ask: Callable[[_Question], _Answer], questions: Iterable[_Question], *, threads: int
) -> dict[_Question, _Answer]:
    """The answers to all questions, in their order, asked in up to so many threads. Raises what `ask` raises."""
    answers: dict[_Question, _Answer] = {}
    questions = list(dict.fromkeys(questions))

    def note(question: _Question) -> None:
        answers[question] = ask(question)

    Lanes().each(questions, note, threads=threads)
    return {question: answers[question] for question in questions}


class _Shared(Generic[_T]):
    """An iterator that several threads take from, one at a time, and how many they are."""

    def __init__(self, items: Iterator[_T]) -> None:
        self._items = items
        self._threads = 1
        self._lock = threading.Lock()

    def grows(self, most: int) -> bool:
        """Whether one more thread may begin, which counts from now on."""
        with self._lock:
            grows = self._threads < most
            self._threads += grows
        return grows

    def __iter__(self) -> Iterator[_T]:
        return self

    def __next__(self) -> _T:
        with self._lock:
            return next(self._items)

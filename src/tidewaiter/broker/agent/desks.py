"""What blocks, as a call of AWS does, beside the event loop: its threads never hold up the process's end."""

import asyncio
import threading
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from typing import TypeVar

from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError
from tidewaiter.fleet.desk import Desk

_T = TypeVar("_T")

Lines = Callable[[], Generator[bytes, None, None]]
"""Makes lines, in a thread of its own."""


class Desks:
    """Threads for short calls and, apart from them, for listings, which may have to wait for a slow reader."""

    def __init__(self, *, calls: int = 32, listings: int = 128) -> None:
        self._calls = Desk(calls)
        self._listings = Desk(listings)

    def close(self) -> None:
        """Begin nothing more. What is under way is not waited for."""
        self._calls.close()
        self._listings.close()

    async def call(self, work: Callable[[], _T]) -> _T:
        """What `work` returns or raises. Who is cancelled does not wait for its end."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_T] = loop.create_future()

        def errand() -> None:
            if future.cancelled():
                return
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 - whoever waits for it raises it
                _on(loop, _fail, future, error)
            else:
                _on(loop, _settle, future, result)

        _demand(self._calls.do(errand))
        return await future

    def stream(self, lines: Lines, *, held: int = 256 << 10) -> "Conveyor":
        """The lines as they are made, at most `held` bytes ahead of their taker (and one line)."""
        conveyor = Conveyor(asyncio.get_running_loop(), held)
        _demand(self._listings.do(lambda: conveyor.load(lines)))
        return conveyor


class Conveyor:
    """Takes lines from the thread that makes them to the event loop. `stop` it whatever happens."""

    def __init__(self, loop: asyncio.AbstractEventLoop, held: int) -> None:
        self._loop = loop
        self._most = held
        self._room = threading.Condition()
        self._held: list[bytes] = []
        self._size = 0
        self._waiting: asyncio.Future[None] | None = None
        self._error: BaseException | None = None
        self._ended = False
        self._stopped = False

    async def take(self) -> bytes:
        """All lines that are there, or the next one; b"" after the last. Raises what their making raised."""
        while True:
            with self._room:
                if self._held:
                    return self._unload()
                if self._ended:
                    if self._error is not None:
                        raise self._error
                    return b""
                self._waiting = self._loop.create_future()
            await self._waiting

    def stop(self) -> None:
        """Have no more lines made."""
        with self._room:
            self._stopped = True
            self._held.clear()
            self._room.notify_all()

    def load(self, lines: Lines) -> None:
        """Make the lines. In the thread."""
        error: BaseException | None = None
        try:
            with closing(lines()) as made:
                for line in made:
                    if not self._put(line):
                        break
        except BaseException as failure:  # noqa: BLE001 - the taker raises it
            error = failure
        with self._room:
            self._ended, self._error = True, error
            self._wake()

    def _put(self, line: bytes) -> bool:
        """False when nobody takes lines any more."""
        with self._room:
            self._room.wait_for(lambda: self._stopped or self._size < self._most)
            if self._stopped:
                return False
            self._held.append(line)
            self._size += len(line)
            self._wake()
            return True

    def _unload(self) -> bytes:
        lines = b"".join(self._held)
        self._held.clear()
        self._size = 0
        self._room.notify_all()
        return lines

    def _wake(self) -> None:
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            _on(self._loop, _settle, waiting, None)


def _on(loop: asyncio.AbstractEventLoop, settle: Callable[..., None], future: object, result: object) -> None:
    with suppress(RuntimeError):  # the loop has ended, and nobody waits
        loop.call_soon_threadsafe(settle, future, result)


def _settle(future: "asyncio.Future[_T]", result: _T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: "asyncio.Future[_T]", error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


def _demand(accepted: bool) -> None:  # noqa: FBT001 - the desk's answer
    if not accepted:
        raise BrokerError("the agent is about to end", advice="Ask again.", retry=True, code=Code.BUSY)

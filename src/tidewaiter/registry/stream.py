"""A blob as a stream that goes on where a lost connection left off.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-blobs
"""

import io
from collections.abc import Callable
from http import HTTPStatus

import urllib3
from urllib3.exceptions import HTTPError

from tidewaiter.errors import MalformedError, RegistryError
from tidewaiter.registry.protocol import content_range
from tidewaiter.registry.transport import Waiting, can_pass, let_go, no_answer

_BUFFER = 1 << 18

Ask = Callable[[int], urllib3.BaseHTTPResponse]
"""Asks for the blob from a byte on: the answer is 200 with all of it, or 206 with a part."""


class _LostError(Exception):
    """The answer ended before its time."""


class _ResumingReader(io.RawIOBase):
    """Raises MalformedError for a blob that is longer than promised, RegistryError when it cannot be had."""

    def __init__(self, ask: Ask, size: int, waiting: Waiting, where: str) -> None:
        super().__init__()
        self._ask = ask
        self._size = size
        self._waiting = waiting
        self._where = where
        self._at = 0
        self._failures = 0
        self._waited = 0.0
        self._measured_from = 0
        self._answer: urllib3.BaseHTTPResponse | None = None
        self._wrong: MalformedError | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the buffered reader gives a memoryview
        began = self._waiting.clock()
        while True:
            if self._wrong:  # to read on would not make it right
                raise self._wrong
            try:
                chunk = self._next(len(buffer))
            except MalformedError as error:
                self._wrong = error
                continue
            except (HTTPError, OSError, _LostError) as error:
                self._lost(error)
                continue
            buffer[: len(chunk)] = chunk
            self._at += len(chunk)
            self._failures = 0 if chunk else self._failures
            self._measure(self._waiting.clock() - began)
            return len(chunk)

    def close(self) -> None:
        self._drop()
        super().close()

    def _next(self, most: int) -> bytes:
        if self._answer is None:
            if self._at and self._at == self._size:
                return b""
            self._answer = self._ask(self._at)
            self._place(self._answer)
        # What is there is taken: to wait until there is more could last for ever.
        chunk = self._answer.read1(most, decode_content=False) or b""
        if not chunk and self._at < self._size:
            raise _LostError
        if self._at + len(chunk) > self._size:
            raise MalformedError(f"it has more than the {self._size} bytes that were promised", where=self._where)
        if not chunk:
            self._answer.release_conn()
        return chunk

    def _place(self, answer: urllib3.BaseHTTPResponse) -> None:
        """Checks that the answer goes on at the right byte; one that starts again is read up to there."""
        if answer.status == HTTPStatus.PARTIAL_CONTENT:
            part = content_range(answer.headers.get("Content-Range", ""))
            if part is None or part.first != self._at or part.total not in (None, self._size):
                raise MalformedError("the registry goes on with other bytes than it was asked for", where=self._where)
            return
        size = answer.headers.get("Content-Length", "")
        if size.isdecimal() and size.lstrip("0") != str(self._size or ""):
            what = f"it has {size} bytes, and {self._size} were promised"
            raise MalformedError(what, where=self._where)
        left = self._at
        while left:
            skipped = answer.read(min(left, _BUFFER), decode_content=False)
            if not skipped:
                raise _LostError
            left -= len(skipped)

    def _measure(self, seconds: float) -> None:
        """Raises RegistryError for a blob that comes so slowly that it may never end."""
        patience = self._waiting.patience
        self._waited += seconds
        if self._waited < patience.slow:
            return
        brought = self._at - self._measured_from
        if brought < patience.fewest_bytes and self._at != self._size:
            what = f"it came too slowly: {brought} bytes in {self._waited:.0f} seconds"
            raise RegistryError(what, where=self._where, advice="Try again later.", retry=True)
        self._waited, self._measured_from = 0.0, self._at

    def _lost(self, error: Exception) -> None:
        self._drop()
        self._failures += 1
        if self._failures >= self._waiting.patience.tries or not can_pass(error):
            lost = no_answer(error, self._where)
            raise RegistryError(
                f"{lost.what}, {self._failures} times after byte {self._at}", where=self._where, retry=True
            )
        self._waiting.pause(self._failures - 1, self._where)

    def _drop(self) -> None:
        if self._answer is not None:
            let_go(self._answer)
            self._answer = None


def open_stream(ask: Ask, size: int, waiting: Waiting, where: str) -> io.BufferedReader:
    """The stream; `ask` is called at the first read, and again after each lost connection."""
    return io.BufferedReader(_ResumingReader(ask, size, waiting, where), _BUFFER)

"""Where tar bytes come from: chunks of a stream as they are unpacked, or a file in which one can hop."""

import io
import os
from collections.abc import Callable

from tidewaiter.errors import MalformedError

_BLOCK = 512
_WINDOW = 1 << 12
_CUT_OFF = "its tar is cut off"


class Window:
    """The bytes at hand, and a place in them. A subclass knows how to come to those that are not."""

    def __init__(self) -> None:
        self._data = b""
        self._at = 0

    def block(self, after: int, padding: int) -> bytes:
        """The 512 bytes behind the next `after`; none at the end. See `tar.Bytes`."""
        start = self._at + after
        end = start + _BLOCK
        if end <= len(self._data):
            self._at = end
            return self._data[start:end]
        missing = self._skip(after)
        if missing > padding:
            raise MalformedError(_CUT_OFF)
        block = self._collect(_BLOCK)
        if block and len(block) < _BLOCK:
            raise MalformedError(_CUT_OFF)
        return block

    def take(self, size: int) -> bytes:
        """The next `size` bytes. Raises MalformedError where there are fewer."""
        start, end = self._at, self._at + size
        if end <= len(self._data):
            self._at = end
            return self._data[start:end]
        content = self._collect(size)
        if len(content) < size:
            raise MalformedError(_CUT_OFF)
        return content

    def _collect(self, size: int) -> bytes:
        """The next `size` bytes, fewer only at the end."""
        raise NotImplementedError

    def _skip(self, size: int) -> int:
        """Pass over `size` bytes; how many of them there were not."""
        raise NotImplementedError


class StreamWindow(Window):
    """Chunks from a function that gives an empty one at the end."""

    def __init__(self, chunk: Callable[[], bytes]) -> None:
        super().__init__()
        self._chunk = chunk

    def drain(self) -> None:
        """Pass over all that is left."""
        while self._chunk():
            pass

    def _more(self) -> bool:
        self._data = self._chunk()
        self._at = 0
        return bool(self._data)

    def _skip(self, size: int) -> int:
        size -= len(self._data) - self._at
        self._at = len(self._data)
        while size > 0 and self._more():
            self._at = min(size, len(self._data))
            size -= self._at
        if size < 0:
            self._at += size
            return 0
        return size

    def _collect(self, size: int) -> bytes:
        content = io.BytesIO()
        while size and (self._at < len(self._data) or self._more()):
            piece = self._data[self._at : self._at + size]
            self._at += len(piece)
            size -= content.write(piece)
        return content.getvalue()


class FileWindow(Window):
    """A part of an open file. Only the pages around what is asked for are read."""

    def __init__(self, handle: int, offset: int, size: int) -> None:
        super().__init__()
        self._handle = handle
        self._next = offset
        self._end = offset + size

    def _skip(self, size: int) -> int:
        at_hand = len(self._data) - self._at
        if size <= at_hand:
            self._at += size
            return 0
        self._data, self._at = b"", 0
        self._next += size - at_hand
        return max(0, self._next - self._end)

    def _collect(self, size: int) -> bytes:
        self._next -= len(self._data) - self._at
        more = self._read(min(max(size, _WINDOW), max(0, self._end - self._next)))
        self._data, self._at = (more, size) if len(more) > size else (b"", 0)
        return more[:size]

    def _read(self, size: int) -> bytes:
        content = os.pread(self._handle, size, self._next)
        self._next += len(content)
        if 0 < len(content) < size:  # one call gives at most 2 GiB, and may be interrupted
            return content + self._read(size - len(content))
        return content

"""Compressed streams, unpacked a chunk at a time: however well they compress, no chunk is larger than a mebibyte."""

from collections.abc import Callable, Generator
from typing import IO, Protocol, cast

from tidewaiter.errors import LimitError, MalformedError

CHUNK = 1 << 20
_STORED_CHUNK = 1 << 17
_FIRST_PORTION = 1 << 12
_GZIP = b"\x1f\x8b"
_XZ = b"\xfd7zXZ\x00"
_BZIP2 = b"BZh"
_XZ_STATE = 1 << 20  # what the decoder takes beside the history
_MAGIC = 4
_LONGEST_MAGIC = 6
_SKIPPABLE = range(0x184D2A50, 0x184D2A60)
_ZSTD = 0xFD2FB528
_RAW_BLOCK_OF_ONE = 1  # a run of equal bytes: one byte in the frame, whatever its size


class Readable(Protocol):
    """Stored bytes, in order."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; none only at the end."""
        ...


class Unpacked(Protocol):
    """The bytes inside, in order."""

    def chunk(self) -> bytes:
        """The next bytes, at most a mebibyte; none at the end. Raises MalformedError where the packing is broken."""
        ...


def unpacked(stored: Readable, *, window_bytes: int) -> Unpacked:
    """The stream inside `stored`, found by its first bytes and not by what a media type says of it.

    Reads gzip (several members, zero padding), zstd (several frames), xz, bzip2 and plain. Raises LimitError while
    reading, where unpacking would need more than `window_bytes` of history.
    """
    source = _Source(stored)
    start = source.peek(_LONGEST_MAGIC)
    if start.startswith(_GZIP):
        return _Members(source, _GZIP, _new_gzip)
    if start.startswith(_XZ):
        return _Members(source, _XZ, lambda: _new_xz(window_bytes))
    if start.startswith(_BZIP2):
        return _Members(source, _BZIP2, _new_bzip2)
    number = int.from_bytes(start[:4], "little")
    if len(start) >= _MAGIC and (number == _ZSTD or number in _SKIPPABLE):
        return _Frames(source, window_bytes)
    return _Plain(source)


class _Source:
    """Stored bytes that can be given back."""

    def __init__(self, stored: Readable) -> None:
        self._stored = stored
        self._data = b""
        self._at = 0

    def read(self, size: int, /) -> bytes:
        if self._at >= len(self._data):
            self._data = self._stored.read(_STORED_CHUNK)
            self._at = 0
        piece = self._data[self._at : self._at + size]
        self._at += len(piece)
        return piece

    def peek(self, size: int) -> bytes:
        """The next bytes, which stay to be read; fewer than `size` only at the end."""
        while len(self._data) - self._at < size and (more := self._stored.read(_STORED_CHUNK)):
            self._data = self._data[self._at :] + more
            self._at = 0
        return self._data[self._at : self._at + size]

    def unread(self, rest: bytes) -> None:
        """Give back the last bytes that were read; that they still lie here makes it cheap."""
        start = self._at - len(rest)
        if start >= 0 and self._data.startswith(rest, start):
            self._at = start
        else:
            self._data = rest + self._data[self._at :]
            self._at = 0


class _Plain:
    def __init__(self, stored: Readable) -> None:
        self._stored = stored

    def chunk(self) -> bytes:
        return self._stored.read(CHUNK)


class _Decompressor(Protocol):
    """What the decompressors of isal, lzma and bz2 have in common: one member of a stream."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /, max_length: int = -1) -> bytes: ...


def _new_gzip() -> _Decompressor:
    from isal import igzip_lib

    decompressor: _Decompressor = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
    return decompressor


def _new_xz(window_bytes: int) -> _Decompressor:
    import lzma

    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=window_bytes + _XZ_STATE)


def _new_bzip2() -> _Decompressor:
    import bz2

    return bz2.BZ2Decompressor()


class _Members:
    """Members one behind the other, as gzip allows, with zeros behind the last as tapes and block devices leave them.

    Some layers hold a member for each file. What a decompressor did not use is copied, so it is fed little at first.
    https://www.rfc-editor.org/rfc/rfc1952#section-2.2
    """

    def __init__(self, source: _Source, magic: bytes, new: Callable[[], _Decompressor]) -> None:
        self._source = source
        self._magic = magic
        self._new = new
        self._member = new()
        self._portion = _STORED_CHUNK

    def chunk(self) -> bytes:
        while not self._member.eof or self._next_member():
            data = self._food() if self._member.needs_input else b""
            if unpacked := self._decompress(data):
                return unpacked
        return b""

    def _food(self) -> bytes:
        data = self._source.read(self._portion)
        if not data:
            raise MalformedError("its compressed data is cut off")
        self._portion = min(2 * self._portion, _STORED_CHUNK)
        return data

    def _next_member(self) -> bool:
        self._source.unread(self._member.unused_data)
        while rest := self._source.read(_FIRST_PORTION):
            if start := rest.lstrip(b"\0"):
                self._source.unread(start)
                if self._source.peek(len(self._magic)) != self._magic:
                    raise MalformedError("it has other bytes behind its compressed data")
                self._member = self._new()
                self._portion = _FIRST_PORTION
                return True
        return False

    def _decompress(self, data: bytes) -> bytes:
        try:
            return self._member.decompress(data, CHUNK)
        except Exception as error:  # each library has errors of its own, and nothing but unpacking runs here
            if "emory usage limit" in str(error):
                raise _window_limit() from error
            raise MalformedError(f"its compressed data is broken: {error}") from error


class _Frames:
    """Zstandard frames, skippable ones too.

    The reader of the library unpacks them within bounds, but does not tell a stream that is cut off from one that ends:
    so the structure is followed as the stored bytes pass. https://www.rfc-editor.org/rfc/rfc8878#section-3
    """

    def __init__(self, stored: Readable, window_bytes: int) -> None:
        import zstandard

        self._error = zstandard.ZstdError
        self._outline = _Outline(stored)
        self._reader = zstandard.ZstdDecompressor(max_window_size=window_bytes).stream_reader(
            cast("IO[bytes]", self._outline), read_size=_STORED_CHUNK, read_across_frames=True
        )

    def chunk(self) -> bytes:
        try:
            unpacked = self._reader.read(CHUNK)
        except self._error as error:
            if "too much memory" in str(error):
                raise _window_limit() from error
            raise MalformedError(f"its compressed data is broken: {error}") from error
        if not unpacked and not self._outline.complete:
            raise MalformedError("its compressed data is cut off")
        return unpacked


class _Outline:
    """Passes stored bytes on, and follows which frame and block they belong to."""

    def __init__(self, stored: Readable) -> None:
        self.complete = True
        self._stored = stored
        self._steps = self._follow()
        self._wanted = next(self._steps)
        self._held = b""

    def read(self, size: int, /) -> bytes:
        data = self._stored.read(size)
        at = 0
        while at < len(data):
            at = self._step(data, at)
        return data

    def _step(self, data: bytes, at: int) -> int:
        """Give the next step its bytes; a negative number of wanted bytes are passed over unseen."""
        if self._wanted < 0:
            passed = min(-self._wanted, len(data) - at)
            self._wanted += passed
            self._wanted = self._wanted or self._steps.send(b"")
            return at + passed
        end = at + self._wanted - len(self._held)
        self._held += data[at:end]
        if end <= len(data):
            held, self._held = self._held, b""
            self._wanted = self._steps.send(held)
        return min(end, len(data))

    def _follow(self) -> Generator[int, bytes, None]:
        while True:
            number = int.from_bytes((yield 4), "little")
            self.complete = False
            if number in _SKIPPABLE:
                yield from _passed(int.from_bytes((yield 4), "little"))
            else:
                yield from _frame()
            self.complete = True


def _frame() -> Generator[int, bytes, None]:
    (descriptor,) = yield 1
    single = descriptor >> 5 & 1
    content_size = (single, 2, 4, 8)[descriptor >> 6]
    yield from _passed((not single) + (0, 1, 2, 4)[descriptor & 3] + content_size)
    last = 0
    while not last:
        block = int.from_bytes((yield 3), "little")
        last, kind, size = block & 1, block >> 1 & 3, block >> 3
        yield from _passed(1 if kind == _RAW_BLOCK_OF_ONE else size)
    yield from _passed(4 * (descriptor >> 2 & 1))


def _passed(size: int) -> Generator[int, bytes, None]:
    if size:
        yield -size


def _window_limit() -> LimitError:
    return LimitError("its compressed data asks for a longer history than the ceiling", limit="window_bytes")

"""Files with holes, as GNU tar writes them: old headers, and pax versions 0.0, 0.1 and 1.0.

https://www.gnu.org/software/tar/manual/html_node/Sparse-Formats.html
"""

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from tidewaiter.errors import LimitError, MalformedError
from tidewaiter.image.numbers import decimal, number

_BLOCK = 512
_LARGEST_MAP = 1 << 20
_IN_HEADER = 386, 4, 482
_IN_EXTENSION = 0, 21, 504
_BROKEN = "it has a file with holes, and the list of its parts is broken"


class _Blocks(Protocol):
    def take(self, size: int) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Extents:
    """Which parts of a file are stored: (offset, length), in order. `size` is the file's with all its holes.

    `parts` is None where the list stands before the data itself, as pax version 1.0 has it.
    """

    size: int
    parts: tuple[tuple[int, int], ...] | None


def old_gnu_extents(header: bytes, source: _Blocks, ceiling: int) -> Extents:
    """The parts that an old GNU header (type S) lists, and the blocks behind it, which are read from `source`.

    Raises MalformedError, and LimitError where those blocks have more than `ceiling` bytes.
    """
    parts = list(_listed(header, _IN_HEADER))
    more, used = header[_IN_HEADER[2]], 0
    while more:
        used += _BLOCK
        if used > ceiling:
            raise LimitError("a tar header has too many extensions", limit="extension_bytes")
        block = source.take(_BLOCK)
        parts += _listed(block, _IN_EXTENSION)
        more = block[_IN_EXTENSION[2]]
    return Extents(number(header[483:495]), tuple(parts))


def _listed(block: bytes, table: tuple[int, int, int]) -> Iterator[tuple[int, int]]:
    start, count, _ = table
    for at in range(start, start + 24 * count, 24):
        if not block[at]:
            return
        yield number(block[at : at + 12]), number(block[at + 12 : at + 24])


def pax_extents(said: Mapping[bytes, bytes]) -> Extents | None:
    """The parts that pax records list; None for a file without holes. Raises MalformedError."""
    version = said.get(b"GNU.sparse.major"), said.get(b"GNU.sparse.minor")
    listed = said.get(b"GNU.sparse.map")
    if version != (b"1", b"0") and not listed:
        return None
    size = decimal(said.get(b"GNU.sparse.realsize") or said.get(b"GNU.sparse.size") or b"")
    if version == (b"1", b"0"):
        return Extents(size, None)
    return Extents(size, _pairs([decimal(value) for value in (listed or b"").split(b",")]))


def spread(extents: Extents, stored: int, take: Callable[[int], bytes]) -> tuple[bytes, int]:
    """The file's content with its holes as zeros, and how many of the `stored` bytes were taken for it.

    Raises MalformedError where the parts overlap, go beyond the file or beyond what is stored.
    """
    used = 0
    parts = extents.parts
    if parts is None:
        parts, used = _map_before_data(stored, take)
    _check(parts, extents.size, stored - used)
    content = io.BytesIO()
    for offset, length in parts:
        content.seek(offset)
        content.write(take(length))
        used += length
    if content.getbuffer().nbytes < extents.size:
        content.seek(extents.size - 1)
        content.write(b"\0")
    return content.getvalue(), used


def _map_before_data(stored: int, take: Callable[[int], bytes]) -> tuple[tuple[tuple[int, int], ...], int]:
    """Decimal numbers, a line each: how many parts there are, then their offsets and lengths; padded to a block."""
    text, lines, wanted = b"", 0, 1
    while lines < wanted:
        if len(text) + _BLOCK > min(stored, _LARGEST_MAP):
            raise MalformedError(_BROKEN)
        block = take(_BLOCK)
        text += block
        lines += block.count(b"\n")
        wanted = 1 + 2 * decimal(text.partition(b"\n")[0]) if lines else 1
    numbers = [decimal(line) for line in text.split(b"\n", wanted)[1:wanted]]
    return _pairs(numbers), len(text)


def _pairs(numbers: list[int]) -> tuple[tuple[int, int], ...]:
    if len(numbers) % 2:
        raise MalformedError(_BROKEN)
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def _check(parts: tuple[tuple[int, int], ...], size: int, stored: int) -> None:
    end = 0
    for offset, length in parts:
        if offset < end or offset + length > size:
            raise MalformedError(_BROKEN)
        end = offset + length
    if sum(length for _, length in parts) > stored:
        raise MalformedError(_BROKEN)

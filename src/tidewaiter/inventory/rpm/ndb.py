"""`Packages.db`: rpm's own database format NDB, used by SUSE from Leap 15.3 and SLES 15 SP3 on.

Pages of slots, then blobs in blocks of 16 bytes; all numbers are little-endian.
https://github.com/rpm-software-management/rpm/blob/rpm-4.18.x/lib/backend/ndb/rpmpkg.c
"""

import struct
import zlib
from collections.abc import Iterator

from tidewaiter.errors import MalformedError, UnsupportedError
from tidewaiter.inventory.rpm.record import Damage, Record

MAGIC = b"RpmP"

_HEADER = struct.Struct("<4sIIII")
_HEADER_SIZE = 32
_SLOT = struct.Struct("<4sIII")
_SLOT_MAGIC = b"Slot"
_BLOB_HEAD = struct.Struct("<4sIII")
_HEAD_MAGIC = b"BlbS"
_BLOB_TAIL = struct.Struct("<II4s")
_TAIL_MAGIC = b"BlbE"
_PAGE_SIZE = 4096
_BLOCK_SIZE = 16


def records(content: bytes) -> Iterator[Record | Damage]:
    """The package headers of a `Packages.db` file, in the order of its slots.

    Blocks may be used once, so that no file costs more than its own length. A blob whose checksum is wrong is damage
    and a record too: rpm itself reads it without looking at the checksum. Raises UnsupportedError for another version
    and MalformedError for a file without a header.
    """
    pages = _slot_pages(content)
    whole = min(pages, len(content) // _PAGE_SIZE)
    if whole < pages:
        yield Damage("end of the file", f"{pages - whole} of {pages} pages of slots are missing")
    left = len(content)
    slots = memoryview(content)[_HEADER_SIZE : max(whole * _PAGE_SIZE, _HEADER_SIZE)]
    for number, (magic, package, block, count) in enumerate(_SLOT.iter_unpack(slots), 2):
        if magic != _SLOT_MAGIC:
            yield Damage(f"slot {number}", "the slot's mark is missing")
        elif block:
            left -= count * _BLOCK_SIZE
            if left < 0:
                yield Damage(f"slot {number}", "the slots claim more than the whole file; the rest was not read")
                return
            yield from _blob(content, f"slot {number}, block {block}", package, block * _BLOCK_SIZE, count)


def _slot_pages(content: bytes) -> int:
    if len(content) < _HEADER_SIZE:
        raise MalformedError(f"a file of {len(content)} bytes is too short for an NDB file")
    magic, version, _, pages, _ = _HEADER.unpack_from(content)
    if magic != MAGIC or version:
        raise UnsupportedError(f"an NDB file of version {version} is not read (0 is)")
    if not pages:
        raise MalformedError("the file has no page of slots")
    return int(pages)


def _blob(content: bytes, where: str, package: int, start: int, blocks: int) -> Iterator[Record | Damage]:
    """The blob that lies in `blocks` blocks from `start` on."""
    end = start + blocks * _BLOCK_SIZE
    if end > len(content) or blocks * _BLOCK_SIZE < _BLOB_HEAD.size + _BLOB_TAIL.size:
        yield Damage(where, f"{blocks} blocks do not lie within the file")
        return
    head, owner, _, size = _BLOB_HEAD.unpack_from(content, start)
    tail = end - _BLOB_TAIL.size
    checksum, size_again, mark = _BLOB_TAIL.unpack_from(content, tail)
    first = start + _BLOB_HEAD.size
    if (head, mark, owner, size_again) != (_HEAD_MAGIC, _TAIL_MAGIC, package, size) or size > tail - first:
        yield Damage(where, "no whole blob of this package lies there")
        return
    if zlib.adler32(memoryview(content)[start:tail]) != checksum:
        yield Damage(where, "the checksum is wrong")
    yield Record(where, content[first : first + size])

"""`Packages`: a Berkeley DB hash file, rpm's database until 4.16 (RHEL and CentOS up to 8, Amazon Linux 2, SLES 12).

All pages are looked at in the file's order; no key is hashed. Each page is used at most once, so that neither a loop
nor a shared chain costs more than the file's own length. Where the buckets should be only tells whether one is lost.
The layout is documented by Berkeley DB's `dbinc/db_page.h`, and by rpm's own reader:
https://github.com/rpm-software-management/rpm/blob/rpm-4.18.x/lib/backend/bdb_ro.c
"""

import struct
from collections.abc import Iterator

from tidewaiter.errors import MalformedError, UnsupportedError
from tidewaiter.inventory.rpm.record import Damage, Record

_HASH_MAGIC = 0x061561
_OTHER_KINDS = {0x053162: "b-tree", 0x042253: "queue", 0x074582: "heap"}
_VERSIONS = range(8, 11)
_META_SIZE = 512
_LAST_BUCKET, _SPARES, _GENERATIONS = 72, 96, 32
_PAGE_HEADER = 26
_TYPE_OFFSET = 25
_PAGE_HASH_UNSORTED, _PAGE_OVERFLOW, _PAGE_HASH_META, _PAGE_HASH = 2, 7, 8, 13
_HASH_PAGES = frozenset((_PAGE_HASH_UNSORTED, _PAGE_HASH))
_PAGE_SIZES = frozenset(1 << power for power in range(9, 17))
_ITEM_INLINE, _ITEM_DUPLICATES, _ITEM_OVERFLOW, _ITEM_DUPLICATES_APART = 1, 2, 3, 4
_OVERFLOW_ITEM_SIZE = 12
_COUNTER_KEY = b"\0\0\0\0"  # its value is the last record's number


def records(content: bytes) -> Iterator[Record | Damage]:
    """The package headers of a `Packages` file, in the file's order.

    Raises UnsupportedError for another kind of file and MalformedError for one without a usable first page.
    """
    database = _Database(content)
    missing = database.declared - database.pages
    if missing > 0:
        yield Damage("end of the file", f"{missing} of {database.declared} pages are missing")
    for page in database.lost_pages():
        yield Damage(f"page {page}", "keys and values should be there, and it is no hash page")
    for page in database.hash_pages():
        yield from database.records(page)


class _Database:
    """The file's pages, in its own byte order."""

    __slots__ = ("_content", "_counter_seen", "_order", "_page", "_size", "_used", "_view", "declared", "pages")

    def __init__(self, content: bytes) -> None:
        self._order = _byte_order(content)
        version, size, encryption, kind, flags, last = struct.unpack_from(f"{self._order}16xIIBBB5xI", content)
        if version not in _VERSIONS:
            raise UnsupportedError(f"a Berkeley DB hash of version {version} is not read (8 to 10 are)")
        if encryption or flags:
            raise UnsupportedError("a Berkeley DB file with encryption, checksums or partitions is not read")
        if size not in _PAGE_SIZES or kind != _PAGE_HASH_META:
            raise MalformedError(f"the first page is broken: page size {size}, type {kind}")
        self._content = content
        self._view = memoryview(content)
        self._size = size
        self.declared = last + 1
        self.pages = min(self.declared, len(content) // size)
        self._used = bytearray(self.pages)
        self._page = struct.Struct(f"{self._order}8xI4xIHHxB")
        self._counter_seen = False

    def hash_pages(self) -> list[int]:
        """The numbers of the pages that hold keys and values."""
        types = self._content[_TYPE_OFFSET : self.pages * self._size : self._size]
        return [number for number, kind in enumerate(types) if kind in _HASH_PAGES]

    def lost_pages(self) -> list[int]:
        """The pages that are no hash pages, though the first of a bucket, or said to follow another of a bucket.

        A bucket's first page is its number plus a spare of its generation: `BUCKET_TO_PAGE` of `dbinc/hash.h`.
        """
        found = self.hash_pages()
        (last_bucket,) = struct.unpack_from(f"{self._order}I", self._content, _LAST_BUCKET)
        spares = struct.unpack_from(f"{self._order}{_GENERATIONS}I", self._content, _SPARES)
        buckets = range(min(last_bucket + 1, self.pages))
        expected = {bucket + spares[bucket.bit_length()] for bucket in buckets}
        expected.update(self._page.unpack_from(self._content, page * self._size)[1] for page in found)
        return sorted(page for page in expected.difference(found) if 0 < page < self.pages)

    def records(self, page: int) -> Iterator[Record | Damage]:
        """The headers that a hash page holds or leads to."""
        try:
            items = self._items(page)
        except MalformedError as error:
            yield Damage(f"page {page}", error.what)
            return
        for number in range(0, len(items) - 1, 2):
            where = f"page {page}, item {number}"
            try:
                if self._is_counter(*items[number]):
                    continue
                yield Record(where, self._value(*items[number + 1]))
            except MalformedError as error:
                yield Damage(where, error.what)

    def _items(self, page: int) -> list[tuple[int, int]]:
        """Start and end of each item of a hash page: keys and values in turn, stored from the page's end."""
        start = page * self._size
        number, _, count, _, _ = self._page.unpack_from(self._content, start)
        lowest = _PAGE_HEADER + 2 * count
        if number != page or count % 2 or lowest > self._size:
            raise MalformedError(f"a hash page that says it is page {number} with {count} items")
        offsets = struct.unpack_from(f"{self._order}{count}H", self._content, start + _PAGE_HEADER)
        items = list(zip(offsets, (self._size, *offsets), strict=False))
        if any(not lowest <= offset < end for offset, end in items):
            raise MalformedError("items overlap, or lie outside of the page")
        return [(start + offset, start + end) for offset, end in items]

    def _is_counter(self, start: int, end: int) -> bool:
        if self._content[start] != _ITEM_INLINE or self._content[start + 1 : end] != _COUNTER_KEY:
            return False
        if self._counter_seen:
            raise MalformedError("a second record of the number 0")
        self._counter_seen = True
        return True

    def _value(self, start: int, end: int) -> bytes:
        match self._content[start]:
            case 1:
                return self._content[start + 1 : end]
            case 3 if end - start == _OVERFLOW_ITEM_SIZE:
                page, size = struct.unpack_from(f"{self._order}II", self._content, start + 4)
                return self._chain(page, size)
            case 2 | 4:
                raise MalformedError("several values of one key, which a package database never has")
            case kind:
                raise MalformedError(f"an item of type {kind} and {end - start} bytes")

    def _chain(self, page: int, size: int) -> bytes:
        """The value of `size` bytes that starts on an overflow page and goes on along its links."""
        parts = []
        left = size
        while left:
            following, length = self._link(page, left)
            start = page * self._size + _PAGE_HEADER
            parts.append(self._view[start : start + length])
            left -= length
            page = following
        return b"".join(parts)

    def _link(self, page: int, left: int) -> tuple[int, int]:
        """The page after this one, and the bytes on this one, of a value of which `left` bytes are to come."""
        if not 0 < page < self.pages or self._used[page]:
            raise MalformedError(f"page {page} of the value is missing or used twice")
        self._used[page] = 1
        number, following, _, length, kind = self._page.unpack_from(self._content, page * self._size)
        if number != page or kind != _PAGE_OVERFLOW or not 0 < length <= min(left, self._size - _PAGE_HEADER):
            raise MalformedError(f"page {page} of the value says it is page {number}, type {kind}, {length} bytes")
        return following, length


def _byte_order(content: bytes) -> str:
    """The `struct` mark of the file's byte order: that of the machine which wrote it."""
    if len(content) < _META_SIZE:
        raise MalformedError(f"a file of {len(content)} bytes is too short for a Berkeley DB file")
    for order in "<>":
        (magic,) = struct.unpack_from(f"{order}I", content, 12)
        if magic == _HASH_MAGIC:
            return order
        if magic in _OTHER_KINDS:
            raise UnsupportedError(f"a Berkeley DB {_OTHER_KINDS[magic]} is not read: rpm's Packages is a hash")
    raise UnsupportedError("not a package database of a known kind (Berkeley DB hash, NDB, SQLite)")

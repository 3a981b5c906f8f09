"""Writes rpm package databases, as an image holds them: headers, and the three kinds of file that rpm has kept them in.

For simulated images and for tests. rpm itself reads what is written here (`rpm --dbpath … -qa`).
"""

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

_INT16, _INT32, _STRING, _BINARY, _STRING_ARRAY, _I18N_STRING = 3, 4, 6, 7, 8, 9
_ALIGNMENT = {_INT16: 2, _INT32: 4}
_IMMUTABLE_REGION = 63
_INDEX_ENTRY = struct.Struct(">iiii")

_BLOCK = 16
_SLOTS_PER_PAGE = 256

_HASH_MAGIC, _HASH_VERSION = 0x061561, 9
_META_PAGE, _HASH_PAGE, _OVERFLOW_PAGE = 8, 13, 7
_PAGE_HEADER = 26
# rpm refuses a database without its indexes. They stay empty: a list of all packages needs none.
_INDEXES = (
    *(
        "Name",
        "Basenames",
        "Group",
        "Requirename",
        "Providename",
        "Conflictname",
        "Obsoletename",
        "Triggername",
        "Dirnames",
    ),
    *("Installtid", "Sigmd5", "Sha1header", "Filetriggername", "Transfiletriggername"),
    *("Recommendname", "Suggestname", "Supplementname", "Enhancename"),
)


@dataclass(frozen=True, slots=True)
class InstalledFile:
    """A file that a package owns: its absolute path, and its mode with the kind of file (0o100755)."""

    path: str
    mode: int = 0o100644


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledRpm:
    """An installed package, as rpm names its parts. "" and None stand for a tag that the header lacks."""

    name: str
    version: str
    release: str
    epoch: int | None = None
    architecture: str = "x86_64"
    source_rpm: str = ""
    vendor: str = ""
    licence: str = ""
    module: str = ""
    summary: str = ""
    files: tuple[InstalledFile, ...] = ()


def sqlite_database(packages: Iterable[InstalledRpm]) -> bytes:
    """A `rpmdb.sqlite` with these packages: what Fedora, RHEL 9, Amazon Linux 2023 and Azure Linux images hold."""
    return sqlite_file([header(package) for package in packages])


def ndb_database(packages: Iterable[InstalledRpm]) -> bytes:
    """A `Packages.db` with these packages: what SUSE images hold."""
    return ndb_file([header(package) for package in packages])


def berkeley_database(packages: Iterable[InstalledRpm]) -> bytes:
    """A `Packages` with these packages: what images of RHEL 8 and older hold."""
    return berkeley_file([header(package) for package in packages])


def header(package: InstalledRpm) -> bytes:
    """The package's header as a database stores it: the immutable region, then what rpm adds at installation."""
    region = _Store()
    for tag, kind, values in _tags(package):
        region.add(tag, kind, values)
    region.close()
    region.add(1008, _INT32, [1_700_000_000])  # INSTALLTIME stands behind the region
    return region.blob()


def _tags(package: InstalledRpm) -> Iterator[tuple[int, int, Sequence[int | str]]]:
    """Tags, types and values by increasing tag; those without a value are left out."""
    folders = sorted({_split(file.path)[0] for file in package.files})
    rows: tuple[tuple[int, int, Sequence[int | str]], ...] = (
        (1000, _STRING, [package.name]),
        (1001, _STRING, [package.version]),
        (1002, _STRING, [package.release]),
        (1003, _INT32, [] if package.epoch is None else [package.epoch]),
        (1004, _I18N_STRING, [package.summary] if package.summary else []),
        (1011, _STRING, [package.vendor] if package.vendor else []),
        (1014, _STRING, [package.licence] if package.licence else []),
        (1021, _STRING, ["linux"]),
        (1022, _STRING, [package.architecture] if package.architecture else []),
        (1030, _INT16, [file.mode for file in package.files]),
        (1044, _STRING, [package.source_rpm] if package.source_rpm else []),
        (1116, _INT32, [folders.index(_split(file.path)[0]) for file in package.files]),
        (1117, _STRING_ARRAY, [_split(file.path)[1] for file in package.files]),
        (1118, _STRING_ARRAY, folders),
        (5096, _STRING, [package.module] if package.module else []),
    )
    return (row for row in rows if row[2])


def _split(path: str) -> tuple[str, str]:
    folder, slash, name = path.rpartition("/")
    return folder + slash, name


class _Store:
    """A header that is being written."""

    def __init__(self) -> None:
        self._index: list[bytes] = []
        self._store = bytearray()

    def add(self, tag: int, kind: int, values: Sequence[int | str]) -> None:
        self._store += bytes(-len(self._store) % _ALIGNMENT.get(kind, 1))
        self._index.append(_INDEX_ENTRY.pack(tag, kind, len(self._store), len(values)))
        for value in values:
            if isinstance(value, str):
                self._store += value.encode() + b"\0"
            else:
                self._store += value.to_bytes(_ALIGNMENT[kind], "big")

    def close(self) -> None:
        """End the immutable region: its first entry leads to a trailer, which tells the length of its index."""
        trailer = len(self._store)
        size = _INDEX_ENTRY.size * (len(self._index) + 1)
        self._store += _INDEX_ENTRY.pack(_IMMUTABLE_REGION, _BINARY, -size, _INDEX_ENTRY.size)
        self._index.insert(0, _INDEX_ENTRY.pack(_IMMUTABLE_REGION, _BINARY, trailer, _INDEX_ENTRY.size))

    def blob(self) -> bytes:
        return struct.pack(">II", len(self._index), len(self._store)) + b"".join(self._index) + bytes(self._store)


def sqlite_file(headers: Sequence[bytes]) -> bytes:
    """A `rpmdb.sqlite` with these headers, numbered from 1. It says, as rpm's do, that it has a write-ahead log."""
    import sqlite3

    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
        for name in _INDEXES:
            connection.execute(
                f"CREATE TABLE '{name}' (key TEXT NOT NULL, hnum INTEGER NOT NULL, idx INTEGER NOT NULL)"
            )
        connection.executemany("INSERT INTO Packages (blob) VALUES (?)", [(blob,) for blob in headers])
        connection.commit()
        content = bytearray(connection.serialize())
    finally:
        connection.close()
    content[18:20] = b"\x02\x02"
    return bytes(content)


def ndb_file(headers: Sequence[bytes], *, free_slots: int = 1) -> bytes:
    """A `Packages.db` with these headers, after `free_slots` slots such as removed packages leave."""
    pages = -(-(2 + free_slots + len(headers)) // _SLOTS_PER_PAGE)
    slots = [struct.pack("<4sIIII12x", b"RpmP", 0, 1, pages, len(headers) + 1)]
    slots += [struct.pack("<4s12x", b"Slot")] * free_slots
    blobs = []
    block = pages * _SLOTS_PER_PAGE
    for number, blob in enumerate(headers, 1):
        written = _ndb_blob(number, blob)
        slots.append(struct.pack("<4sIII", b"Slot", number, block, len(written) // _BLOCK))
        blobs.append(written)
        block += len(written) // _BLOCK
    slots += [struct.pack("<4s12x", b"Slot")] * (pages * _SLOTS_PER_PAGE - len(slots) - 1)
    return b"".join(slots + blobs)


def _ndb_blob(number: int, blob: bytes) -> bytes:
    start = struct.pack("<4sIII", b"BlbS", number, 1_700_000_000, len(blob)) + blob
    start += bytes(-(len(start) + 12) % _BLOCK)
    return start + struct.pack("<II4s", zlib.adler32(start), len(blob), b"BlbE")


def berkeley_file(
    headers: Sequence[bytes], *, page_size: int = 4096, byte_order: Literal["<", ">"] = "<", page_type: int = _HASH_PAGE
) -> bytes:
    """A `Packages` with these headers: a hash of one bucket, its pages in a chain.

    What is longer than a quarter of a page lies on overflow pages. `byte_order` is that of the machine which wrote it.
    """
    return _BerkeleyFile(page_size, byte_order, page_type).written(headers)


class _BerkeleyFile:
    """A Berkeley DB hash file that is being written."""

    def __init__(self, page_size: int, byte_order: str, page_type: int) -> None:
        self._size = page_size
        self._order = byte_order
        self._type = page_type
        self._pages: list[bytes] = [b""]

    def written(self, headers: Sequence[bytes]) -> bytes:
        pairs = [(self._number(0), self._item(self._number(len(headers))))]
        pairs += [(self._number(key), self._item(blob)) for key, blob in enumerate(headers, 1)]
        first = self._buckets([(b"\x01" + key, value) for key, value in pairs])
        self._pages[0] = self._meta(first, len(headers) + 1)
        return b"".join(self._pages)

    def _number(self, number: int) -> bytes:
        return struct.pack(f"{self._order}I", number)

    def _item(self, value: bytes) -> bytes:
        if len(value) <= self._size // 4:
            return b"\x01" + value
        return struct.pack(f"{self._order}B3xII", 3, self._overflow(value), len(value))

    def _overflow(self, value: bytes) -> int:
        room = self._size - _PAGE_HEADER
        first = len(self._pages)
        parts = [value[start : start + room] for start in range(0, len(value), room)]
        for number, part in enumerate(parts, first):
            following = number + 1 if number + 1 < first + len(parts) else 0
            head = self._head(number, following, 1, len(part), _OVERFLOW_PAGE)
            self._pages.append((head + part).ljust(self._size, b"\0"))
        return first

    def _buckets(self, pairs: list[tuple[bytes, bytes]]) -> int:
        """Write the pairs to hash pages, each of which leads to the next; the number of the first."""
        groups: list[list[bytes]] = [[]]
        room = self._size - _PAGE_HEADER
        for key, value in pairs:
            room -= len(key) + len(value) + 4
            if room < 0:
                groups.append([])
                room = self._size - _PAGE_HEADER - len(key) - len(value) - 4
            groups[-1] += [key, value]
        first = len(self._pages)
        for number, items in enumerate(groups, first):
            following = number + 1 if number + 1 < first + len(groups) else 0
            self._pages.append(self._bucket(number, following, items))
        return first

    def _bucket(self, number: int, following: int, items: list[bytes]) -> bytes:
        offsets = []
        end = self._size
        for item in items:
            end -= len(item)
            offsets.append(end)
        index = struct.pack(f"{self._order}{len(items)}H", *offsets)
        head = self._head(number, following, len(items), end, self._type) + index
        return head.ljust(end, b"\0") + b"".join(reversed(items))

    def _head(self, number: int, following: int, count: int, offset: int, kind: int) -> bytes:
        return struct.pack(f"{self._order}8xIIIHHBB", number, 0, following, count, offset & 0xFFFF, 0, kind)

    def _meta(self, first: int, count: int) -> bytes:
        """The first page: one bucket, whose first page `spares` tells."""
        last = len(self._pages) - 1
        start = struct.pack(f"{self._order}12xIIIBB", _HASH_MAGIC, _HASH_VERSION, self._size, 0, _META_PAGE)
        start = (start.ljust(32, b"\0") + struct.pack(f"{self._order}I", last)).ljust(76, b"\0")
        masks = struct.pack(f"{self._order}IIIII", 1, 0, 0, count, 0)  # high, low, fill factor, pairs, hash of a text
        return (start + masks + struct.pack(f"{self._order}I", first)).ljust(self._size, b"\0")

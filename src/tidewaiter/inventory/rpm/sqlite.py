"""`rpmdb.sqlite`: a SQLite file with a table of headers, rpm's database since 4.16 (Fedora, RHEL 9, Amazon Linux 2023).

SQLite itself reads it, from memory and with its defences up.
https://www.sqlite.org/security.html#untrusted_sqlite_database_files
"""

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tidewaiter.errors import MalformedError, UnsupportedError
from tidewaiter.inventory.rpm.record import Damage, Record

if TYPE_CHECKING:
    import sqlite3

MAGIC = b"SQLite format 3\0"

_HEADER_SIZE = 100
_WAL_MAGICS = frozenset((0x377F0682, 0x377F0683))
_WAL_SIZE = 32 + 24 + 512  # its header, and the smallest frame
_STEP = 1000  # instructions of SQLite's machine between two looks at the budget
_BYTES_PER_STEP = 8192  # a row takes some five instructions and, in a sound file, more than 64 bytes
_STEPS_AT_LEAST = 1000  # for opening and for small files
_MAX_NUMBER = 1 << 40  # of a row; rpm counts installations from 1
_MAX_PROBES = 100  # for rows behind a broken one; each may read as much as the file holds, and fail
_ALL_ROWS = "SELECT rowid, blob FROM Packages NOT INDEXED"
_NEXT_ROW = "SELECT rowid, blob FROM Packages NOT INDEXED WHERE rowid >= ? LIMIT 1"
_PRAGMAS = ("trusted_schema=OFF", "cell_size_check=ON", "query_only=ON")


def records(content: bytes) -> Iterator[Record | Damage]:
    """The package headers of a `rpmdb.sqlite`, by increasing number.

    Holds a second copy of the file in memory meanwhile (and a third while it opens). Work is bounded by the file's
    size, whatever its pages say. Raises MalformedError for a file without the table, and UnsupportedError where
    Python's SQLite cannot open a file from memory.
    """
    import sqlite3

    pages, missing = _declared_pages(content)
    if missing > 0:
        yield Damage("end of the file", f"{missing} of {pages} pages are missing")
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        _open(connection, content, whole=missing <= 0)
        yield from _rows(connection, len(content))
    except (sqlite3.Error, UnicodeDecodeError) as error:  # its messages quote broken names as they are
        raise MalformedError(f"SQLite says: {error}") from error
    finally:
        connection.close()


def holds_changes(journal: bytes) -> bool:
    """Whether a write-ahead log (`rpmdb.sqlite-wal`) has changes in it.

    https://www.sqlite.org/fileformat2.html#walformat
    """
    return len(journal) >= _WAL_SIZE and int.from_bytes(journal[:4], "big") in _WAL_MAGICS


def _declared_pages(content: bytes) -> tuple[int, int]:
    """How many pages the file says that it has, and how many of them it lacks."""
    if len(content) < _HEADER_SIZE:
        raise MalformedError(f"a file of {len(content)} bytes is too short for a SQLite file")
    size = struct.unpack_from(">H", content, 16)[0]
    size = 1 << 16 if size == 1 else max(size, 512)
    (pages,) = struct.unpack_from(">I", content, 28)
    return pages, pages - len(content) // size


def _open(connection: "sqlite3.Connection", content: bytes, *, whole: bool) -> None:
    """Load the file into the connection, marked as one without a write-ahead log: a file in memory has none.

    A file that was cut short is marked as having only the pages that are there, so that these can be read.
    """
    import sqlite3

    if not hasattr(connection, "deserialize"):
        raise UnsupportedError("this Python's SQLite cannot open a database from memory (it lacks deserialize)")
    patched = bytearray(content)
    patched[18:20] = b"\x01\x01"
    if not whole:
        patched[28:32] = bytes(4)
    connection.deserialize(patched)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max(len(content), 1000))
    budget = iter(range(len(content) // _BYTES_PER_STEP + _STEPS_AT_LEAST))
    connection.set_progress_handler(lambda: next(budget, None) is None, _STEP)
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    _check_table(connection)
    connection.set_authorizer(_only_packages)
    connection.text_factory = bytes


def _check_table(connection: "sqlite3.Connection") -> None:
    """Raise MalformedError unless Packages is a plain table: views and generated columns could compute without end."""
    kinds = connection.execute(
        "SELECT type, rootpage > 1 FROM sqlite_schema WHERE name = 'Packages' LIMIT 2"
    ).fetchall()
    if kinds != [("table", 1)]:
        raise MalformedError("the database has no table of packages")
    columns = connection.execute("PRAGMA table_xinfo('Packages')").fetchmany(3)
    if [(name, hidden) for _, name, _, _, _, _, hidden in columns] != [("hnum", 0), ("blob", 0)]:
        raise MalformedError("the table of packages has other columns than hnum and blob")


def _only_packages(action: int, table: str | None, *_: object) -> int:
    import sqlite3

    allowed = action == sqlite3.SQLITE_SELECT or (action == sqlite3.SQLITE_READ and table == "Packages")
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _rows(connection: "sqlite3.Connection", size: int) -> Iterator[Record | Damage]:
    """The table's rows by number, until they amount to more than the file, as those of a tree with loops can."""
    last = 0
    left = size
    for number, blob in _scanned(connection):
        if isinstance(blob, Damage):
            yield blob
            continue
        left -= len(blob) if isinstance(blob, bytes) else 0
        if number <= last or left < 0:
            yield Damage(f"row {number}", "the table leads back into itself; the rest was not read")
            return
        last = number
        where = f"row {number}"
        yield Record(where, blob) if isinstance(blob, bytes) else Damage(where, "the header is no blob")


def _scanned(connection: "sqlite3.Connection") -> Iterator[tuple[int, object]]:
    """Numbers and headers of all rows in the table's order; behind a broken one, those that can still be found."""
    import sqlite3

    last = 0
    try:
        for number, blob in connection.execute(_ALL_ROWS):
            yield number, blob
            last = number
    except (sqlite3.Error, UnicodeDecodeError) as error:
        yield last, Damage(f"after row {last}", f"SQLite says: {error}")
        yield from _salvaged(connection, last)


def _salvaged(connection: "sqlite3.Connection", last: int) -> Iterator[tuple[int, object]]:
    """The rows after a broken place: each is looked for by its number, in growing steps where there is none."""
    import sqlite3

    step, probes = 1, _MAX_PROBES
    while last + step <= _MAX_NUMBER and probes:
        try:
            row = connection.execute(_NEXT_ROW, (last + step,)).fetchone()
        except (sqlite3.Error, UnicodeDecodeError):
            step, probes = 2 * step, probes - 1
            continue
        if row is None:
            return
        yield row
        last, step = row[0], 1
    yield last, Damage(f"after row {last}", "no further row was found")

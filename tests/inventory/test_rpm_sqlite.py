"""SQLite files, as rpm's `rpmdb.sqlite` is one: sound ones, and such as make SQLite work without end."""

import sqlite3
import struct
from collections.abc import Sequence

import pytest

from tidewaiter.errors import MalformedError
from tidewaiter.inventory.rpm import sqlite
from tidewaiter.inventory.rpm.record import Damage, Record
from tidewaiter.simulator.rpmdb import sqlite_file

HEADERS = [b"first header", b"x" * 50_000, b"third"]
PACKAGES = "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)"
PAGE = 4096
ROWS = 300


def database(*statements: str, rows: Sequence[bytes] = ()) -> bytes:
    connection = sqlite3.connect(":memory:")
    for statement in statements:
        connection.execute(statement)
    if rows:
        connection.executemany("INSERT INTO Packages (blob) VALUES (?)", [(row,) for row in rows])
    connection.commit()
    content = connection.serialize()
    connection.close()
    return content


def blobs(content: bytes) -> list[bytes]:
    return [item.blob for item in sqlite.records(content) if isinstance(item, Record)]


def damage(content: bytes) -> list[str]:
    return [str(item) for item in sqlite.records(content) if isinstance(item, Damage)]


def test_rows_are_read_by_number_from_a_file_that_says_it_has_a_write_ahead_log() -> None:
    content = sqlite_file(HEADERS)
    assert content[18:20] == b"\x02\x02"
    assert blobs(content) == HEADERS
    assert damage(content) == []


def test_a_row_whose_header_is_a_number_is_damage_and_the_others_are_read() -> None:
    content = database(PACKAGES, "INSERT INTO Packages (blob) VALUES (17), (x'00ff')")
    assert blobs(content) == [b"\x00\xff"]
    assert damage(content) == ["row 1: the header is no blob"]


def test_a_database_without_the_table_is_malformed() -> None:
    with pytest.raises(MalformedError, match="no table"):
        blobs(database("CREATE TABLE Other (a)"))


def test_a_broken_schema_that_is_not_utf8_is_malformed() -> None:
    """SQLite quotes it in its message."""
    content = database("CREATE TABLE broken (a)").replace(b"TABLE", b"TABLX").replace(b"broken", b"br\xffken")
    with pytest.raises(MalformedError, match="utf-8"):
        blobs(content)


@pytest.mark.parametrize(
    "schema",
    [
        "CREATE VIEW Packages AS WITH RECURSIVE n(hnum) AS (SELECT 1 UNION ALL SELECT hnum + 1 FROM n) SELECT * FROM n",
        "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, a, blob BLOB AS (zeroblob(1000000000)))",
        "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB AS (zeroblob(1000000000)))",
        "CREATE TABLE Packages (hnum, blob, more)",
        "CREATE VIRTUAL TABLE Packages USING fts5(hnum, blob)",
    ],
)
def test_anything_but_a_plain_table_of_numbers_and_headers_is_malformed(schema: str) -> None:
    with pytest.raises(MalformedError, match="packages"):
        blobs(database(schema))


def test_a_table_without_row_numbers_is_damage_and_has_no_rows() -> None:
    content = database("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB) WITHOUT ROWID")
    assert blobs(content) == []
    assert damage(content)[0] == "after row 0: SQLite says: no such column: rowid"


def wide_table() -> tuple[bytes, int]:
    """A database whose table is a tree of several levels, and the start of its root."""
    content = database(PACKAGES, rows=[b"h" * 3000] * ROWS)
    connection = sqlite3.connect(":memory:")
    connection.deserialize(content)
    (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'Packages'").fetchone()
    connection.close()
    start = (root - 1) * PAGE
    assert content[start] == 5  # an interior page of a table
    return content, start


def with_children(content: bytes, start: int, child: bytes) -> bytes:
    """The database with all children of an interior page replaced by one."""
    (cells,) = struct.unpack_from(">H", content, start + 3)
    changed = bytearray(content)
    changed[start + 8 : start + 12] = child
    for offset in struct.unpack_from(f">{cells}H", content, start + 12):
        changed[start + offset : start + offset + 4] = child
    return bytes(changed)


def test_a_tree_whose_branches_are_one_and_the_same_is_read_once() -> None:
    """With some levels of such pages a small file has more rows than anyone can count."""
    content, root = wide_table()
    hostile = with_children(content, root, content[root + 8 : root + 12])
    assert 0 < len(blobs(hostile)) < ROWS
    assert ["the table leads back into itself" in text for text in damage(hostile)] == [True]


def test_a_page_that_is_its_own_child_is_damage() -> None:
    content, root = wide_table()
    hostile = with_children(content, root, struct.pack(">I", root // PAGE + 1))
    assert blobs(hostile) == []
    assert damage(hostile) != []


def test_rows_that_all_claim_the_same_endless_chain_are_not_longer_than_the_file() -> None:
    """SQLite follows a chain of overflow pages that leads into itself for as long as the row says."""
    size, rows = 20_000, 40
    content = database(PACKAGES, rows=[bytes([number]) * size for number in range(1, rows + 1)])
    claimed = size + 150 * (PAGE - 4)  # a multiple of an overflow page more leaves the row's place in its leaf as it is
    hostile = bytearray(content)
    for start in range(PAGE, len(content), PAGE):
        (link,) = struct.unpack_from(">I", content, start)
        if content[start + PAGE - 1] in range(1, rows + 1) and link == 0:
            hostile[start : start + 4] = struct.pack(
                ">I", start // PAGE + 1
            )  # the last page of a chain leads to itself
    changed = (
        bytes(hostile)
        .replace(varint(size + 5), varint(claimed + 5))
        .replace(varint(2 * size + 12), varint(2 * claimed + 12))
    )
    found = blobs(changed)
    assert len(found[0]) == claimed
    assert sum(map(len, found)) <= len(changed)
    assert "the table leads back into itself" in damage(changed)[-1]


def varint(number: int) -> bytes:
    """A number as SQLite writes those of 15 to 21 bits. https://www.sqlite.org/fileformat2.html#varint"""
    return bytes([number >> 14 | 0x80, number >> 7 & 0x7F | 0x80, number & 0x7F])


@pytest.mark.parametrize("lost", [0, 1, ROWS - 2])
def test_a_table_with_a_broken_page_gives_the_rows_before_and_after_it(lost: int) -> None:
    content, root = wide_table()
    (offset,) = struct.unpack_from(">H", content, root + 12 + 2 * lost)
    (leaf,) = struct.unpack_from(">I", content, root + offset)
    start = (leaf - 1) * PAGE
    broken = content[:start] + bytes(PAGE) + content[start + PAGE :]
    assert len(blobs(broken)) == ROWS - 1
    assert "SQLite says" in damage(broken)[0]


def test_a_file_that_was_cut_short_gives_the_rows_that_are_there() -> None:
    content, _ = wide_table()
    pages = len(content) // PAGE
    cut = content[: len(content) // 2]
    assert 0 < len(blobs(cut)) < ROWS
    assert damage(cut)[0] == f"end of the file: {pages - len(cut) // PAGE} of {pages} pages are missing"


@pytest.mark.parametrize("size", [16, 99, 100, 511, 4095])
def test_a_file_without_its_first_page_is_malformed(size: int) -> None:
    with pytest.raises(MalformedError):
        blobs(sqlite_file(HEADERS)[:size])


def journal(frames: int) -> bytes:
    """A write-ahead log of empty pages. https://www.sqlite.org/fileformat2.html#walformat"""
    return struct.pack(">IIII", 0x377F0682, 3007000, PAGE, 0).ljust(32, b"\0") + bytes(24 + PAGE) * frames


def test_a_write_ahead_log_holds_changes_if_it_has_a_frame() -> None:
    assert sqlite.holds_changes(journal(1))
    assert not sqlite.holds_changes(journal(0))
    assert not sqlite.holds_changes(b"")
    assert not sqlite.holds_changes(bytes(10_000))


def test_a_log_that_sqlite_itself_wrote_holds_changes(tmp_path: pytest.TempPathFactory) -> None:
    path = f"{tmp_path}/rpmdb.sqlite"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(PACKAGES)
    with open(f"{path}-wal", "rb") as log:
        assert sqlite.holds_changes(log.read())
    connection.close()

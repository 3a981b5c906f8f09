"""The advisory database: one SQLite file, written once, read by many, replaced as a whole.

Nothing in it depends on when, where or in which order it was built: the same input gives the same bytes.

Tables: `header` holds the advisories by number, some to a row; `package` the rows on one package of all releases of an
ecosystem; `manifest` what it was made of. Blobs are MessagePack (`encoding.py`, `staging.py`), packed with zstandard.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import accumulate, islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from tidewaiter.errors import DatabaseError
from tidewaiter.feeds.encoding import decode_header, decode_statement
from tidewaiter.feeds.manifest import Manifest
from tidewaiter.model.advisory import Advisory, Candidate, Feed
from tidewaiter.model.ecosystem import split_ecosystem

if TYPE_CHECKING:  # imported where a database is built or opened: most commands do neither
    import sqlite3

    import zstandard

    from tidewaiter.feeds.folder import Ceilings
    from tidewaiter.feeds.harvest import Harvest

SCHEMA = 1

_APPLICATION = 0x54574144  # "TWAD", https://www.sqlite.org/fileformat2.html#application_id
_PAGE = 8192
_GROUP = 32  # advisories in a row of `header`: more pack better, fewer are quicker to fetch
_LEVEL = 9
_LARGEST_BLOB = 64 << 20  # bytes unpacked; a hundred times the largest seen
_REBUILD = "Build it again with `tidewaiter db build`"

_TABLES = f"""
PRAGMA page_size = {_PAGE};
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {SCHEMA};
CREATE TABLE manifest (content TEXT NOT NULL);
CREATE TABLE header (first INTEGER PRIMARY KEY, content BLOB NOT NULL);
CREATE TABLE package (base TEXT, name TEXT, content BLOB NOT NULL, PRIMARY KEY (base, name)) WITHOUT ROWID;
"""


def build(
    folders: Iterable[str | Path],
    output: str | Path,
    *,
    warn: Callable[[str], None],
    advance: Callable[[int, int], None] = lambda _done, _total: None,
    ceilings: "Ceilings | None" = None,
) -> Manifest:
    """Make a database of all advisories in the folders, and put it in the place of `output` when it is whole.

    `warn` is told of every record and file that is left out, `advance` how many of how many stored bytes are read.
    Raises FeedError for input that can not be read as a whole, DatabaseError if the file can not be written; either
    way `output` is as it was.
    """
    import sqlite3
    from tempfile import TemporaryFile

    from tidewaiter.feeds.folder import Ceilings
    from tidewaiter.feeds.harvest import gather
    from tidewaiter.feeds.replacement import replacement

    output = Path(output)
    try:
        with TemporaryFile(dir=output.parent) as spool:
            harvest = gather(map(Path, folders), spool, warn=warn, advance=advance, ceilings=ceilings or Ceilings())
            with replacement(output) as path:
                return _write(path, harvest)
    except (OSError, sqlite3.Error) as error:
        raise DatabaseError(f"cannot be written: {error}", where=str(output)) from error


def _write(path: Path, harvest: "Harvest") -> Manifest:
    """One transaction of sorted rows into an empty file: that is what makes its bytes depend on nothing else."""
    import sqlite3

    import zstandard

    packer = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True, write_content_size=True)
    counts: Counter[str] = Counter()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(_TABLES)
        connection.execute("BEGIN")
        groups = _groups(harvest.settled.headers())
        packed = ((number * _GROUP, packer.compress(group)) for number, group in enumerate(groups))
        connection.executemany("INSERT INTO header VALUES (?, ?)", packed)
        packages = harvest.settled.packages(counts)
        rows = ((base, name, packer.compress(blob)) for base, name, blob in packages)
        connection.executemany("INSERT INTO package VALUES (?, ?, ?)", rows)
        manifest = Manifest(
            schema=SCHEMA, feeds=harvest.feeds, inputs=harvest.inputs, ecosystems=dict(sorted(counts.items()))
        )
        connection.execute("INSERT INTO manifest VALUES (?)", (msgspec.json.encode(manifest).decode(),))
        connection.execute("COMMIT")
    return manifest


def _groups(headers: Iterator[bytes]) -> Iterator[bytes]:
    while group := list(islice(headers, _GROUP)):
        yield msgspec.msgpack.encode([msgspec.Raw(header) for header in group])


class Database:
    """An advisory database, open for reading. One thread at a time."""

    def __init__(self, path: Path, connection: "sqlite3.Connection", unpacker: "zstandard.ZstdDecompressor") -> None:
        self._path = path
        self._connection = connection
        self._unpacker = unpacker
        self._manifest: Manifest | None = None
        self._fingerprint = ""

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """The database in this file. Raises DatabaseError if there is none, or one that this version can not read."""
        import sqlite3

        import zstandard

        path = Path(path)
        _check(path)
        address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        try:
            connection = sqlite3.connect(address, uri=True, isolation_level=None)
        except sqlite3.Error as error:
            raise DatabaseError(f"cannot be opened: {error}", where=str(path), advice=_REBUILD) from error
        return cls(path, connection, zstandard.ZstdDecompressor())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def manifest(self) -> Manifest:
        """What the database was made of. Raises DatabaseError if it is damaged, as all that follow do."""
        if self._manifest is None:
            with self._sound():
                ((content,),) = self._connection.execute("SELECT content FROM manifest")
                self._manifest = msgspec.json.decode(content, type=Manifest)
        return self._manifest

    def fingerprint(self) -> str:
        """What names this database's contents: the sha256 of its file, in hex. Judgements are kept by it."""
        import hashlib

        if not self._fingerprint:
            with self._path.open("rb") as stream:
                self._fingerprint = hashlib.file_digest(stream, "sha256").hexdigest()
        return self._fingerprint

    def feeds(self) -> tuple[Feed, ...]:
        """What there is of each publisher."""
        return self.manifest().feeds

    def ecosystems(self) -> Mapping[str, int]:
        """How many rows can match, by ecosystem with its release: `{"Debian:12": 1234}`."""
        return self.manifest().ecosystems

    def candidates(self, keys: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], Sequence[Candidate]]:
        """The rows on each (ecosystem with release, normalised name); a key without any is absent."""
        wanted: dict[tuple[str, str], list[str]] = {}
        for ecosystem, name in dict.fromkeys(keys):
            wanted.setdefault((split_ecosystem(ecosystem)[0], name), []).append(ecosystem)
        found: dict[tuple[str, str], Sequence[Candidate]] = {}
        with self._sound():
            for (base, name), ecosystems in wanted.items():
                said = self._package(base, name)
                for ecosystem in ecosystems:
                    if ecosystem in said:
                        found[ecosystem, name] = _candidates(said[ecosystem], ecosystem, name)
        return found

    def advisories(self, numbers: Iterable[int]) -> Mapping[int, Advisory]:
        """The advisories of these numbers, `affected` left out; an unknown number is absent."""
        groups: dict[int, list[int]] = {}
        for number in sorted(set(numbers)):
            groups.setdefault(number - number % _GROUP, []).append(number)
        found: dict[int, Advisory] = {}
        with self._sound():
            for first, members in groups.items():
                headers = self._headers(first)
                found.update(
                    (number, decode_header(headers[number - first]))
                    for number in members
                    if number - first < len(headers)
                )
        return found

    def _package(self, base: str, name: str) -> Mapping[str, msgspec.Raw]:
        rows = self._connection.execute("SELECT content FROM package WHERE base = ? AND name = ?", (base, name))
        for (content,) in rows:
            return _PACKAGE.decode(self._unpack(content))
        return {}

    def _headers(self, first: int) -> Sequence[msgspec.Raw]:
        for (content,) in self._connection.execute("SELECT content FROM header WHERE first = ?", (first,)):
            return _HEADERS.decode(self._unpack(content))
        return ()

    def _unpack(self, content: bytes) -> bytes:
        import zstandard

        if zstandard.frame_content_size(content) > _LARGEST_BLOB:
            raise ValueError("a blob beyond all measure")
        return self._unpacker.decompress(content)

    @contextmanager
    def _sound(self) -> Iterator[None]:
        """Whatever fails on the way from the file to a value is the file's fault: nothing else is read here."""
        import sqlite3

        import zstandard

        try:
            yield
        except (sqlite3.Error, zstandard.ZstdError, msgspec.MsgspecError, ValueError, TypeError, LookupError) as error:
            raise DatabaseError(f"is damaged: {error}", where=str(self._path), advice=_REBUILD) from error


_PACKAGE = msgspec.msgpack.Decoder(dict[str, msgspec.Raw])
_HEADERS = msgspec.msgpack.Decoder(list[msgspec.Raw])
_STATEMENTS = msgspec.msgpack.Decoder(list[tuple[Any, list[int]]])


def _candidates(said: msgspec.Raw, ecosystem: str, name: str) -> Sequence[Candidate]:
    found = []
    for statement, distances in _STATEMENTS.decode(said):
        affected = decode_statement(statement, ecosystem, name)
        found += [Candidate(number=number, affected=affected) for number in accumulate(distances)]
    return found


def _check(path: Path) -> None:
    """That the file begins as our databases do, and is as long as it says.

    https://www.sqlite.org/fileformat2.html#the_database_header
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(100)
            length = stream.seek(0, 2)
    except FileNotFoundError:
        raise DatabaseError(
            "there is no advisory database", where=str(path), advice="Build one with `tidewaiter db build`"
        ) from None
    except OSError as error:
        raise DatabaseError(f"cannot be read: {error.strerror}", where=str(path)) from None
    if not start.startswith(b"SQLite format 3\0") or int.from_bytes(start[68:72]) != _APPLICATION:
        raise DatabaseError("is no advisory database of tidewaiter", where=str(path), advice=_REBUILD)
    schema = int.from_bytes(start[60:64])
    if schema != SCHEMA:
        what = f"was made by another version of tidewaiter (its schema is {schema}, this version reads {SCHEMA})"
        raise DatabaseError(what, where=str(path), advice=_REBUILD)
    if length != _PAGE * int.from_bytes(start[28:32]):
        raise DatabaseError("is cut off, or not wholly written", where=str(path), advice=_REBUILD)

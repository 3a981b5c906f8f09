"""The one place that speaks to the database: transactions that are whole or were not, and errors that people can read.

SQLite runs with a write-ahead log: readers never wait, and a process that is killed leaves what it had committed.
https://www.sqlite.org/wal.html
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import zstandard
from sqlalchemy import Connection, Engine, Table, create_engine, event, literal, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from tidewaiter.errors import MalformedError, StoreError
from tidewaiter.store.address import Address

_T = TypeVar("_T")

_TRIES = 5
_PATIENCE_MS = 60_000
CACHE_KIB = 32_768
"""What a connection to a file keeps of it in memory, where nobody says otherwise."""

_LOG_PAGES = 8_192  # each time the log is emptied the disk is waited for
_PRAGMAS = (
    f"PRAGMA busy_timeout = {_PATIENCE_MS}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}",
)
# Readers wait for each other rather than fail: each is done in milliseconds.
_POOL: dict[str, Any] = {"pool_size": 8, "max_overflow": 8, "pool_timeout": 600, "hide_parameters": True}
_KEEPALIVE = {"keepalives_idle": 60, "keepalives_interval": 10, "keepalives_count": 6}


class Database:
    """Connections to one store, for any number of threads. One writes at a time, whosever it is; any number read.

    Each of up to 16 connections to a file keeps `cache` KiB of it in memory.
    """

    def __init__(self, address: Address, *, cache: int = CACHE_KIB) -> None:
        self.address = address
        self._writing = threading.Lock()
        self.engine = _engine(address, cache)

    @property
    def shown(self) -> str:
        """The store's name in messages."""
        return self.address.shown

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()

    def write(self, work: Callable[[Connection], _T]) -> _T:
        """What `work` gives, done as one transaction. It is done again if the connection broke: it must be idempotent.

        Raises StoreError.
        """
        with self._writing:
            return self._tried(work, writing=True)

    def read(self, work: Callable[[Connection], _T]) -> _T:
        """What `work` gives, all of it seen as it was at one moment. Raises StoreError."""
        return self._tried(work, writing=False)

    def settle(self) -> None:
        """All that was written is on the disk, also if the power fails now. Raises StoreError.

        A server of PostgreSQL sees to it at each transaction; SQLite, as it is set up here, at its checkpoints only.
        """
        if self.address.path is None:
            return
        try:
            _sync(Path(f"{self.address.path}-wal"))
        except FileNotFoundError:
            return  # another process made a checkpoint, and closed the log
        except OSError as error:
            raise StoreError(f"cannot be written: {error.strerror}", where=self.shown, advice=_ADVICE) from None

    def _tried(self, work: Callable[[Connection], _T], *, writing: bool) -> _T:
        with self.told():
            for _ in range(_TRIES - 1):
                try:
                    return self._once(work, writing=writing)
                except DBAPIError as error:
                    if not error.connection_invalidated:
                        raise
            return self._once(work, writing=writing)

    def _once(self, work: Callable[[Connection], _T], *, writing: bool) -> _T:
        options: dict[str, Any] = {"tidewaiter_writes": writing}
        if not writing and self.address.path is None:
            options["isolation_level"] = "REPEATABLE READ"
        with self.engine.connect().execution_options(**options) as connection, connection.begin():
            if writing and self.address.path is None:
                connection.execute(text(_WRITER))
            return work(connection)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Whatever a database says is told as a StoreError, without the statement and its values."""
        try:
            yield
        except SQLAlchemyError as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            advice = _DAMAGED if getattr(cause, "sqlite_errorname", "").startswith(_BROKEN) else _ADVICE
            raise StoreError(f"cannot be used: {_first_line(cause)}", where=self.shown, advice=advice) from None
        except (MalformedError, msgspec.MsgspecError, zstandard.ZstdError) as error:
            what = f"holds a damaged record: {_first_line(error)}"
            raise StoreError(what, where=self.shown, advice=_AFRESH) from None


# What SQLite does by itself: one writes at a time, also of several processes, so that none comes in another's way.
_WRITER = "SELECT pg_advisory_xact_lock(hashtextextended('tidewaiter writes ' || current_schema(), 0))"
_ADVICE = "See that it can be reached and written, and has room"
_AFRESH = "Scan into a new store"
_BROKEN = ("SQLITE_CORRUPT", "SQLITE_NOTADB")  # https://www.sqlite.org/rescode.html
_DAMAGED = "It is damaged, or of another program. Name another file, or move it away: all is then pulled once more"


def _sync(path: Path) -> None:
    """Waits for the disk to have the file."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fdatasync(file)
    finally:
        os.close(file)


def insert(connection: Connection, table: Table) -> "postgresql.Insert | sqlite.Insert":
    """An insertion that can say what to do about rows that are there, in the engine's own words."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def put(
    connection: Connection, statement: "postgresql.Insert | sqlite.Insert", rows: Iterable[Mapping[str, Any]]
) -> None:
    """Executes an insertion with many rows, no two of the same key: PostgreSQL gets them some hundred at a time.

    SQLAlchemy does that for insertions that give something back.
    https://docs.sqlalchemy.org/en/20/core/connections.html#insert-many-values-behavior-for-insert-statements
    """
    if not (many := list(rows)):
        return
    batched = connection.dialect.name == "postgresql"
    connection.execute(statement.returning(literal(1)) if batched else statement, many)


def _first_line(error: object) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__


def _engine(address: Address, cache: int) -> Engine:
    if address.path is not None:
        return _file_engine(address, address.path, cache)
    try:
        arguments = {**_KEEPALIVE, "connect_timeout": 30, "application_name": "tidewaiter"}
        given = {name: value for name, value in arguments.items() if name not in address.url.query}
        return create_engine(address.url, pool_pre_ping=True, connect_args=given, **_POOL)
    except ModuleNotFoundError:
        what, advice = "needs the driver of PostgreSQL", "Install it with `pip install 'tidewaiter[postgresql]'`"
        raise StoreError(what, where=address.shown, advice=advice) from None


def _file_engine(address: Address, path: Path, cache: int) -> Engine:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # What a fleet's weak points are is nobody else's business: SQLite's further files take these permissions over.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(f"cannot be written: {error.strerror}", where=str(path)) from None
    engine = create_engine(address.url, connect_args={"timeout": _PATIENCE_MS / 1000}, **_POOL)
    event.listen(engine, "connect", partial(_configure, cache))
    event.listen(engine, "begin", _begin)
    return engine


def _configure(cache: int, connection: Any, _record: object) -> None:
    """The driver would begin transactions when it sees fit, and too late for a reader that goes on to write.

    https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#serializable-isolation-savepoints-transactional-ddl
    """
    connection.isolation_level = None
    for pragma in (*_PRAGMAS, f"PRAGMA cache_size = -{cache}"):
        connection.execute(pragma)


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("tidewaiter_writes", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

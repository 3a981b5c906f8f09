"""One run at a time: a lock that ends with its holder, however that ends."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, text

from tidewaiter.errors import StoreError
from tidewaiter.store.database import Database

# One lock for each store: a database can hold several, each in a schema of its own.
_KEY = "hashtextextended('tidewaiter ' || current_schema(), 0)"
_NAME = 63  # bytes; PostgreSQL cuts longer ones, with a warning
_ADVICE = "Wait for its end, or give this one another --store"
_HOLDER = f"""
SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid) JOIN pg_database ON pg_locks.database = oid
WHERE locktype = 'advisory' AND granted AND pg_database.datname = current_database()
AND (classid::bigint << 32 | objid::bigint) = {_KEY}
"""  # noqa: S608 - no value from outside is in it


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """While this is held, nobody else gets it. Raises StoreError that names who has it."""
    path = database.address.path
    holding = _file_lock(path) if path is not None else _server_lock(database)
    with holding:
        yield


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    """A lock of the file system on a file beside the store; the file stays, and names who held it last."""
    beside = path.with_name(f"{path.name}.lock")
    try:
        file = os.open(beside, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"cannot be locked: {error.strerror}", where=str(beside)) from None
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _taken(str(path), os.pread(file, 200, 0).decode(errors="replace").strip()) from None
        os.ftruncate(file, 0)
        os.pwrite(file, f"{_me()}\n".encode(), 0)
        yield
    finally:
        os.close(file)


@contextmanager
def _server_lock(database: Database) -> Iterator[None]:
    """A lock of the server's that lasts as long as one connection."""
    with database.told():
        connection = database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    with connection:
        with database.told():
            _take(connection, database.shown)
        try:
            yield
        finally:
            connection.invalidate()


def _take(connection: Connection, shown: str) -> None:
    naming = text("SELECT set_config('application_name', :name, false)")
    connection.execute(naming, {"name": f"tidewaiter {_me()}"[:_NAME]})
    if connection.execute(text(f"SELECT pg_try_advisory_lock({_KEY})")).scalar_one():
        return
    holder = connection.execute(text(_HOLDER)).scalars().first()
    raise _taken(shown, (holder or "").removeprefix("tidewaiter "))


def _me() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"


def _taken(where: str, holder: str) -> StoreError:
    who = f" ({holder})" if holder else ""
    return StoreError(f"is in use by another run{who}", where=where, advice=_ADVICE)

"""Runs: when they began and ended, and which took up what another had left."""

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from tidewaiter.errors import StoreError
from tidewaiter.store.records import RunRow
from tidewaiter.store.schema import run as table


def begin(connection: Connection, *, command: str, scope: str, now: datetime) -> int:
    """The number of a new run, that continues the last one of its scope if that did not end."""
    last = connection.execute(
        select(table.c.id, table.c.finished).where(table.c.scope == scope).order_by(table.c.id.desc()).limit(1)
    ).first()
    continues = last.id if last is not None and last.finished is None else None
    values = {"command": command, "scope": scope, "started": now, "continues": continues}
    number: int = connection.execute(insert(table).values(values).returning(table.c.id)).scalar_one()
    return number


def finish(
    connection: Connection, run: int, *, now: datetime, layers_read: int, bytes_pulled: int, looked: int, known: int
) -> None:
    """The run came to its end."""
    connection.execute(
        update(table)
        .where(table.c.id == run)
        .values(finished=now, layers_read=layers_read, bytes_pulled=bytes_pulled, looked=looked, known=known)
    )


def row(connection: Connection, run: int) -> RunRow:
    """What is known of a run. Raises StoreError if there is none of this number."""
    found = connection.execute(select(table).where(table.c.id == run)).first()
    if found is None:
        raise StoreError(f"holds no run {run}")
    return RunRow(
        id=found.id,
        command=found.command,
        scope=found.scope,
        started=found.started,
        finished=found.finished,
        continued=found.continues is not None,
        layers_read=found.layers_read,
        bytes_pulled=found.bytes_pulled,
        looked=found.looked,
        known=found.known,
    )


def chain(connection: Connection, run: int) -> list[int]:
    """The run and those before it that it takes up, the newest first."""
    found = [run]
    while (before := _continued(connection, found[-1])) is not None:
        found.append(before)
    return found


def _continued(connection: Connection, run: int) -> int | None:
    return connection.execute(select(table.c.continues).where(table.c.id == run)).scalar_one_or_none()

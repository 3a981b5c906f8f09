"""What agents delivered: bodies in parts of bounded size, kept until the platform has fetched them.

A delivery counts from when all of it is there; until then nobody sees it. Each call is a small transaction.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from tidewaiter.errors import StoreError
from tidewaiter.store.database import insert
from tidewaiter.store.records import DeliveryRow
from tidewaiter.store.schema import connection as connections
from tidewaiter.store.schema import delivery as table
from tidewaiter.store.schema import delivery_part as part

ROW = 1 << 10
"""The bytes that a delivery counts for beside its own: one without any takes room too."""

_DROPPED_AT_ONCE = 20


def begin(connection: Connection, key: str, name: str, job: str, now: datetime) -> bool:
    """A delivery begins. Whether it may: not where the connection is not, or no more."""
    query = select(connections.c.id).where(connections.c.name == name, connections.c.revoked.is_(None))
    number = connection.execute(query).scalar_one_or_none()
    if number is None:
        return False
    values = {"key": key, "connection": number, "job": job, "touched": now}
    connection.execute(insert(connection, table).values(values).on_conflict_do_nothing())
    return True


def keep_part(connection: Connection, key: str, position: int, content: bytes, now: datetime) -> None:
    """The next part of a delivery. Raises StoreError for one that was dropped."""
    statement = insert(connection, part).values(delivery=key, position=position, content=content)
    _of(connection, key)
    if connection.execute(statement.on_conflict_do_nothing().returning(part.c.position)).first() is None:
        return  # it is there: the transaction was made, and its answer lost
    grown = {"size": table.c.size + len(content), "touched": now}
    connection.execute(update(table).where(table.c.key == key).values(grown))


def finish(connection: Connection, key: str, digest: str, now: datetime) -> None:
    """All of it is there, instead of what came under its job before. Raises StoreError for one that was dropped."""
    mine = _of(connection, key)
    same = (table.c.connection == mine.connection, table.c.job == mine.job, table.c.digest.is_not(None))
    _drop(connection, connection.execute(select(table.c.key).where(*same, table.c.key != key)).scalars().all())
    connection.execute(update(table).where(table.c.key == key).values(digest=digest, touched=now))


def _of(connection: Connection, key: str) -> "Row[Any, Any]":
    found = connection.execute(select(table.c.connection, table.c.job).where(table.c.key == key)).first()
    if found is None:
        raise StoreError("the store has dropped what was being delivered", advice="Deliver it again", retry=True)
    return found


def drop(connection: Connection, key: str) -> None:
    """The delivery is not wanted, whole or not."""
    _drop(connection, [key])


def drop_all(connection: Connection, number: int) -> None:
    """Nothing of this connection's is wanted."""
    _drop(connection, connection.execute(select(table.c.key).where(table.c.connection == number)).scalars().all())


def drop_old(connection: Connection, whole_before: datetime, part_before: datetime) -> int:
    """Drops some of those that nobody fetched, or that broke off: how many. Call it until there are none."""
    old = (table.c.touched < whole_before) | (table.c.digest.is_(None) & (table.c.touched < part_before))
    found = connection.execute(select(table.c.key).where(old).limit(_DROPPED_AT_ONCE)).scalars().all()
    _drop(connection, found)
    return len(found)


def _drop(connection: Connection, keys: Sequence[str]) -> None:
    if keys:
        connection.execute(delete(part).where(part.c.delivery.in_(keys)))
        connection.execute(delete(table).where(table.c.key.in_(keys)))


def occupied(connection: Connection, name: str) -> int:
    """The bytes of all that a connection has delivered and delivers, with `ROW` for each."""
    query = select(func.sum(table.c.size + ROW)).join(connections, connections.c.id == table.c.connection)
    return int(connection.execute(query.where(connections.c.name == name)).scalar_one() or 0)


def rows(connection: Connection, name: str, limit: int) -> Sequence[DeliveryRow]:
    """What waits of a connection's, the oldest first."""
    return _rows(connection, name, None, limit)


def row(connection: Connection, name: str, job: str) -> DeliveryRow | None:
    """What waits under this job."""
    return next(iter(_rows(connection, name, job, 1)), None)


def _rows(connection: Connection, name: str, job: str | None, limit: int) -> Sequence[DeliveryRow]:
    query = (
        select(table)
        .join(connections, connections.c.id == table.c.connection)
        .where(connections.c.name == name, table.c.digest.is_not(None))
        .order_by(table.c.touched, table.c.key)
        .limit(limit)
    )
    if job is not None:
        query = query.where(table.c.job == job)
    return [
        DeliveryRow(key=row.key, job=row.job, size=row.size, digest=row.digest, arrived=row.touched)
        for row in connection.execute(query)
    ]


def content(connection: Connection, key: str, position: int) -> bytes | None:
    """A part of a delivery; None behind the last one, and where it was dropped."""
    query = select(part.c.content).where(part.c.delivery == key, part.c.position == position)
    return connection.execute(query).scalar_one_or_none()

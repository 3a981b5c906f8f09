"""Connections of the brokered integration: who may come in, by the hash of a token, and which tunnels are open."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, func, select, update

from tidewaiter.errors import StoreError
from tidewaiter.store import deliveries
from tidewaiter.store.database import insert, put
from tidewaiter.store.records import ConnectionRow, TunnelRow
from tidewaiter.store.schema import connection as table
from tidewaiter.store.schema import delivery, tunnel

_AT_ONCE = 500  # values of one statement


def add(connection: Connection, name: str, token_hash: bytes, now: datetime) -> None:
    """A new connection, or one that was revoked with a new token. Raises StoreError for one that is in use."""
    values = {"token_hash": token_hash, "created": now, "revoked": None}
    statement = insert(connection, table).values(name=name, **values)
    added = statement.on_conflict_do_update(
        index_elements=["name"], set_=values, where=table.c.revoked.is_not(None) | (table.c.token_hash == token_hash)
    )
    if connection.execute(added.returning(table.c.id)).first() is None:
        advice = "Give another name, or revoke that connection first"
        raise StoreError(f"there is a connection {name!r} already", advice=advice)


def revoke(connection: Connection, name: str, now: datetime) -> bool:
    """The token opens nothing any more, and what waits of the connection is dropped. Whether there was such a one."""
    found = connection.execute(select(table).where(table.c.name == name)).first()
    if found is None:
        return False
    if found.revoked is None:
        connection.execute(update(table).where(table.c.id == found.id).values(revoked=now))
    deliveries.drop_all(connection, found.id)
    return True


def rows(connection: Connection) -> Sequence[ConnectionRow]:
    """All connections by their names, also those that are revoked."""
    waiting = (
        select(delivery.c.connection, func.count().label("results"), func.sum(delivery.c.size).label("bytes"))
        .where(delivery.c.digest.is_not(None))
        .group_by(delivery.c.connection)
        .subquery()
    )
    query = select(table, waiting.c.results, waiting.c.bytes).outerjoin(waiting, waiting.c.connection == table.c.id)
    return [
        ConnectionRow(
            name=row.name,
            created=row.created,
            revoked=row.revoked,
            results=row.results or 0,
            result_bytes=int(row.bytes or 0),
        )
        for row in connection.execute(query.order_by(table.c.name))
    ]


def is_revoked(connection: Connection, name: str) -> bool | None:
    """Whether the connection was revoked; None where there never was one of this name."""
    found = connection.execute(select(table.c.revoked).where(table.c.name == name)).first()
    return None if found is None else found.revoked is not None


def admitted(connection: Connection, hashes: Iterable[bytes]) -> Mapping[bytes, str]:
    """Those of the tokens' hashes that open a connection, with its name."""
    wanted = list(hashes)
    found: dict[bytes, str] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        some = table.c.token_hash.in_(wanted[start : start + _AT_ONCE])
        query = select(table.c.token_hash, table.c.name).where(some, table.c.revoked.is_(None))
        found.update((bytes(row.token_hash), row.name) for row in connection.execute(query))
    return found


def saw_tunnels(connection: Connection, server: str, url: str, open_now: Sequence[TunnelRow], now: datetime) -> None:
    """These are the tunnels that the server holds; those that it told of before and are not among them ended."""
    numbers = {row.name: row.id for row in connection.execute(select(table.c.id, table.c.name))}
    connection.execute(delete(tunnel).where(tunnel.c.server == server))
    values = [
        {
            "key": each.key,
            "connection": numbers[each.connection],
            "server": server,
            "url": url,
            "replica": each.replica,
            "load": each.load,
            "since": each.since,
            "seen": now,
        }
        for each in open_now
        if each.connection in numbers
    ]
    put(connection, insert(connection, tunnel), values)


def tunnels(connection: Connection, since: datetime, name: str | None) -> Sequence[TunnelRow]:
    """The tunnels that servers have told of since then, of one connection or all, the least busy first."""
    query = select(tunnel, table.c.name).join(table, table.c.id == tunnel.c.connection).where(tunnel.c.seen >= since)
    if name is not None:
        query = query.where(table.c.name == name)
    return [
        TunnelRow(
            key=row.key,
            connection=row.name,
            server=row.server,
            url=row.url,
            replica=row.replica,
            load=row.load,
            since=row.since,
        )
        for row in connection.execute(query.order_by(table.c.name, tunnel.c.load, tunnel.c.key))
    ]


def forget_tunnels(connection: Connection, before: datetime) -> None:
    """Servers that have not told of these since then are gone."""
    connection.execute(delete(tunnel).where(tunnel.c.seen < before))

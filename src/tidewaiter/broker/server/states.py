"""How each connection is: who carries it, and what waits of it."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter

import msgspec

from tidewaiter.store.exchange import Exchange
from tidewaiter.store.records import ConnectionRow, TunnelRow


class Replica(msgspec.Struct, frozen=True):
    """A client that carries the connection, at which server, since when, and with how many requests under way."""

    replica: str
    server: str
    since: datetime
    load: int


class ConnectionState(msgspec.Struct, frozen=True):
    """A connection. `results` wait to be fetched."""

    connection: str
    created: datetime
    revoked: datetime | None
    replicas: tuple[Replica, ...]
    results: int
    result_bytes: int


def states(exchange: Exchange, now: datetime, dead: float) -> Sequence[ConnectionState]:
    """All connections by name. Servers that said nothing for `dead` seconds hold no tunnels. Raises StoreError."""
    tunnels = exchange.tunnels(since=now - timedelta(seconds=dead))
    held = {name: tuple(rows) for name, rows in groupby(tunnels, key=attrgetter("connection"))}
    return [_state(row, held.get(row.name, ())) for row in exchange.connections()]


def _state(row: ConnectionRow, tunnels: Iterable[TunnelRow]) -> ConnectionState:
    replicas = tuple(Replica(each.replica, each.url or each.server, each.since, each.load) for each in tunnels)
    return ConnectionState(row.name, row.created, row.revoked, replicas, row.results, row.result_bytes)

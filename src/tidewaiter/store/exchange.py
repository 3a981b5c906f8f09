"""What the brokered integration's servers share in a store: connections, open tunnels, and what agents delivered."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from tidewaiter.store import connections, deliveries
from tidewaiter.store.database import Database
from tidewaiter.store.records import ConnectionRow, DeliveryRow, TunnelRow


class Exchange:
    """Methods may be called from any thread, and raise StoreError; each is one small transaction, or none."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # Who may come in.

    def add_connection(self, name: str, token_hash: bytes, *, now: datetime) -> None:
        """A new connection, or one that was revoked. Raises StoreError where there is one of this name."""
        self._database.write(lambda to: connections.add(to, name, token_hash, now))

    def revoke_connection(self, name: str, *, now: datetime) -> bool:
        """Its token opens nothing any more, and its results are dropped. Whether there was such a connection."""
        return self._database.write(lambda to: connections.revoke(to, name, now))

    def connections(self) -> Sequence[ConnectionRow]:
        """All connections by name, also revoked ones."""
        return self._database.read(connections.rows)

    def is_revoked(self, name: str) -> bool | None:
        """Whether the connection was revoked; None where there never was one of this name."""
        return self._database.read(lambda to: connections.is_revoked(to, name))

    def admitted(self, hashes: Iterable[bytes]) -> Mapping[bytes, str]:
        """The names of the connections that tokens of these hashes (sha256) open."""
        wanted = tuple(hashes)
        return self._database.read(lambda to: connections.admitted(to, wanted))

    # Which tunnels are open, at which server.

    def saw_tunnels(self, server: str, url: str, tunnels: Sequence[TunnelRow], *, now: datetime) -> None:
        """All tunnels that a server holds now, and where other servers reach it."""
        self._database.write(lambda to: connections.saw_tunnels(to, server, url, tunnels, now))

    def tunnels(self, *, since: datetime, connection: str | None = None) -> Sequence[TunnelRow]:
        """The tunnels that servers have told of since then, by connection, the least busy first."""
        return self._database.read(lambda to: connections.tunnels(to, since, connection))

    def forget_tunnels(self, *, before: datetime) -> None:
        """Servers that have not told of their tunnels since then are gone."""
        self._database.write(lambda to: connections.forget_tunnels(to, before))

    # What agents delivered.

    def begin_delivery(self, key: str, connection: str, job: str, *, now: datetime) -> bool:
        """A delivery under a key that nobody used before. Whether it may be: not of a connection that is no more."""
        return self._database.write(lambda to: deliveries.begin(to, key, connection, job, now))

    def keep_part(self, key: str, position: int, content: bytes, *, now: datetime) -> None:
        """The part of this position, from 0. Raises StoreError for a delivery that was dropped."""
        self._database.write(lambda to: deliveries.keep_part(to, key, position, content, now))

    def finish_delivery(self, key: str, digest: str, *, now: datetime) -> None:
        """All of it is there, instead of what came under its job before; on the disk when this returns."""
        self._database.write(lambda to: deliveries.finish(to, key, digest, now))
        self._database.settle()

    def drop_delivery(self, key: str) -> None:
        """It broke off, or was fetched."""
        self._database.write(lambda to: deliveries.drop(to, key))

    def drop_old_deliveries(self, *, whole_before: datetime, part_before: datetime) -> int:
        """Drops some that nobody fetched or that broke off: how many. To be called until there are none."""
        return self._database.write(lambda to: deliveries.drop_old(to, whole_before, part_before))

    def occupied(self, connection: str) -> int:
        """The bytes of all that a connection delivered and that was not fetched, with what is on its way.

        Each counts for `deliveries.ROW` bytes more than it has.
        """
        return self._database.read(lambda to: deliveries.occupied(to, connection))

    def deliveries(self, connection: str, *, limit: int) -> Sequence[DeliveryRow]:
        """What waits of a connection's, the oldest first."""
        return self._database.read(lambda to: deliveries.rows(to, connection, limit))

    def delivery(self, connection: str, job: str) -> DeliveryRow | None:
        """What waits under a job."""
        return self._database.read(lambda to: deliveries.row(to, connection, job))

    def part(self, key: str, position: int) -> bytes | None:
        """A part of a delivery; None behind the last, and where it was dropped meanwhile."""
        return self._database.read(lambda to: deliveries.content(to, key, position))

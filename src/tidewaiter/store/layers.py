"""What layers hold, by the digest that was verified while they were read. The content is opaque here."""

from sqlalchemy import Connection, select

from tidewaiter.model.image import Digest
from tidewaiter.store.database import insert
from tidewaiter.store.schema import layer as table


def content(connection: Connection, digest: Digest, fingerprint: str) -> bytes | None:
    """What was kept of the layer, if these extractors made it."""
    query = select(table.c.content).where(table.c.digest == str(digest), table.c.fingerprint == fingerprint)
    return connection.execute(query).scalar_one_or_none()


def keep(connection: Connection, digest: Digest, fingerprint: str, content: bytes, stored_size: int) -> None:
    """Keeps it, instead of what other extractors made."""
    row = {"fingerprint": fingerprint, "content": content, "stored_size": stored_size}
    statement = insert(connection, table).values(digest=str(digest), **row)
    connection.execute(statement.on_conflict_do_update(index_elements=["digest"], set_=row))

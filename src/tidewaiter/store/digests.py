"""Manifests by number: each digest stands in the store once."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, select

from tidewaiter.model.image import Digest
from tidewaiter.store.database import insert
from tidewaiter.store.keys import chunks
from tidewaiter.store.schema import manifest


def known(connection: Connection, digests: Iterable[Digest]) -> Mapping[Digest, int]:
    """The numbers of those that the store has."""
    found: dict[Digest, int] = {}
    for some in chunks(digests):
        by_text = {str(digest): digest for digest in some}
        rows = connection.execute(select(manifest.c.id, manifest.c.digest).where(manifest.c.digest.in_(by_text)))
        found.update((by_text[row.digest], row.id) for row in rows)
    return found


def numbered(connection: Connection, digests: Iterable[Digest]) -> Mapping[Digest, int]:
    """A number for each."""
    wanted = dict.fromkeys(digests)
    found = known(connection, wanted)
    new = sorted(wanted.keys() - found.keys())
    if not new:
        return found
    statement = insert(connection, manifest).on_conflict_do_nothing()
    connection.execute(statement, [{"digest": str(digest)} for digest in new])
    return {**found, **known(connection, new)}

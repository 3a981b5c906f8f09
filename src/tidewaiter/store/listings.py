"""What registries list: manifests in repositories, their tags over time, and how each ended."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from tidewaiter.model.cloud import ImageDetail
from tidewaiter.model.image import Descriptor, Digest
from tidewaiter.store.database import insert, put
from tidewaiter.store.digests import numbered
from tidewaiter.store.encoding import read_children, spelled, spelled_digests
from tidewaiter.store.keys import chunks
from tidewaiter.store.records import Settled
from tidewaiter.store.schema import listing, manifest, tag

_LISTED = ("run", "gone", "tags", "size", "pushed", "pulled", "media_type", "artifact_type", "subject", "status")
_ENDED = ("run", "gone", "settled", "kind", "state", "why", "detail", "platform", "image", "indexes", "names")


def saw_manifests(
    connection: Connection, run: int, repository: int, details: Sequence[ImageDetail], *, complete: bool
) -> None:
    """These are in the repository now; where that is all of it, what the run did not see there is gone."""
    numbers = numbered(connection, [detail.digest for detail in details])
    latest = {detail.digest: detail for detail in details}
    rows = [_listed(run, repository, numbers[digest], detail) for digest, detail in latest.items()]
    put(connection, _upsert(connection, _LISTED), rows)
    _retag(connection, run, repository, {name: detail.digest for detail in details for name in detail.tags})
    if complete:
        _end_unseen(connection, run, repository)


def _listed(run: int, repository: int, number: int, detail: ImageDetail) -> dict[str, object]:
    return {
        "repository": repository,
        "manifest": number,
        "run": run,
        "gone": False,
        "tags": spelled(detail.tags),
        "size": detail.size,
        "pushed": detail.pushed,
        "pulled": detail.pulled,
        "media_type": detail.media_type,
        "artifact_type": detail.artifact_type,
        "subject": None if detail.subject is None else str(detail.subject),
        "status": detail.status.value,
    }


def _upsert(connection: Connection, names: Iterable[str]) -> "postgresql.Insert | sqlite.Insert":
    """Adds a listing, or brings these columns of it up to date."""
    statement = insert(connection, listing)
    change = {name: statement.excluded[name] for name in names}
    return statement.on_conflict_do_update(index_elements=["repository", "manifest"], set_=change)


def _retag(connection: Connection, run: int, repository: int, tags: Mapping[str, Digest]) -> None:
    """Ends the tags that name another manifest now, and begins the new ones."""
    before = _current(connection, repository, tags)
    numbers = numbered(connection, tags.values())
    moved = {name for name, (_, digest) in before.items() if digest != tags[name]}
    _mark(connection, [number for name, (number, _) in before.items() if name not in moved], run=run)
    _mark(connection, [number for name, (number, _) in before.items() if name in moved], until=run)
    rows = [
        {"repository": repository, "name": name, "manifest": numbers[tags[name]], "since": run, "run": run}
        for name in tags
        if name not in before or name in moved
    ]
    put(connection, insert(connection, tag), rows)


def _mark(connection: Connection, rows: Iterable[int], **values: int) -> None:
    for some in chunks(rows):
        connection.execute(update(tag).where(tag.c.id.in_(some)).values(values))


def _current(connection: Connection, repository: int, names: Iterable[str]) -> dict[str, tuple[int, Digest]]:
    """Which of these tags the repository had, each with its row and what it named."""
    found: dict[str, tuple[int, Digest]] = {}
    query = (
        select(tag.c.id, tag.c.name, manifest.c.digest)
        .join(manifest, manifest.c.id == tag.c.manifest)
        .where(tag.c.repository == repository, tag.c.until.is_(None))
    )
    for some in chunks(names):
        rows = connection.execute(query.where(tag.c.name.in_(some)))
        found.update((row.name, (row.id, Digest.parse(row.digest))) for row in rows)
    return found


def _end_unseen(connection: Connection, run: int, repository: int) -> None:
    connection.execute(
        update(listing)
        .where(listing.c.repository == repository, listing.c.run != run, ~listing.c.gone)
        .values(gone=True, tags="[]")
    )
    connection.execute(
        update(tag).where(tag.c.repository == repository, tag.c.run != run, tag.c.until.is_(None)).values(until=run)
    )


def settle(connection: Connection, run: int, repository: int, settled: Sequence[Settled]) -> None:
    """How these manifests ended. One that is not listed (an index's child elsewhere) is listed from now on."""
    images = [each.image for each in settled if each.image is not None]
    numbers = numbered(connection, [*(each.digest for each in settled), *images])
    rows = [_ended(run, repository, numbers, each) for each in {each.digest: each for each in settled}.values()]
    put(connection, _upsert(connection, _ENDED), rows)


def _ended(run: int, repository: int, numbers: Mapping[Digest, int], settled: Settled) -> dict[str, object]:
    outcome = settled.outcome
    return {
        "repository": repository,
        "manifest": numbers[settled.digest],
        "run": run,
        "gone": False,
        "settled": run,
        "kind": settled.kind.value,
        "state": outcome.state.value,
        "why": None if outcome.why is None else outcome.why.value,
        "detail": outcome.detail,
        "platform": None if settled.platform is None else spelled(settled.platform),
        "image": None if settled.image is None else numbers[settled.image],
        "indexes": spelled_digests(settled.indexes),
        "names": spelled(settled.tags),
    }


def children(connection: Connection, indexes: Iterable[Digest]) -> Mapping[Digest, tuple[Descriptor, ...]]:
    """What those of the indexes list that were read before."""
    found: dict[Digest, tuple[Descriptor, ...]] = {}
    query = select(manifest.c.digest, manifest.c.children).where(manifest.c.children.is_not(None))
    for some in chunks(indexes):
        rows = connection.execute(query.where(manifest.c.digest.in_(map(str, some))))
        found.update((Digest.parse(row.digest), read_children(row.children)) for row in rows)
    return found


def keep_children(connection: Connection, index: Digest, media_type: str, listed: Sequence[Descriptor]) -> None:
    """What an index lists."""
    number = numbered(connection, [index])[index]
    values = {"media_type": media_type, "children": spelled(tuple(listed))}
    connection.execute(update(manifest).where(manifest.c.id == number).values(values))

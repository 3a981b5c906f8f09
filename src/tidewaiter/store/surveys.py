"""All that a run came upon, read page by page: manifests, what images hold, tags that moved.

A page is a list with the number of its last row, from where the next page goes on; the last page is empty.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from tidewaiter.inventory.encoding import decode_inventory
from tidewaiter.model.cloud import ImageDetail, ImageStatus, Registry
from tidewaiter.model.fleet import Kind, Outcome, State
from tidewaiter.model.gap import Why
from tidewaiter.model.image import Digest
from tidewaiter.store import runs
from tidewaiter.store.coverage import registry_of
from tidewaiter.store.encoding import read_digests, read_names, read_platform
from tidewaiter.store.keys import chunks
from tidewaiter.store.records import ImageContents, ManifestRow, MovedTag, Settled
from tidewaiter.store.schema import image, image_parcel, listing, manifest, parcel_package, registry, repository, tag

_MANIFESTS = 1000
_IMAGES = 200
_REMEMBERED_PARCELS = 4096


class Manifests:
    """The manifests of a run, in the order in which they were first seen."""

    def __init__(self, run: int) -> None:
        self._run = run
        self._places: dict[int, tuple[Registry, str]] = {}

    def page(self, connection: Connection, after: int) -> tuple[Sequence[ManifestRow], int]:
        """Those behind the row `after`."""
        image_of = manifest.alias("image_of")
        query = (
            select(listing, manifest.c.digest, image_of.c.digest.label("image_digest"))
            .join(manifest, manifest.c.id == listing.c.manifest)
            .outerjoin(image_of, image_of.c.id == listing.c.image)
            .where(listing.c.id > after, listing.c.run == self._run, ~listing.c.gone)
        )
        rows = connection.execute(query.order_by(listing.c.id).limit(_MANIFESTS)).all()
        self._find_places(connection, {row.repository for row in rows})
        return [self._manifest(row) for row in rows], rows[-1].id if rows else after

    def _find_places(self, connection: Connection, repositories: Iterable[int]) -> None:
        query = select(registry, repository.c.id.label("number"), repository.c.name).join(
            repository, repository.c.registry == registry.c.id
        )
        for some in chunks(number for number in repositories if number not in self._places):
            rows = connection.execute(query.where(repository.c.id.in_(some)))
            self._places.update((row.number, (registry_of(row), row.name)) for row in rows)

    def _manifest(self, row: "Row[*tuple[Any, ...]]") -> ManifestRow:
        place, name = self._places[row.repository]
        digest = Digest.parse(row.digest)
        return ManifestRow(
            registry=place, repository=name, detail=_detail(row, digest), settled=self._settled(row, digest)
        )

    def _settled(self, row: "Row[*tuple[Any, ...]]", digest: Digest) -> Settled:
        """How it ended. What one that is pending is may be known from an earlier run: a digest never changes."""
        kind = Kind(row.kind) if row.kind else Kind.UNKNOWN
        platform = read_platform(row.platform)
        if row.settled != self._run:
            return Settled(
                digest=digest,
                kind=kind,
                platform=platform,
                outcome=Outcome(state=State.PENDING),
                tags=read_names(row.tags),
            )
        return Settled(
            digest=digest,
            kind=kind,
            platform=platform,
            outcome=Outcome(state=State(row.state), why=Why(row.why) if row.why else None, detail=row.detail),
            image=None if row.image_digest is None else Digest.parse(row.image_digest),
            indexes=read_digests(row.indexes),
            tags=read_names(row.names),
        )


def _detail(row: "Row[*tuple[Any, ...]]", digest: Digest) -> ImageDetail:
    return ImageDetail(
        digest=digest,
        tags=read_names(row.tags),
        size=row.size,
        pushed=row.pushed,
        pulled=row.pulled,
        media_type=row.media_type,
        artifact_type=row.artifact_type,
        subject=None if row.subject is None else Digest.parse(row.subject),
        status=ImageStatus(row.status or ImageStatus.ACTIVE),
    )


class Contents:
    """What the scanned images of a run hold, each image once. What images share is read once.

    `remembered` parcels stay in memory between two pages.
    """

    def __init__(self, run: int, *, remembered: int = _REMEMBERED_PARCELS) -> None:
        self._run = run
        self._remembered = remembered
        self._parcels: dict[int, tuple[int, ...]] = {}

    def page(self, connection: Connection, after: int) -> tuple[Sequence[ImageContents], int]:
        """Those behind the image `after`."""
        scanned = select(listing.c.image).where(listing.c.settled == self._run, listing.c.state == State.SCANNED.value)
        query = (
            select(image.c.manifest, image.c.content, manifest.c.digest)
            .join(manifest, manifest.c.id == image.c.manifest)
            .where(image.c.manifest > after, image.c.manifest.in_(scanned))
        )
        rows = connection.execute(query.order_by(image.c.manifest).limit(_IMAGES)).all()
        parcels = self._parcels_of(connection, [row.manifest for row in rows])
        return [self._contents(row, parcels[row.manifest]) for row in rows], rows[-1].manifest if rows else after

    def _parcels_of(self, connection: Connection, images: Iterable[int]) -> Mapping[int, list[tuple[int, int]]]:
        """The (layer, parcel) of each image, the parcels read."""
        found: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for some in chunks(images):
            query = select(image_parcel).where(image_parcel.c.image.in_(some))
            for row in connection.execute(query.order_by(image_parcel.c.image, image_parcel.c.layer)):
                found[row.image].append((row.layer, row.parcel))
        self._read(connection, {parcel for those in found.values() for _, parcel in those})
        return found

    def _read(self, connection: Connection, parcels: set[int]) -> None:
        if len(self._parcels) > self._remembered:
            self._parcels = {number: self._parcels[number] for number in parcels & self._parcels.keys()}
        query = select(parcel_package.c.parcel, parcel_package.c.package)
        for some in chunks(parcels - self._parcels.keys()):
            found: dict[int, list[int]] = {number: [] for number in some}
            of_some = query.where(parcel_package.c.parcel.in_(some)).order_by(*parcel_package.primary_key)
            rows = connection.execute(of_some)
            for parcel, package in rows:
                found[parcel].append(package)
            self._parcels.update((number, tuple(packages)) for number, packages in found.items())

    def _contents(self, row: "Row[*tuple[Any, ...]]", parcels: Sequence[tuple[int, int]]) -> ImageContents:
        kept = decode_inventory(row.content)
        return ImageContents(
            digest=Digest.parse(row.digest),
            distro="" if kept.distro is None else str(kept.distro),
            layers=tuple(layer.digest for layer in kept.image.layers),
            packages=[(package, layer) for layer, parcel in parcels for package in self._parcels[parcel]],
            gaps=kept.gaps,
        )


def moved(connection: Connection, run: int) -> Sequence[MovedTag]:
    """Tags that name another manifest than before the run; before those, too, that it took up unfinished."""
    chain = runs.chain(connection, run)
    before, after = tag.alias("before"), tag.alias("after")
    old, new = manifest.alias("old"), manifest.alias("new")
    query = (
        select(registry.c.host, repository.c.name, before.c.name.label("tag"), old.c.digest, new.c.digest.label("now"))
        .select_from(before)
        .join(after, (after.c.repository == before.c.repository) & (after.c.name == before.c.name))
        .join(repository, repository.c.id == before.c.repository)
        .join(registry, registry.c.id == repository.c.registry)
        .join(old, old.c.id == before.c.manifest)
        .join(new, new.c.id == after.c.manifest)
        .where(before.c.until.in_(chain), before.c.since.not_in(chain), after.c.since.in_(chain))
        .where(after.c.until.is_(None), before.c.manifest != after.c.manifest)
        .order_by(registry.c.host, repository.c.name, before.c.name)
    )
    return [
        MovedTag(
            repository=f"{row.host}/{row.name}",
            tag=row.tag,
            old=Digest.parse(row.digest),
            new=Digest.parse(row.now),
        )
        for row in connection.execute(query)
    ]

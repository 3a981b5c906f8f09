"""The fleet's memory, open."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Connection

from tidewaiter.model.cloud import Account, ImageDetail, Registry
from tidewaiter.model.fleet import AccountCoverage
from tidewaiter.model.gap import Gap
from tidewaiter.model.image import Descriptor, Digest, Platform
from tidewaiter.model.package import Inventory, Package
from tidewaiter.store import coverage, images, judgements, layers, listings, places, runs, surveys
from tidewaiter.store.address import Address
from tidewaiter.store.database import CACHE_KIB, Database
from tidewaiter.store.exchange import Exchange
from tidewaiter.store.lock import locked
from tidewaiter.store.migration import migrate
from tidewaiter.store.records import (
    ImageContents,
    Judged,
    ManifestRow,
    MovedTag,
    PackageJudgement,
    RunRow,
    Settled,
)

__all__ = [
    "ImageContents",
    "Judged",
    "ManifestRow",
    "MovedTag",
    "PackageJudgement",
    "RunRow",
    "Settled",
    "Store",
]

_T = TypeVar("_T")
_JUDGED_A_PAGE = 500


class Store:
    """What a fleet's runs have seen. Methods may be called from any thread, and raise StoreError.

    Each call is one transaction: a process that is killed leaves all of a call, or nothing of it. All can be made
    again with the same result. What is read of a run is what later runs did not see again.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, url: str, *, cache: int = CACHE_KIB) -> Self:
        """The store at a path, `sqlite:///PATH` or `postgresql://…`, made and brought up to date where it has to be.

        Each connection to a file keeps `cache` KiB of it in memory. Raises UsageError for what is no address,
        StoreError for a store that cannot be used: of a newer version, of something else, or out of reach.
        """
        database = Database(Address.parse(url), cache=cache)
        try:
            migrate(database)
        except BaseException:
            database.close()
            raise
        return cls(database)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def lock(self) -> AbstractContextManager[None]:
        """One run at a time: raises StoreError, naming the holder, where another process has it."""
        return locked(self._database)

    @property
    def exchange(self) -> Exchange:
        """What the brokered integration's servers share."""
        return Exchange(self._database)

    # What a run writes.

    def begin(self, *, command: str, scope: str, now: datetime) -> int:
        """Begins a run: its number. The next of the same `scope`, what it covers, takes up what this one leaves."""
        return self._database.write(lambda to: runs.begin(to, command=command, scope=scope, now=now))

    def finish(self, run: int, *, now: datetime, layers_read: int, bytes_pulled: int, looked: int, known: int) -> None:
        """The run came to its end."""
        counts = {"layers_read": layers_read, "bytes_pulled": bytes_pulled, "looked": looked, "known": known}
        self._database.write(lambda to: runs.finish(to, run, now=now, **counts))

    def saw_account(self, run: int, account: Account, gaps: Sequence[Gap] = ()) -> None:
        """The run came upon an account; gaps add to those that it told of it before."""
        self._database.write(lambda to: places.saw_account(to, run, account, gaps))

    def saw_registry(self, run: int, account_id: str, registry: Registry, gaps: Sequence[Gap] = ()) -> int:
        """The run came upon a registry of an account that it saw: the registry's number."""
        return self._database.write(lambda to: places.saw_registry(to, run, account_id, registry, gaps))

    def saw_repository(self, run: int, registry: int, name: str) -> int:
        """The run came upon a repository: its number."""
        return self._database.write(lambda to: places.saw_repository(to, run, registry, name))

    def repository_gap(self, run: int, repository: int, gap: Gap) -> None:
        """Something of the repository was not looked at."""
        self._database.write(lambda to: places.repository_gap(to, run, repository, gap))

    def saw_manifests(self, run: int, repository: int, details: Sequence[ImageDetail], *, complete: bool) -> None:
        """These manifests are listed, with their tags.

        A long list can be given in parts. `complete` with the last one: what the run was not told of is gone.
        """
        self._database.write(lambda to: listings.saw_manifests(to, run, repository, details, complete=complete))

    def settle(self, run: int, repository: int, settled: Sequence[Settled]) -> None:
        """How these manifests ended."""
        self._database.write(lambda to: listings.settle(to, run, repository, settled))

    def keep_children(self, index: Digest, media_type: str, children: Sequence[Descriptor]) -> None:
        """What an index lists; the caller has verified its digest."""
        self._database.write(lambda to: listings.keep_children(to, index, media_type, children))

    def keep_image(self, inventory: Inventory, *, fingerprint: str) -> None:
        """The inventory of an image, instead of an older one. `fingerprint` names the extractors that made it.

        Raises ValueError where the image has no digest.
        """
        bundle = images.bundle(inventory, fingerprint)
        self._database.write(lambda to: images.keep(to, bundle))

    def keep_layer(self, digest: Digest, fingerprint: str, content: bytes, stored_size: int) -> None:
        """What a layer holds, instead of what other extractors found; the caller has verified its digest."""
        self._database.write(lambda to: layers.keep(to, digest, fingerprint, content, stored_size))

    def keep_judgements(self, database: str, judged: Sequence[PackageJudgement]) -> None:
        """What the advisory database of this identity says of these packages, instead of what another said."""
        self._database.write(lambda to: judgements.keep(to, database, judged))

    # What is remembered.

    def children(self, indexes: Iterable[Digest]) -> Mapping[Digest, tuple[Descriptor, ...]]:
        """What those of the indexes list that were read before."""
        wanted = tuple(indexes)
        return self._database.read(lambda to: listings.children(to, wanted))

    def remembered(self, digests: Iterable[Digest], fingerprint: str) -> set[Digest]:
        """Those of the images whose inventory is kept, and was made by these extractors."""
        wanted = tuple(digests)
        return self._database.read(lambda to: images.remembered(to, wanted, fingerprint))

    def platforms(self, digests: Iterable[Digest]) -> Mapping[Digest, Platform]:
        """What images are for whose inventory is kept, as far as their configurations say it."""
        wanted = tuple(digests)
        return self._database.read(lambda to: images.platforms(to, wanted))

    def inventory(self, digest: Digest) -> Inventory | None:
        """An image's inventory, equal to the one that was kept."""
        return self._database.read(lambda to: images.inventory(to, digest))

    def layer(self, digest: Digest, fingerprint: str) -> bytes | None:
        """What was kept of a layer, if these extractors made it."""
        return self._database.read(lambda to: layers.content(to, digest, fingerprint))

    def packages_to_judge(self, database: str, run: int, limit: int) -> Sequence[tuple[int, Package]]:
        """Distinct packages of the images that the run scanned, which this advisory database has not judged yet."""
        return self._database.read(lambda to: judgements.to_judge(to, database, run, limit))

    # What a run saw.

    def run(self, run: int) -> RunRow:
        """The run of this number."""
        return self._database.read(lambda to: runs.row(to, run))

    def coverage(self, run: int) -> Sequence[AccountCoverage]:
        """How much of each account the run looked at, by account and region."""
        return self._database.read(lambda to: coverage.coverage(to, run))

    def manifests(self, run: int) -> Iterator[ManifestRow]:
        """All manifests that the run saw."""
        return self._paged(surveys.Manifests(run).page)

    def contents(self, run: int) -> Iterator[ImageContents]:
        """What the images hold that the run scanned, each image once."""
        return self._paged(surveys.Contents(run).page)

    def judgements(self, run: int, database: str) -> Iterator[Judged]:
        """The packages of the run's images in which this advisory database found something, or could not tell."""

        def page(connection: Connection, after: int) -> tuple[Sequence[Judged], int]:
            found = judgements.judged(connection, run, database, after, _JUDGED_A_PAGE)
            return found, found[-1].package if found else after

        return self._paged(page)

    def moved(self, run: int) -> Sequence[MovedTag]:
        """Tags that name another manifest than before the run, and before those that it took up unfinished."""
        return self._database.read(lambda to: surveys.moved(to, run))

    def _paged(self, page: Callable[[Connection, int], tuple[Sequence[_T], int]]) -> Iterator[_T]:
        """The rows of all pages. Each is a reading of its own: between them a caller holds nothing open."""
        after = 0
        while True:
            found, after = self._database.read(lambda to, after=after: page(to, after))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            if not found:
                return
            yield from found

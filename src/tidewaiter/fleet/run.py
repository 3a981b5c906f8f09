"""A run over a fleet: every manifest of every repository ends scanned, skipped or failed, in the store.

Threads list accounts, registries and repositories; worker processes look through images; the caller's thread keeps what
they find. A run that was killed is started again: it lists again, and looks only at what the store does not hold.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Protocol

from tidewaiter.aws.gaps import gap_of
from tidewaiter.aws.registries import Found, Place, RegistryApi
from tidewaiter.errors import CloudError, StoreError
from tidewaiter.fleet.documents import Documents, documents
from tidewaiter.fleet.filters import Wishes
from tidewaiter.fleet.lanes import Lanes
from tidewaiter.fleet.listing import REGISTRIES_AT_ONCE, REPOSITORIES_AT_ONCE, listing, names, repository_left_out
from tidewaiter.fleet.looker import Looker
from tidewaiter.fleet.looks import Images, Looks
from tidewaiter.fleet.repository import RepositoryRun, Voyage
from tidewaiter.fleet.watcher import Unwatched, Watcher
from tidewaiter.image.limits import Limits
from tidewaiter.inventory.catalog import FINGERPRINT
from tidewaiter.model.cloud import Lost, Passed, Registry, Repository
from tidewaiter.model.fleet import AccountCoverage
from tidewaiter.model.gap import Gap, Why
from tidewaiter.scan.failures import failure
from tidewaiter.scan.shelf import LayerShelf
from tidewaiter.store.store import Store

_ON_PURPOSE = frozenset({Why.FILTERED, Why.INACTIVE})
_UNDER_WAY = 8
"""Images under way for each worker: their layers are shared out among the workers, and some wait for a network."""


class Lookers(Protocol):
    """What makes who looks through images; `Looker` is one."""

    def __call__(
        self,
        *,
        workers: int,
        limits: Limits,
        apis: Callable[[Registry], RegistryApi],
        shelf: LayerShelf,
        watcher: Watcher,
    ) -> AbstractContextManager[Looks]:
        """Who looks through images while the context is open."""
        ...


def run(
    found: Iterable[Found],
    *,
    store: Store,
    wishes: Wishes,
    command: str,
    scope: str,
    watcher: Watcher | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    lookers: Lookers = Looker,
    documents: Documents = documents,
    fingerprint: str = FINGERPRINT,
) -> int:
    """Looks through all images of these registries that are wanted: the number of the run in the store.

    What refuses or fails is a gap, or the end of a manifest, and the rest goes on. Nobody else may run on the store
    meanwhile. Raises StoreError, and what `found` raises; then the run is not finished, and the next one of the same
    `scope` takes it up. Whoever looks elsewhere says so by `lookers` and `documents`, and by the `fingerprint` of his
    extractors.
    """
    watcher = watcher or Unwatched()
    with store.lock():
        began = now()
        number = store.begin(command=command, scope=scope, now=began)
        apis: dict[Registry, RegistryApi] = {}
        lanes = Lanes()
        looker = lookers(
            workers=wishes.workers, limits=wishes.limits, apis=apis.__getitem__, shelf=store, watcher=watcher
        )
        most = wishes.workers * _UNDER_WAY
        with looker as looks:
            images = Images(store, looks, wishes.limits, lanes, most=most, fingerprint=fingerprint)
            voyage = Voyage(
                run=number,
                started=began,
                store=store,
                images=images,
                wishes=wishes,
                watcher=watcher,
                documents=documents,
            )
            fleet = _Fleet(voyage, lanes, apis)
            try:
                lanes.begin(lambda: fleet.enter_all(found))
                images.keep()
            finally:
                lanes.stop()
        if nothing := _nothing(store.coverage(number)):
            watcher.note(nothing)
        counts = images.counts
        store.finish(
            number,
            now=now(),
            layers_read=counts.layers_read,
            bytes_pulled=counts.bytes_pulled,
            looked=counts.looked,
            known=len(voyage.known),
        )
    return number


def _nothing(accounts: Sequence[AccountCoverage]) -> str:
    """What to say of a run that looked at nothing though nothing refused, which no wish may have been; "" otherwise."""
    registries = [registry for account in accounts for registry in account.registries]
    gaps = [gap for account in accounts for gap in account.gaps]
    gaps += [gap for registry in registries for gap in registry.gaps]
    if any(registry.scanned or registry.failed or registry.pending for registry in registries):
        return ""
    if any(gap.why not in _ON_PURPOSE for gap in gaps):
        return ""
    if not registries:
        return "no registry was found: nothing was looked at. Check the filters of accounts and regions."
    if any(gap.chosen for gap in gaps) or any(
        why is Why.FILTERED for registry in registries for why, _ in registry.skipped
    ):
        return "the filters leave nothing to look at. Check how repositories and tags are spelled."
    if not any(registry.manifests for registry in registries):
        where = ", ".join(sorted({each.registry.region or each.registry.host for each in registries}))
        return f"no manifest was found in any registry ({where}): nothing was looked at. Check account and region."
    return ""


class _Fleet:
    """The places of a run, many entered at the same time."""

    def __init__(self, voyage: Voyage, lanes: Lanes, apis: dict[Registry, RegistryApi]) -> None:
        self._voyage = voyage
        self._lanes = lanes
        self._apis = apis

    def enter_all(self, found: Iterable[Found]) -> None:
        """Everything that discovery comes upon; then nothing more will be wanted."""
        self._lanes.each(found, self._enter, threads=REGISTRIES_AT_ONCE)
        self._voyage.images.close()

    def _enter(self, found: Found) -> None:
        store, watcher = self._voyage.store, self._voyage.watcher
        match found:
            case Lost():
                store.saw_account(self._voyage.run, found.account, [found.gap])
                watcher.note(found.gap.detail if found.region else f"{found.gap.subject}: {found.gap.detail}")
            case Passed():
                store.saw_account(self._voyage.run, found.account, [found.gap])
            case Place():
                store.saw_account(self._voyage.run, found.account)
                self._read(found)

    def _read(self, place: Place) -> None:
        """All repositories of a registry."""
        voyage, registry = self._voyage, place.api.registry
        if self._apis.setdefault(registry, place.api) is not place.api:
            return  # it was entered before, as another identity
        number = voyage.store.saw_registry(voyage.run, place.account.id, registry)
        voyage.watcher.count("registries", found=1)

        def refused(error: CloudError) -> None:
            gap = gap_of(error, registry.host)
            voyage.store.saw_registry(voyage.run, place.account.id, registry, [gap])
            voyage.watcher.note(gap.detail)

        self._lanes.each(
            names(place.api, refused),
            lambda name: self._go_over(place.api, number, name),
            threads=REPOSITORIES_AT_ONCE,
        )
        voyage.watcher.count("registries", done=1)

    def _go_over(self, api: RegistryApi, registry: int, name: str) -> None:
        repository = Repository(registry=api.registry, name=name)
        self._voyage.watcher.count("repositories", found=1)
        try:
            gap = repository_left_out(repository, self._voyage.wishes.filters)
            if gap is None:
                self._work(api, registry, repository)
            else:
                self._note(registry, repository, gap)
        except Exception as error:
            if self._lanes.stopped or isinstance(error, StoreError):
                raise
            self._note(registry, repository, failure(error, str(repository)))
        self._voyage.watcher.count("repositories", done=1)

    def _work(self, api: RegistryApi, registry: int, repository: Repository) -> None:
        found = listing(api, repository)
        if not found.gone:
            number = self._voyage.store.saw_repository(self._voyage.run, registry, repository.name)
            RepositoryRun(self._voyage, api, repository, number=number).work(found)

    def _note(self, registry: int, repository: Repository, gap: Gap) -> None:
        """A repository that is not gone over, or not to its end."""
        number = self._voyage.store.saw_repository(self._voyage.run, registry, repository.name)
        self._voyage.store.repository_gap(self._voyage.run, number, gap)
        if not gap.chosen:
            self._voyage.watcher.note(f"{gap.subject}: {gap.detail}")

"""What a run would look at, by the listings alone: nothing is pulled, and nothing is remembered."""

import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tidewaiter.aws.gaps import gap_of
from tidewaiter.aws.registries import Found, Place
from tidewaiter.errors import CloudError
from tidewaiter.fleet.filters import Filters
from tidewaiter.fleet.forecast import foreseen
from tidewaiter.fleet.lanes import Lanes
from tidewaiter.fleet.listing import (
    REGISTRIES_AT_ONCE,
    REPOSITORIES_AT_ONCE,
    Listing,
    listing,
    names,
    repository_left_out,
)
from tidewaiter.fleet.watcher import Unwatched, Watcher
from tidewaiter.model.cloud import Account, ImageDetail, Lost, Passed, Registry, Repository
from tidewaiter.model.fleet import AccountCoverage, FleetImage, Outcome, RegistryCoverage, State
from tidewaiter.model.gap import Gap, Why

_AHEAD = 64  # repositories that are listed and not yet taken
_POLL = 0.5  # seconds between looks whether the survey was given up


@dataclass(slots=True)
class _Tally:
    """What is counted of a registry while it is listed."""

    registry: Registry
    repositories: int = 0
    states: Counter[State] = field(default_factory=Counter)
    skipped: Counter[Why] = field(default_factory=Counter)
    failed: Counter[Why] = field(default_factory=Counter)
    gaps: list[Gap] = field(default_factory=list)

    def add(self, images: Sequence[FleetImage], gap: Gap | None) -> None:
        """One more repository."""
        self.repositories += 1
        self.gaps += [gap] if gap else []
        self.states.update(image.outcome.state for image in images)
        for state, reasons in ((State.SKIPPED, self.skipped), (State.FAILED, self.failed)):
            ends = (image.outcome for image in images if image.outcome.state is state)
            reasons.update(end.why for end in ends if end.why)

    def coverage(self) -> RegistryCoverage:
        """The count as a report has it."""
        return RegistryCoverage(
            registry=self.registry,
            repositories=self.repositories,
            manifests=self.states.total(),
            pending=self.states[State.PENDING],
            skipped=_ranked(self.skipped),
            failed=_ranked(self.failed),
            gaps=tuple(sorted(self.gaps)),
        )


def _ranked(reasons: Counter[Why]) -> tuple[tuple[Why, int], ...]:
    """The most frequent first, in the order of their names where there are as many: not in which they came."""
    return tuple(sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0])))


class Survey:
    """The manifests of a fleet, to be iterated once as they are listed; after that `accounts` tells what was covered.

    A manifest that is PENDING would be looked at. What only its document can tell is not known: an untagged image may
    belong to an index, and an artifact of unknown type may be an image.
    """

    def __init__(self, found: Iterable[Found], filters: Filters, watcher: Watcher, now: Callable[[], datetime]) -> None:
        self._found = found
        self._filters = filters
        self._watcher = watcher
        self._now = now()
        self._lanes = Lanes()
        self._counting = threading.Lock()
        self._listed: queue.Queue[Sequence[FleetImage] | None] = queue.Queue(_AHEAD)
        self._accounts: dict[str, tuple[Account, list[_Tally], list[Gap]]] = {}

    @property
    def accounts(self) -> tuple[AccountCoverage, ...]:
        """The accounts by number, each with its registries by region, as far as they are listed."""
        return tuple(
            AccountCoverage(
                account=account,
                registries=tuple(sorted((each.coverage() for each in tallies), key=lambda each: each.registry)),
                gaps=tuple(sorted(gaps)),
            )
            for _, (account, tallies, gaps) in sorted(self._accounts.items())
        )

    def __iter__(self) -> Iterator[FleetImage]:
        """All manifests. Raises what `found` raises."""
        self._lanes.begin(self._list_all)
        try:
            while (images := self._taken()) is not None:
                yield from images
        finally:
            self._lanes.stop()

    def _taken(self) -> Sequence[FleetImage] | None:
        while True:
            try:
                return self._listed.get(timeout=_POLL)
            except queue.Empty:
                self._lanes.check()

    def _list_all(self) -> None:
        self._lanes.each(self._found, self._enter, threads=REGISTRIES_AT_ONCE)
        self._give(None)

    def _give(self, images: Sequence[FleetImage] | None) -> None:
        while True:
            self._lanes.check()
            try:
                return self._listed.put(images, timeout=_POLL)
            except queue.Full:
                continue

    def _enter(self, found: Found) -> None:
        _, tallies, gaps = self._accounts.setdefault(found.account.id, (found.account, [], []))
        match found:
            case Lost() | Passed():
                gaps.append(found.gap)
            case Place():
                tally = _Tally(found.api.registry)
                tallies.append(tally)
                self._list(found, tally)

    def _list(self, place: Place, tally: _Tally) -> None:
        self._watcher.count("registries", found=1)

        def refused(error: CloudError) -> None:
            tally.gaps.append(gap_of(error, tally.registry.host))

        repositories = names(place.api, refused)
        self._lanes.each(repositories, lambda name: self._read(place, name, tally), threads=REPOSITORIES_AT_ONCE)
        self._watcher.count("registries", done=1)

    def _read(self, place: Place, name: str, tally: _Tally) -> None:
        repository = Repository(registry=place.api.registry, name=name)
        self._watcher.count("repositories", found=1)
        left_out = repository_left_out(repository, self._filters)
        found = Listing(gap=left_out) if left_out else listing(place.api, repository)
        images = tuple(self._images(repository, found.details))
        with self._counting:
            tally.add(images, found.gap)
        self._watcher.count("manifests", found=len(images))
        self._give(images)
        self._watcher.count("repositories", done=1)

    def _images(self, repository: Repository, details: Sequence[ImageDetail]) -> Iterator[FleetImage]:
        for detail, verdict in foreseen(details, self._filters, self._now):
            yield FleetImage(
                registry=repository.registry,
                repository=repository.name,
                digest=detail.digest,
                tags=detail.tags,
                kind=verdict.kind,
                outcome=verdict.outcome or Outcome(state=State.PENDING),
                pushed=detail.pushed,
                pulled=detail.pulled,
                size=detail.size,
            )


def survey(
    found: Iterable[Found],
    filters: Filters,
    watcher: Watcher | None = None,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Survey:
    """What would be scanned of these registries, and what would be skipped and why. Pulls nothing."""
    return Survey(found, filters, watcher or Unwatched(), now)

"""How the manifests of one repository end, written to the store as they do."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tidewaiter.fleet.plan import Entry, end_of_index
from tidewaiter.fleet.watcher import Watcher
from tidewaiter.model.fleet import Kind, Outcome, State
from tidewaiter.model.image import Digest, Platform
from tidewaiter.store.records import Settled
from tidewaiter.store.store import Store

_AT_ONCE = 1000
_TOGETHER = 100  # images that arrive one by one
_PENDING = Outcome(state=State.PENDING)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a manifest of a plan ended. `kind` and `platform` are what was read, where the plan did not know it."""

    entry: Entry
    outcome: Outcome
    kind: Kind = Kind.UNKNOWN
    platform: Platform | None = None

    def settled(self) -> Settled:
        """As the store keeps it."""
        return Settled(
            digest=self.entry.digest,
            kind=self.entry.kind if self.kind is Kind.UNKNOWN else self.kind,
            outcome=self.outcome,
            platform=self.entry.platform or self.platform,
            image=self.entry.digest if self._is_scanned_image() else None,
            indexes=self.entry.indexes,
            tags=self.entry.tags,
        )

    def _is_scanned_image(self) -> bool:
        return self.entry.kind is not Kind.INDEX and self.outcome.state is State.SCANNED


class Ledger:
    """The ends of a repository's manifests. Indexes end when the last image of the repository has.

    Written by the thread that reads the repository and by the one that keeps images. `close` is called once, by the
    first of these.
    """

    def __init__(self, store: Store, watcher: Watcher, *, run: int, repository: int) -> None:
        self._store = store
        self._watcher = watcher
        self._run = run
        self._repository = repository
        self._lock = threading.Lock()
        self._ends: dict[Digest, Outcome] = {}
        self._arrived: list[Ended] = []
        self._awaited = 1  # `close`
        self._indexes: Mapping[Digest, tuple[Entry, Sequence[Digest]]] = {}

    def await_one(self) -> None:
        """One more image is under way; `arrive` tells its end."""
        with self._lock:
            self._awaited += 1

    def arrive(self, ended: Ended) -> None:
        """An image that was under way has ended. It is written with others: what it holds is kept already."""
        self.note(ended.entry.digest, ended.outcome)
        with self._lock:
            self._arrived.append(ended)
        self._release()

    def write(self, ends: Sequence[Ended]) -> None:
        """These have ended, and are in the repository."""
        for at in range(0, len(ends), _AT_ONCE):
            self._store.settle(self._run, self._repository, [each.settled() for each in ends[at : at + _AT_ONCE]])
        for each in ends:
            self.note(each.entry.digest, each.outcome)
        self._watcher.count("manifests", done=sum(each.entry.listed for each in ends))

    def note(self, digest: Digest, outcome: Outcome) -> None:
        """So ended what only an index names, and what no listing tells of."""
        self._ends[digest] = outcome

    def close(self, indexes: Mapping[Digest, tuple[Entry, Sequence[Digest]]]) -> None:
        """All that is still to come is under way. `indexes` end as the manifests do that each of them lists."""
        self._indexes = indexes
        self._release()

    def _release(self) -> None:
        with self._lock:
            self._awaited -= 1
            last = self._awaited == 0
            together = self._arrived if last or len(self._arrived) >= _TOGETHER else []
            if together:
                self._arrived = []
        self.write(together)
        if last:
            listed = [entry for entry, _ in self._indexes.values() if entry.listed]
            self.write([Ended(entry, self._end(entry.digest)) for entry in listed])

    def _end(self, digest: Digest) -> Outcome:
        """How a manifest ended; an index, once all that it lists has."""
        if digest not in self._ends:
            _, children = self._indexes.get(digest, (None, ()))
            known = digest in self._indexes
            self._ends[digest] = end_of_index([self._cause(each) for each in children]) if known else _PENDING
        return self._ends[digest]

    def _cause(self, digest: Digest) -> tuple[Digest, Outcome]:
        """How a manifest ended; an index that failed, as what failed in it: sentences would grow with the depth."""
        outcome = self._end(digest)
        if outcome.state is State.FAILED and digest in self._indexes:
            _, children = self._indexes[digest]
            ends = (self._cause(each) for each in children)
            return next((each for each in ends if each[1].state is State.FAILED), (digest, outcome))
        return digest, outcome

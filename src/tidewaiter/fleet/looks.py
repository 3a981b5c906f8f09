"""The images that a run looks through: each once at a time, wherever it stands, and what was found is kept."""

import hashlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

import msgspec

from tidewaiter.fleet.lanes import Lanes
from tidewaiter.fleet.looker import Looked, PulledImage
from tidewaiter.image.limits import Limits
from tidewaiter.model.fleet import Outcome, State
from tidewaiter.model.gap import Why
from tidewaiter.model.image import Digest, Platform
from tidewaiter.model.package import Inventory
from tidewaiter.store.store import Store

_POLL = 0.5  # seconds between looks whether the run was stopped
_OF_THE_CONTENT = (Why.LIMIT, Why.UNSUPPORTED)
"""Failures that the same image has wherever it is pulled from."""

_NO_FAILURE = (Why.NOT_AN_IMAGE, Why.ARCHIVED, Why.FILTERED)
"""What a worker may come upon that makes a run no less complete."""


class Looks(Protocol):
    """Who looks through images; `fleet.looker.Looker` is one."""

    def look(self, image: PulledImage) -> Future[Looked]:
        """Begin to look through an image; never blocks."""
        ...


@dataclass(frozen=True, slots=True)
class End:
    """How looking through an image ended; the platform is its configuration's, where that was read."""

    outcome: Outcome
    platform: Platform | None = None


Told = Callable[[End], None]
"""Who waits for an image is told its end once, in the thread of `Images.keep` or his own."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    image: PulledImage
    told: Told


@dataclass(slots=True)
class Counts:
    """What a run has done so far."""

    layers_read: int = 0
    bytes_pulled: int = 0
    looked: int = 0


class Images:
    """Images under way: at most so many at a time. One that stands in several places is looked through for all.

    Where one place fails to give it, the next is tried. `fingerprint` names the extractors of who looks. What the store
    has of an image that met a ceiling counts for the same ceilings only.
    """

    def __init__(
        self, store: Store, looks: Looks, limits: Limits, lanes: Lanes, *, most: int, fingerprint: str
    ) -> None:
        self.counts = Counts()
        self._store = store
        self._looks = looks
        self._lanes = lanes
        self._fingerprint = fingerprint
        self._within = f"{fingerprint} within {hashlib.sha256(msgspec.json.encode(limits)).hexdigest()[:16]}"
        self._room = threading.BoundedSemaphore(most)
        self._lock = threading.Lock()
        self._waiting: dict[Digest, deque[_Waiting]] = {}
        self._ended: dict[Digest, End] = {}
        self._arrived: queue.SimpleQueue[tuple[PulledImage, Future[Looked]] | None] = queue.SimpleQueue()

    def remembered(self, digests: Sequence[Digest]) -> Mapping[Digest, Platform | None]:
        """Those that need no looking, for the store knows them, and which platform they are for."""
        known = self._store.remembered(digests, self._fingerprint) | self._store.remembered(digests, self._within)
        platforms = self._store.platforms(known)
        return {digest: platforms.get(digest) for digest in digests if digest in known}

    def looked_at(self, digest: Digest) -> bool:
        """Whether the image was looked through in this run."""
        return digest in self._ended

    def want(self, image: PulledImage, told: Told) -> None:
        """Look through an image, if nobody does or did. Waits while too many are under way."""
        waiting = _Waiting(image, told)
        with self._lock:
            end = self._ended.get(image.digest)
            others = self._waiting.get(image.digest)
            if end is None and others is not None:
                others.append(waiting)
            elif end is None:
                self._waiting[image.digest] = deque((waiting,))
        if end is not None:
            told(end)
        elif others is None:
            while not self._room.acquire(timeout=_POLL):
                self._lanes.check()
            self._look(image)

    def keep(self) -> None:
        """Keep what was found, and tell it, until `close` was called and nothing is under way. Raises StoreError."""
        closed = False
        while not closed or self._waiting:
            self._lanes.check()
            try:
                arrived = self._arrived.get(timeout=_POLL)
            except queue.Empty:
                continue
            if arrived is None:
                closed = True
            else:
                self._keep(arrived[0], arrived[1].result())

    def close(self) -> None:
        """Nothing more will be wanted."""
        self._arrived.put(None)

    def _look(self, image: PulledImage) -> None:
        future = self._looks.look(image)
        future.add_done_callback(lambda done: self._arrived.put((image, done)))

    def _keep(self, image: PulledImage, looked: Looked) -> None:
        self.counts.layers_read += looked.layers_read
        self.counts.bytes_pulled += looked.bytes_pulled
        if looked.inventory is not None:
            self._store.keep_image(looked.inventory, fingerprint=self._extractors(looked.inventory))
        end = _end(looked)
        for waiting in self._over(image.digest, end):
            waiting.told(end)
        looked.kept()

    def _over(self, digest: Digest, end: End) -> Sequence[_Waiting]:
        """Who is told this end: after a failure that another place may not have, only who pulled from there."""
        shared = end.outcome.state is State.SCANNED or end.outcome.why in _OF_THE_CONTENT
        with self._lock:
            waiting = self._waiting[digest]
            others = not shared and len(waiting) > 1
            over = [waiting.popleft()] if others else list(self._waiting.pop(digest))
            if shared:
                self._ended[digest] = end
        if others:
            self._look(waiting[0].image)
        else:
            self.counts.looked += 1
            self._room.release()
        return over

    def _extractors(self, inventory: Inventory) -> str:
        return self._within if any(gap.why is Why.LIMIT for gap in inventory.gaps) else self._fingerprint


def _end(looked: Looked) -> End:
    if looked.inventory is not None:
        return End(Outcome(state=State.SCANNED), looked.inventory.image.platform)
    if looked.failure is None:
        return End(Outcome(state=State.FAILED, why=Why.UNREACHABLE, detail="Nobody said how looking through it ended."))
    why = looked.failure.why
    state = State.SKIPPED if why in _NO_FAILURE else State.FAILED
    return End(Outcome(state=state, why=why, detail=looked.failure.detail))

"""Looking through images where they are: agents do it, and what they found is collected at the server."""

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Self

from tidewaiter.aws.registries import RegistryApi
from tidewaiter.broker.platform.collection import Collection, Pace
from tidewaiter.broker.platform.expedition import Expedition
from tidewaiter.broker.platform.jobs import Jobs
from tidewaiter.broker.platform.registry import RelayedRegistry
from tidewaiter.fleet.looker import Looked, PulledImage
from tidewaiter.fleet.watcher import Watcher
from tidewaiter.image.limits import Limits
from tidewaiter.model.cloud import Registry
from tidewaiter.scan.shelf import LayerShelf


class RelayedLookers:
    """Makes who has images looked through by the agents of an expedition: a `fleet.run.Lookers`.

    `owner` tells apart for whom it is done: whoever keeps the results elsewhere is another.
    """

    def __init__(self, expedition: Expedition, *, owner: str, pace: Pace | None = None) -> None:
        self._expedition = expedition
        self._pace = pace or Pace()
        self._owner = hashlib.sha256(owner.encode(errors="surrogateescape")).hexdigest()[:16]

    def __call__(
        self,
        *,
        workers: int,  # noqa: ARG002 - the agents have theirs
        limits: Limits,  # noqa: ARG002 - and these
        apis: Callable[[Registry], RegistryApi],
        shelf: LayerShelf,  # noqa: ARG002 - and that
        watcher: Watcher,
    ) -> "RelayedLooker":
        """Who has images looked through while the context is open."""
        return RelayedLooker(self._expedition, self._owner, apis, watcher, self._pace)


class RelayedLooker:
    """Has images looked through by agents: `fleet.looks.Looks`, and a context manager.

    What an agent still does when the context is left goes on there: the next run of the same owner takes it up.
    """

    def __init__(
        self,
        expedition: Expedition,
        owner: str,
        apis: Callable[[Registry], RegistryApi],
        watcher: Watcher,
        pace: Pace,
    ) -> None:
        self._expedition = expedition
        self._owner = owner
        self._apis = apis
        self._watcher = watcher
        self._pace = pace
        self._lock = threading.Lock()
        self._collections: dict[str, Collection] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self._collections.values():
            each.close(complete=error is None)

    def look(self, image: PulledImage) -> "Future[Looked]":
        """Have the agent look through an image; never blocks."""
        api = self._apis(image.repository.registry)
        assert isinstance(api, RelayedRegistry)
        return self._collection(api).look(image)

    def _collection(self, api: RelayedRegistry) -> Collection:
        with self._lock:
            if api.connection not in self._collections:
                self._collections[api.connection] = Collection(
                    api.connection,
                    api.api,
                    Jobs(api.connection, self._owner, self._expedition.fingerprint),
                    agent=api.reach,
                    server=self._expedition.reach(api.connection, "broker server"),
                    bearing=self._expedition.bearing,
                    watcher=self._watcher,
                    pace=self._pace,
                    fingerprints=self._expedition.fingerprints,
                )
            return self._collections[api.connection]

"""The layers of a fleet: on the shelf, in use, or being read, and then once for all that want them."""

import threading
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from tidewaiter.fleet.desk import Desk
from tidewaiter.fleet.messages import KeptLayer, ReadLayer, Refused, Result
from tidewaiter.fleet.origins import Origins
from tidewaiter.fleet.pool import Pool
from tidewaiter.fleet.recent import Recent
from tidewaiter.fleet.watcher import Watcher
from tidewaiter.inventory.catalog import FINGERPRINT
from tidewaiter.model.cloud import Repository
from tidewaiter.model.gap import Gap
from tidewaiter.model.image import Descriptor, Digest, Layer
from tidewaiter.scan.failures import failure
from tidewaiter.scan.shelf import LayerShelf

_RECENT_BYTES = 64 << 20


class Taker(Protocol):
    """Who wants layers: an image. Called from any thread."""

    @property
    def repository(self) -> Repository:
        """Where its layers can be read."""
        ...

    def arrived(self, digest: Digest, content: bytes) -> None:
        """The layer is here, encoded."""
        ...

    def failed(self, gap: Gap) -> None:
        """A layer cannot be had."""
        ...

    def cancelled(self) -> None:
        """Nothing will come any more: the processes have ended."""
        ...

    def pulled(self, size: int) -> None:
        """So many more stored bytes were read on its behalf."""
        ...

    def layer_read(self) -> None:
        """A layer was read on its behalf."""
        ...


@dataclass(slots=True)
class _Order:
    """A layer that is being read, for the first of the takers from their repository. All were promised one size.

    `future` is there as soon as a worker has been asked for it.
    """

    descriptor: Descriptor
    takers: list[Taker]
    future: Future[Result] | None = None

    @property
    def name(self) -> tuple[Digest, int]:
        """What tells it from other orders."""
        return self.descriptor.digest, self.descriptor.size


class LayerStock:
    """Gives layers to all that want them. One that is not known is read by a worker, and put on the shelf."""

    def __init__(self, shelf: LayerShelf, *, pool: Pool, origins: Origins, desk: Desk, watcher: Watcher) -> None:
        self._shelf = shelf
        self._pool = pool
        self._origins = origins
        self._desk = desk
        self._watcher = watcher
        self._lock = threading.Lock()
        self._recent = Recent(_RECENT_BYTES)
        self._orders: dict[tuple[Digest, int], _Order] = {}
        self._shelved: set[Digest] = set()

    def want(self, descriptor: Descriptor, taker: Taker) -> None:
        """Give the taker the layer: now, or when it is read."""
        content = self._here(descriptor.digest)
        while content is None:
            if self._awaits(descriptor, taker):
                return
            content = self._here(descriptor.digest)
        taker.arrived(descriptor.digest, content)

    def leave(self, taker: Taker) -> None:
        """Give the taker nothing more. What nobody waits for any more is not begun to be read."""
        with self._lock:
            for order in [each for each in self._orders.values() if taker in each.takers]:
                order.takers.remove(taker)
                if not order.takers and order.future is not None and self._pool.withdraw(order.future):
                    del self._orders[order.name]

    def keep(self, layer: KeptLayer) -> None:
        """Put a layer that was read at hand, and on the shelf if it is the same for every image."""
        if layer.lasting:
            self._shelf.keep_layer(layer.digest, FINGERPRINT, layer.content, layer.stored)
        with self._lock:
            self._recent.put(layer.digest, layer.content)
            if layer.lasting:
                self._shelved.add(layer.digest)

    def _here(self, digest: Digest) -> bytes | None:
        with self._lock:
            content = self._recent.get(digest)
        if content is None:
            content = self._shelf.layer(digest, FINGERPRINT)
        if content is not None:
            with self._lock:
                self._recent.put(digest, content)
        return content

    def _awaits(self, descriptor: Descriptor, taker: Taker) -> bool:
        """Have the taker wait for the layer. False if it came after one had looked for it: then it is here."""
        digest = descriptor.digest
        with self._lock:
            order = self._orders.get((digest, descriptor.size))
            if order is not None:
                order.takers.append(taker)
                return True
            if digest in self._shelved:
                self._shelved.remove(digest)  # should the shelf have lost it, the layer is read
                return False
            order = self._orders[digest, descriptor.size] = _Order(descriptor, [taker])
        self._watcher.count("layers", found=1)
        self._desk.do(partial(self._read, order))
        return True

    def _read(self, order: _Order) -> None:
        """Have the layer read from the repository of the first of those that wait for it."""
        with self._lock:
            if not order.takers:
                self._close(order)
                return
            taker = order.takers[0]
        descriptor, repository = order.descriptor, taker.repository
        try:
            download = self._origins.download(repository, descriptor.digest)
        except Exception as error:  # noqa: BLE001 - the edge of the stage: it may be another's fault, or none
            self._refused(order, taker, failure(error, f"{repository}@{descriptor.digest}"))
            return
        layer = Layer(index=0, digest=descriptor.digest, media_type=descriptor.media_type, size=descriptor.size)
        task = ReadLayer(repository=str(repository), layer=layer, download=download)
        order.future = future = self._pool.submit(task, asked=self._origins.asked(repository), pulled=taker.pulled)
        future.add_done_callback(lambda done: self._desk.do(partial(self._ended, order, taker, done)))

    def _ended(self, order: _Order, taker: Taker, future: Future[Result]) -> None:
        try:
            match result := future.result():
                case KeptLayer():
                    self.keep(result)
                    self._arrived(order, taker, result)
                case Refused(gap):
                    self._refused(order, taker, gap)
        except CancelledError:
            for each in self._closed(order):
                each.cancelled()
        except Exception as error:  # noqa: BLE001 - a dead worker, a full disk: none can have the layer
            self._lost(order, failure(error, f"{taker.repository}@{order.descriptor.digest}"))

    def _arrived(self, order: _Order, taker: Taker, layer: KeptLayer) -> None:
        taker.layer_read()
        for each in self._closed(order):
            each.arrived(layer.digest, layer.content)

    def _refused(self, order: _Order, taker: Taker, gap: Gap) -> None:
        """All that want the layer from this repository cannot have it; another may give it."""
        with self._lock:
            refused = [each for each in order.takers if each.repository == taker.repository]
            order.takers = [each for each in order.takers if each.repository != taker.repository]
        for each in refused:
            each.failed(gap)
        self._read(order)

    def _lost(self, order: _Order, gap: Gap) -> None:
        for each in self._closed(order):
            each.failed(gap)

    def _closed(self, order: _Order) -> list[Taker]:
        """Nobody can wait for the layer any more; those who did."""
        with self._lock:
            self._close(order)
            return order.takers

    def _close(self, order: _Order) -> None:
        """The caller holds the lock. Another order of the layer may have come after this one was withdrawn."""
        if self._orders.get(order.name) is order:
            del self._orders[order.name]
        self._watcher.count("layers", done=1)

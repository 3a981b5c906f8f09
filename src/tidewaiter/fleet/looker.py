"""Looking through the images of a fleet in worker processes: each distinct layer is read once, whoever needs it."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from tidewaiter.aws.registries import RegistryApi
from tidewaiter.fleet.watcher import Watcher
from tidewaiter.image.limits import Limits
from tidewaiter.model.cloud import Registry, Repository
from tidewaiter.model.gap import Gap
from tidewaiter.model.image import Digest, Platform
from tidewaiter.model.package import Inventory


class LayerShelf(Protocol):
    """Where layers are kept that were read once. Methods may be called from several threads."""

    def layer(self, digest: Digest, fingerprint: str) -> bytes | None:
        """The layer as these extractors saw it, encoded; None where it is not kept."""
        ...

    def keep_layer(self, digest: Digest, fingerprint: str, content: bytes, stored_size: int) -> None:
        """Keep a layer that was verified and read whole; `stored_size` is that of its stored bytes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PulledImage:
    """An image whose manifest is here. `platform` is what its index says of it; `tags` are its names in the registry."""

    repository: Repository
    digest: Digest
    manifest: bytes
    media_type: str = ""
    platform: Platform | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What came of an image: its inventory, or why there is none.

    `layers_read` and `bytes_pulled` (stored bytes of layers) count what was read on behalf of this image: a layer that
    several images wait for counts for one of them.
    """

    inventory: Inventory | None = None
    failure: Gap | None = None
    layers_read: int = 0
    bytes_pulled: int = 0


class Looker:
    """Worker processes that look through images. A context manager: the processes end with it.

    `apis` gives who can be asked about a registry's blobs; `shelf` has the layers that were read before. An image that
    fails is a `Looked` with the failure, never an exception of its Future.
    """

    def __init__(
        self,
        *,
        workers: int,
        limits: Limits,
        apis: Callable[[Registry], RegistryApi],
        shelf: LayerShelf,
        watcher: Watcher,
    ) -> None:
        self._workers = workers
        self._limits = limits
        self._apis = apis
        self._shelf = shelf
        self._watcher = watcher

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        raise NotImplementedError

    def look(self, image: PulledImage) -> Future[Looked]:
        """Begin to look through an image; never blocks."""
        raise NotImplementedError

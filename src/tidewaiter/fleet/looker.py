"""Looking through the images of a fleet in worker processes: each distinct layer is read once, whoever needs it."""

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Self

from tidewaiter.aws.registries import RegistryApi
from tidewaiter.errors import MalformedError
from tidewaiter.fleet.desk import Desk
from tidewaiter.fleet.layer_stock import LayerStock
from tidewaiter.fleet.messages import FoldImage, ReadImage, Refused, Result
from tidewaiter.fleet.origins import Origins
from tidewaiter.fleet.pool import Pool
from tidewaiter.fleet.watcher import Watcher
from tidewaiter.image.assembly import check_layers, is_layer
from tidewaiter.image.limits import Limits
from tidewaiter.image.manifest import check_size, read_document
from tidewaiter.inventory.encoding import decode_inventory
from tidewaiter.model.cloud import Download, Registry, Repository
from tidewaiter.model.gap import Gap
from tidewaiter.model.image import Digest, Manifest
from tidewaiter.model.package import Inventory
from tidewaiter.scan.failures import failure
from tidewaiter.scan.shelf import LayerShelf

_THREADS = 16  # they wait for AWS and for the store

Progress = Callable[[int, int], None]
"""Told of the layers that were read on behalf of an image and of their stored bytes, from any thread; must be quick."""


def _nothing() -> None:
    """Nobody needs to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PulledImage:
    """An image whose manifest is here; `tags` are its names in the registry.

    What an index says of its platform is not told: the inventory holds wherever the image stands, and another index may
    say something else.
    """

    repository: Repository
    digest: Digest
    manifest: bytes
    media_type: str = ""
    tags: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        """`host/repository@digest`."""
        return f"{self.repository}@{self.digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What came of an image: its inventory, or why there is none.

    `layers_read` and `bytes_pulled` (stored bytes of layers) count what was read on behalf of this image: a layer that
    several images wait for counts for one of them. `kept` is called once the store has it; it must be quick.
    """

    inventory: Inventory | None = None
    failure: Gap | None = None
    layers_read: int = 0
    bytes_pulled: int = 0
    kept: Callable[[], None] = field(default=_nothing, compare=False, repr=False)


class Looker:
    """Worker processes that look through images. A context manager: the processes end with it.

    `apis` gives who can be asked about a registry's blobs; `shelf` has the layers that were read before. An image that
    fails is a `Looked` with the failure, never an exception of its Future; but what is not done at the end of the
    context is cancelled.
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
        self._limits = limits
        self._desk = Desk(_THREADS)
        self._pool = Pool(workers=workers, limits=limits)
        self._origins = Origins(apis, self._desk)
        self._watcher = watcher
        self._stock = LayerStock(shelf, pool=self._pool, origins=self._origins, desk=self._desk, watcher=watcher)
        self._lock = threading.Lock()
        self._open: set[Future[Looked]] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._desk.close()
        self._pool.close()
        with self._lock:
            left = list(self._open)
        for future in left:
            future.cancel()
        self._origins.close()

    def look(self, image: PulledImage, *, progress: Progress | None = None) -> Future[Looked]:
        """Begin to look through an image; never blocks. How many are under way is the caller's matter.

        Who cancels the future gives it up: layers that nobody else waits for, and that no process reads yet, are not
        read.
        """
        look = _Look(image, self._limits, self._stock, self._watcher, self._fold, progress)
        with self._lock:
            self._open.add(look.future)
        look.future.add_done_callback(partial(self._done, look))
        if not self._desk.do(look.begin):
            look.future.cancel()
        return look.future

    def forget(self, registry: Registry) -> None:
        """End the connections to a registry, and forget what it refused; it is entered anew when it is next needed."""
        self._origins.forget(registry)

    def _done(self, look: "_Look", future: Future[Looked]) -> None:
        with self._lock:
            self._open.discard(future)
        if future.cancelled():
            self._desk.do(partial(self._stock.leave, look))

    def _fold(self, look: "_Look") -> None:
        """Have a worker lay the image's layers over each other; they are all here."""
        self._desk.do(partial(look.guarded, partial(self._submit, look)))

    def _submit(self, look: "_Look") -> None:
        repository = look.repository
        task = look.task(self._origins.download(repository, look.config))
        asked = self._origins.asked(repository)
        future = self._pool.submit(task, asked=asked, pulled=look.pulled, urgent=True)
        future.add_done_callback(lambda done: self._desk.do(partial(look.guarded, partial(look.ended, done))))


class _Look:
    """One image on its way: it waits for its layers, then for the fold, and tells the outcome once."""

    def __init__(
        self,
        image: PulledImage,
        limits: Limits,
        stock: LayerStock,
        watcher: Watcher,
        fold: Callable[["_Look"], None],
        progress: Progress | None,
    ) -> None:
        self.future: Future[Looked] = Future()
        self.repository = image.repository
        self.config = image.digest
        self._image = image
        self._limits = limits
        self._stock = stock
        self._watcher = watcher
        self._fold = fold
        self._progress = progress
        self._lock = threading.Lock()
        self._missing: set[Digest] = set()
        self._layers: dict[Digest, bytes] = {}
        self._layers_read = 0
        self._bytes_pulled = 0

    def begin(self) -> None:
        """Ask for the layers."""
        self.guarded(self._ask)

    def guarded(self, step: Callable[[], None]) -> None:
        """Do a step; what goes wrong in it is the image's failure."""
        try:
            step()
        except Exception as error:  # noqa: BLE001 - the edge of the stages: no image may end the run
            self.failed(failure(error, self._image.reference))

    def _ask(self) -> None:
        manifest = _manifest(self._image)
        self.config = manifest.config.digest
        self._check(manifest)
        layers = {layer.digest: layer for layer in manifest.layers if is_layer(layer.media_type)}
        self._missing = set(layers)
        for descriptor in layers.values():
            self._stock.want(descriptor, self)
        if not layers:
            self._fold(self)

    def _check(self, manifest: Manifest) -> None:
        """Raises LimitError for what need not be pulled to be too much; a layer is to be hashed to its end."""
        where = self._image.reference
        check_layers(len(manifest.layers), self._limits, where)
        ceiling = self._limits.layer_bytes
        for layer in manifest.layers:
            check_size(layer.size, ceiling, limit="layer_bytes", where=f"{where}: layer {layer.digest}")

    def arrived(self, digest: Digest, content: bytes) -> None:
        """A layer is here; with the last one the image can be folded."""
        with self._lock:
            self._layers[digest] = content
            self._missing.discard(digest)
            complete = not self._missing
        if complete and not self.future.done():
            self._fold(self)

    def failed(self, gap: Gap) -> None:
        """The image cannot be looked through."""
        self._tell(Looked(failure=gap, layers_read=self._layers_read, bytes_pulled=self._bytes_pulled))

    def cancelled(self) -> None:
        """Nothing will come of the image any more."""
        self.future.cancel()

    def pulled(self, size: int) -> None:
        """So many more bytes were read on its behalf."""
        self._bytes_pulled += size
        self._watcher.pulled(size)
        self._tell_progress()

    def layer_read(self) -> None:
        """A layer was read on its behalf."""
        self._layers_read += 1
        self._tell_progress()

    def _tell_progress(self) -> None:
        if self._progress is not None:
            self._progress(self._layers_read, self._bytes_pulled)

    def task(self, config: Download) -> FoldImage:
        """What a worker needs to know of the image, and the layers."""
        image = self._image
        return FoldImage(
            repository=str(image.repository),
            digest=image.digest,
            manifest=image.manifest,
            media_type=image.media_type,
            tags=image.tags,
            config=config,
            layers=tuple(self._layers.items()),
        )

    def ended(self, future: Future[Result]) -> None:
        """The worker is done with the image, or its process was ended."""
        self._layers = {}
        try:
            result = future.result()
        except CancelledError:
            self.cancelled()
            return
        match result:
            case Refused(gap):
                self.failed(gap)
            case ReadImage():
                self._take(result)

    def _take(self, result: ReadImage) -> None:
        for layer in result.layers:
            self._stock.keep(layer)
            self.layer_read()
        inventory = decode_inventory(result.inventory)
        self._tell(Looked(inventory=inventory, layers_read=self._layers_read, bytes_pulled=self._bytes_pulled))

    def _tell(self, looked: Looked) -> None:
        with suppress(InvalidStateError):  # it has failed before, or nobody waits for it any more
            self.future.set_result(looked)


def _manifest(image: PulledImage) -> Manifest:
    manifest = read_document(image.manifest, image.reference, image.media_type)
    if not isinstance(manifest, Manifest):
        raise MalformedError("it is an index, and not an image", where=image.reference)
    if manifest.digest != image.digest:
        what = f"wrong digest: its manifest has {manifest.digest}"
        raise MalformedError(what, where=image.reference)
    return manifest

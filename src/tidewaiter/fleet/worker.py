"""A worker process: reads layers and folds images, one task at a time, without any credentials.

It knows addresses that were signed for single blobs, and asks its parent for new ones. It ends with its parent, however
that ends: then the pipe between them does.
"""

import gc
import os
import queue
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from typing import BinaryIO

from tidewaiter.errors import MalformedError, RegistryDeniedError, RegistryError
from tidewaiter.fleet.blob_host import BlobHost
from tidewaiter.fleet.messages import (
    Address,
    FoldImage,
    KeptLayer,
    NeedAddress,
    Pulled,
    ReadImage,
    ReadLayer,
    Ready,
    Refused,
    Result,
    Start,
    Task,
    ToParent,
    encode,
    for_worker,
)
from tidewaiter.image.assembly import Assembly
from tidewaiter.image.blob import LayerBlob
from tidewaiter.image.limits import Limits
from tidewaiter.image.manifest import read_document
from tidewaiter.image.remote import read_all
from tidewaiter.image.selection import Wanted
from tidewaiter.inventory.catalog import EXTRACTORS
from tidewaiter.inventory.encoding import encode_inventory, encode_layer
from tidewaiter.inventory.walk import Interest
from tidewaiter.model.cloud import Download
from tidewaiter.model.image import Descriptor, Digest, Manifest
from tidewaiter.scan import look
from tidewaiter.scan.failures import failure
from tidewaiter.scan.reading import Reading
from tidewaiter.scan.shelf import lasting

_OBJECTS_BETWEEN_COLLECTIONS = 100_000
_PORTION = 1 << 20  # bytes between two words on progress


def serve(handle: int) -> None:
    """Be a worker, on the pipe with this descriptor, until the parent ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C too, and ends its workers
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    Worker(Connection(handle)).work()


class Worker:
    """Does what it is told over a connection. The thread that listens ends the process with the connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self._addresses: queue.SimpleQueue[Address] = queue.SimpleQueue()
        self._sending = threading.Lock()
        self._asking = threading.Lock()
        self._host = BlobHost()

    def work(self) -> None:
        """Do tasks, for ever."""
        start = for_worker(self._connection.recv_bytes())
        assert isinstance(start, Start)
        threading.Thread(target=self._listen, daemon=True).start()
        self._tell(Ready())
        while True:
            self._tell(self._done(self._tasks.get(), start.limits))

    def _listen(self) -> None:
        try:
            while True:
                self._hear(self._connection.recv_bytes())
        except (EOFError, OSError):
            pass
        finally:
            os._exit(0)  # nobody is there to want anything: neither the task's end nor what it has open

    def _hear(self, content: bytes) -> None:
        match message := for_worker(content):
            case Address():
                self._addresses.put(message)
            case ReadLayer() | FoldImage():
                self._tasks.put(message)

    def _tell(self, message: ToParent) -> None:
        content = encode(message)
        try:
            with self._sending:
                self._connection.send_bytes(content)
        except OSError:
            os._exit(0)

    def _done(self, task: Task, limits: Limits) -> Result:
        """What came of a task. Whatever goes wrong in it is its own failure, and the worker goes on."""
        blobs = Blobs(task.repository, self._host, self._address, self._tell)
        try:
            result: Result = _read(task, blobs, limits) if isinstance(task, ReadLayer) else _fold(task, blobs, limits)
        except Exception as error:  # noqa: BLE001 - the edge of the stages: no image may end the worker
            result = Refused(failure(error, _subject(task)))
        blobs.tell()
        return result

    def _address(self, digest: Digest) -> Download:
        """A new address from the parent. Raises RegistryError where it has none."""
        with self._asking:
            self._tell(NeedAddress(digest))
            answer = self._addresses.get()
        if answer.download is None:
            kind = RegistryDeniedError if answer.denied else RegistryError
            raise kind(answer.what, where=answer.where, advice=answer.advice)
        return answer.download


@dataclass(slots=True)
class Blobs:
    """The blobs of one repository, as `image.assembly.Content`; what is read of layers is counted and told.

    `known` are addresses that need not be asked for.
    """

    where: str
    host: BlobHost
    address: Callable[[Digest], Download]
    told: Callable[[Pulled], None]
    known: dict[Digest, Download] = field(default_factory=dict)
    untold: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def holds(self, descriptor: Descriptor) -> bool:
        """Always: a registry refuses a manifest whose blobs it does not have."""
        return bool(descriptor)

    def manifest(self, descriptor: Descriptor) -> bytes:
        """Never needed: the parent has the manifest."""
        raise MalformedError("it is an index, and its descriptor says manifest", where=str(descriptor.digest))

    def config(self, descriptor: Descriptor) -> bytes:
        """A configuration's bytes; the caller has checked the promised size and verifies what comes."""
        with self._open(descriptor.digest, descriptor.size) as stream:
            return read_all(stream, descriptor.size)

    def layer(self, descriptor: Descriptor) -> tuple[Callable[[], BinaryIO], None]:
        """What opens a layer. It may be opened from several threads."""
        return partial(self.open, descriptor.digest, descriptor.size), None

    def open(self, digest: Digest, size: int) -> BinaryIO:
        """A layer's stored bytes, counted."""
        return _Counted(self._open(digest, size), self.count)  # type: ignore[return-value]  # readers only read and close

    def count(self, size: int) -> None:
        """So many more bytes were read."""
        with self.lock:
            self.untold += size
        if self.untold >= _PORTION:
            self.tell()

    def tell(self) -> None:
        """Tell the parent what it does not know yet."""
        with self.lock:
            size, self.untold = self.untold, 0
        if size:
            self.told(Pulled(size))

    def _open(self, digest: Digest, size: int) -> BinaryIO:
        where = f"{self.where}: blob {digest}"
        return self.host.stream(partial(self.address, digest), size, where, first=self.known.get(digest))


class _Counted:
    """A stream whose bytes are counted as they are read."""

    def __init__(self, stream: BinaryIO, count: Callable[[int], None]) -> None:
        self._stream = stream
        self._count = count
        self.close = stream.close

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(size)
        self._count(len(data))
        return data


@dataclass(frozen=True, slots=True)
class _Given:
    """The layers that came with a task, as the shelf of its image. What is read beside them is put to `read`."""

    layers: dict[Digest, bytes]
    read: list[KeptLayer]

    def layer(self, digest: Digest, fingerprint: str) -> bytes | None:  # noqa: ARG002 - what is decoded has it
        return self.layers.get(digest)

    def keep_layer(self, digest: Digest, fingerprint: str, content: bytes, stored_size: int) -> None:  # noqa: ARG002
        self.read.append(KeptLayer(digest, content, stored_size, lasting=True))


def _read(task: ReadLayer, blobs: Blobs, limits: Limits) -> KeptLayer:
    layer = task.layer
    blobs.known[layer.digest] = task.download
    blob = LayerBlob(layer=layer, open=partial(blobs.open, layer.digest, layer.size), hash_of="stored")
    (read,) = Reading(Interest(EXTRACTORS), limits).layers([blob])
    return KeptLayer(layer.digest, encode_layer(read), read.stored, lasting=lasting(read))


def _fold(task: FoldImage, blobs: Blobs, limits: Limits) -> ReadImage:
    where = _subject(task)
    manifest = read_document(task.manifest, where, task.media_type)
    if not isinstance(manifest, Manifest) or manifest.digest != task.digest:
        raise MalformedError("it is not the manifest of this digest", where=where)
    blobs.known[manifest.config.digest] = task.config
    assembly = Assembly(target=where, content=blobs, wanted=Wanted(every=True), limits=limits)
    given = _Given(dict(task.layers), [])
    inventory = look(assembly.image(manifest, None, task.tags), limits=limits, shelf=given)
    return ReadImage(encode_inventory(inventory), tuple(given.read))


def _subject(task: Task) -> str:
    return f"{task.repository}@{task.digest if isinstance(task, FoldImage) else task.layer.digest}"

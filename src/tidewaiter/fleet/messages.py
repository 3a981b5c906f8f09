"""What the parent process and its workers say to each other: MessagePack, typed at both ends."""

import msgspec

from tidewaiter.image.limits import Limits
from tidewaiter.model.cloud import Download
from tidewaiter.model.gap import Gap
from tidewaiter.model.image import Digest, Layer


class Start(msgspec.Struct, frozen=True, tag=True):
    """The first word to a worker."""

    limits: Limits


class ReadLayer(msgspec.Struct, frozen=True, tag=True):
    """To read one layer of an image in `repository`; `download` is where it can be had now."""

    repository: str
    layer: Layer
    download: Download


class FoldImage(msgspec.Struct, frozen=True, tag=True):
    """To lay the layers of an image over each other. `layers` are encoded, and those that are not there are read."""

    repository: str
    digest: Digest
    manifest: bytes
    media_type: str
    tags: tuple[str, ...]
    config: Download
    layers: tuple[tuple[Digest, bytes], ...]


Task = ReadLayer | FoldImage


class Address(msgspec.Struct, frozen=True, tag=True):
    """The answer to NeedAddress: an address, or why there is none."""

    download: Download | None = None
    denied: bool = False
    what: str = ""
    where: str = ""
    advice: str = ""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The worker can begin."""


class Pulled(msgspec.Struct, frozen=True, tag=True):
    """So many more stored bytes of layers were read."""

    size: int


class NeedAddress(msgspec.Struct, frozen=True, tag=True):
    """The worker waits for a (new) address of a blob of its task's repository."""

    digest: Digest


class KeptLayer(msgspec.Struct, frozen=True, tag=True):
    """A layer that was read, encoded; `lasting` where it may be kept beyond this run."""

    digest: Digest
    content: bytes
    stored: int
    lasting: bool


class ReadImage(msgspec.Struct, frozen=True, tag=True):
    """An image's inventory, encoded, and the layers that had to be read for it after all."""

    inventory: bytes
    layers: tuple[KeptLayer, ...]


class Refused(msgspec.Struct, frozen=True, tag=True):
    """What was to be looked at cannot be."""

    failure: Gap


Result = KeptLayer | ReadImage | Refused
ToWorker = Start | ReadLayer | FoldImage | Address
ToParent = Ready | Pulled | NeedAddress | KeptLayer | ReadImage | Refused

_ENCODER = msgspec.msgpack.Encoder()
_TO_WORKER: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
_TO_PARENT: msgspec.msgpack.Decoder[ToParent] = msgspec.msgpack.Decoder(ToParent)


def encode(message: ToWorker | ToParent) -> bytes:
    """The message's bytes."""
    return _ENCODER.encode(message)


def for_worker(content: bytes) -> ToWorker:
    """What a parent says."""
    return _TO_WORKER.decode(content)


def for_parent(content: bytes) -> ToParent:
    """What a worker says. Raises msgspec.MsgspecError for anything else."""
    return _TO_PARENT.decode(content)

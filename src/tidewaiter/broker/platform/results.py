"""What came of a job, read from the bytes that an agent delivered: under ceilings, and held against what was asked."""

from collections.abc import Container, Iterable
from dataclasses import dataclass

import msgspec
import zstandard

from tidewaiter.broker.messages import Result
from tidewaiter.errors import LimitError, MalformedError
from tidewaiter.inventory.encoding import decode_inventory
from tidewaiter.model.gap import Why
from tidewaiter.model.image import Digest
from tidewaiter.model.package import Inventory

STORED_MOST = 256 << 20
"""The most bytes of a result as it is delivered."""

UNPACKED_MOST = 128 << 20
"""The most bytes that its inventory may unpack to: in memory it takes some times as much."""

ESCAPED_MOST = 32 << 20
"""The same where its names are no text: it is then unpacked to what takes many times as much."""

ROWS_MOST = 500_000
"""The most packages, layers or gaps in it."""

_HEAD_MOST = 1 << 20
_MOST = 1 << 50  # what a count can be
_OF_THE_PLATFORM = (Why.FILTERED, Why.INACTIVE)
"""Reasons with which a run is complete all the same: who looks through an image for another has none of them."""

_LAYERS_MOST = 100_000
_VERSION_BYTES = 2  # before the zstd frame, as inventory/encoding.py writes it


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A result with its inventory, where it has one."""

    result: Result
    inventory: Inventory | None = None


def read_result(chunks: Iterable[bytes], *, job: str, digest: Digest, fingerprints: Container[str]) -> Told:
    """The result of this job, which was to look through the image of this digest with extractors of these fingerprints.

    Raises MalformedError for what is none, or is another one's, and LimitError for one beyond the ceilings.
    """
    head, packed = _parted(_bounded(chunks))
    try:
        result = msgspec.json.decode(head, type=Result)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise MalformedError(f"its result is not as agreed: {error}") from None
    if b"\\u0000" in head or not (0 <= result.layers_read < _MOST and 0 <= result.bytes_pulled < _MOST):
        raise MalformedError("its result tells what cannot be")
    if result.job != job or result.digest != digest:
        raise MalformedError("its result is that of another job")
    if result.fingerprint not in fingerprints:
        what = "it was looked through with other extractors than those of the agent that greeted"
        raise MalformedError(what, advice="Run again, and replace all agents of a connection together")
    if result.failure is not None and result.failure.why in _OF_THE_PLATFORM:
        raise MalformedError(f"its result is a failure that only the platform decides: {result.failure.why}")
    if len(packed) != result.size:
        raise MalformedError(f"its result has {len(packed)} bytes of an inventory, and {result.size} were promised")
    if bool(packed) is (result.failure is not None):
        raise MalformedError("its result holds neither an inventory nor a failure, or both")
    return Told(result=result, inventory=_inventory(packed, digest) if packed else None)


def _bounded(chunks: Iterable[bytes]) -> bytes:
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > STORED_MOST:
            raise _too_large(f"its result has more than {STORED_MOST} bytes")
    return bytes(content)


def _parted(content: bytes) -> tuple[bytes, memoryview]:
    end = content.find(b"\n", 0, _HEAD_MOST)
    if end < 0:
        raise MalformedError("its result does not begin with a line of JSON")
    return content[:end], memoryview(content)[end + 1 :]


def _inventory(packed: memoryview, digest: Digest) -> Inventory:
    """Raises MalformedError, and LimitError before anything of what is too large is unpacked."""
    try:
        size = zstandard.get_frame_parameters(packed[_VERSION_BYTES:]).content_size
    except (zstandard.ZstdError, ValueError) as error:
        raise MalformedError(f"its inventory cannot be unpacked: {error}") from None
    most = ESCAPED_MOST if packed[1] else UNPACKED_MOST
    if size in (zstandard.CONTENTSIZE_UNKNOWN, zstandard.CONTENTSIZE_ERROR) or size > most:
        raise _too_large(f"its inventory unpacks to more than {most} bytes")
    inventory = decode_inventory(bytes(packed), most=ROWS_MOST)
    if inventory.image.digest != digest:
        raise MalformedError(f"its inventory is that of {inventory.image.digest}")
    if any(gap.why in _OF_THE_PLATFORM for gap in inventory.gaps):
        raise MalformedError("its inventory leaves out what only the platform may leave out")
    _check_layers(inventory)
    return inventory


def _check_layers(inventory: Inventory) -> None:
    """Raises MalformedError for layers that no image has, and no database could keep."""
    placed = (each.layer for package in inventory.packages for each in package.locations if each.layer is not None)
    for layer in {id(each): each for each in (*inventory.image.layers, *placed)}.values():
        try:
            Digest.parse(str(layer.digest))
        except ValueError as error:
            raise MalformedError(f"its inventory has a layer without a digest: {error}") from None
        if not (0 <= layer.index < _LAYERS_MOST and 0 <= layer.size < _MOST):
            raise MalformedError(f"its inventory has a layer that cannot be: number {layer.index}, {layer.size} bytes")


def _too_large(what: str) -> LimitError:
    return LimitError(what, limit="result_bytes", advice="It lists more than the platform takes in")

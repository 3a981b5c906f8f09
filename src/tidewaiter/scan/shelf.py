"""Layers that were read before, for this image or another, and need not be read again."""

from collections.abc import Callable, Sequence
from typing import Protocol

from tidewaiter.errors import LimitError, MalformedError
from tidewaiter.image.blob import LayerBlob
from tidewaiter.inventory.encoding import decode_layer, encode_layer
from tidewaiter.model.gap import Why
from tidewaiter.model.image import Digest
from tidewaiter.model.package import LayerInventory
from tidewaiter.scan.reading import Reading


class LayerShelf(Protocol):
    """Where layers are kept that were read once. Methods may be called from several threads."""

    def layer(self, digest: Digest, fingerprint: str) -> bytes | None:
        """The layer as these extractors saw it, encoded; None where it is not kept."""
        ...

    def keep_layer(self, digest: Digest, fingerprint: str, content: bytes, stored_size: int) -> None:
        """Keep a layer that was verified and read whole; `stored_size` is that of its stored bytes."""
        ...


def read_beside(
    shelf: LayerShelf, blobs: Sequence[LayerBlob], begin: Callable[[], Reading]
) -> tuple[Reading, list[LayerInventory]]:
    """What each layer holds, from the shelf where it is there, and the reading that goes on with the image.

    Where the layers together reach a ceiling of the image, all are read as if none were known: the outcome is that of
    an image that is looked through alone.
    """
    reading = begin()
    known = {blob.layer.digest: layer for blob in blobs if (layer := _shelved(shelf, blob, reading.fingerprint))}
    layers = _read_the_rest(reading, blobs, known) if known else None
    if layers is None:
        reading = begin()
        layers = reading.layers(blobs)
    for digest, layer in {layer.digest: layer for layer in layers}.items():
        if digest is not None and digest not in known and lasting(layer):
            shelf.keep_layer(digest, layer.fingerprint, encode_layer(layer), layer.stored)
    return reading, layers


def lasting(layer: LayerInventory) -> bool:
    """Whether the layer will be the same for every image: it is verified, and no ceiling cut anything off."""
    return layer.verified and not _is_cut(layer)


def _is_cut(layer: LayerInventory) -> bool:
    gaps = (*layer.gaps, *(gap for file in layer.files for gap in file.extraction.gaps))
    return any(gap.why is Why.LIMIT for gap in gaps)


def _read_the_rest(
    reading: Reading, blobs: Sequence[LayerBlob], known: dict[Digest, LayerInventory]
) -> list[LayerInventory] | None:
    """The layers; None where they reach a ceiling, and it may be one of the image."""
    try:
        reading.charge(known.values())
    except LimitError:
        return None
    layers = reading.layers(blobs, known)
    return None if any(_is_cut(layer) for layer in layers if layer.digest not in known) else layers


def _shelved(shelf: LayerShelf, blob: LayerBlob, fingerprint: str) -> LayerInventory | None:
    """The layer on the shelf. A local archive only claims digests: what is in it has to be read."""
    if blob.hash_of != "stored" or blob.plain is not None:
        return None
    content = shelf.layer(blob.layer.digest, fingerprint)
    if content is None:
        return None
    try:
        layer = decode_layer(content)
    except MalformedError:  # a damaged memory is none
        return None
    fits = (layer.digest, layer.fingerprint) == (blob.layer.digest, fingerprint)
    return layer if fits and blob.layer.size in (0, layer.stored) else None

"""What an opened image is: its identity, its configuration and its layers as streams of stored bytes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Literal, Protocol

from tidewaiter.model.gap import Gap
from tidewaiter.model.image import Digest, ImageConfig, ImageIdentity, Layer, Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerBlob:
    """A layer that can be read.

    `open` gives the stored bytes from the start, as a stream of which only `read(n)` and `close` are used; it may be
    called again, and from other threads. `hash_of` says which bytes have the hash that is promised: the `stored` ones
    (`layer.digest`) or the `unpacked` ones (`layer.diff_id`). `plain` is (file, offset, size) where the layer's tar
    lies uncompressed in a local archive that vouches for itself: its headers may be hopped over without reading
    the rest, unless the user asked to verify.
    """

    layer: Layer
    open: Callable[[], BinaryIO]
    hash_of: Literal["stored", "unpacked"]
    plain: tuple[str, int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image ready to be looked through.

    `blobs` are the layers that can be read, lowest first; one that cannot is a gap instead, while `identity.layers`
    names them all. `folder` is a root file system's path, and then there are no layers, digest and configuration.
    """

    identity: ImageIdentity
    config: ImageConfig | None = None
    blobs: tuple[LayerBlob, ...] = ()
    gaps: tuple[Gap, ...] = ()
    folder: str = ""


class Registry(Protocol):
    """Where images are pulled from. Methods raise RegistryError; they may be called from several threads."""

    def reference(self, text: str) -> Reference:
        """The reference that `text` spells, with all defaults filled in. Raises UsageError."""
        ...

    def manifest(self, reference: Reference, *, ceiling: int) -> tuple[bytes, str]:
        """The manifest or index that the reference's digest, else its tag, names: its bytes and its media type.

        The bytes have the reference's digest, else MalformedError. Raises LimitError beyond `ceiling` bytes.
        """
        ...

    def blob(self, reference: Reference, digest: Digest, size: int) -> BinaryIO:
        """The blob's bytes as a stream that goes on after a dropped connection; nothing is sent before the first read.

        Not verified: the reader knows which bytes must have which hash. `size` is what the manifest promised.
        """
        ...

"""Shelves of layers in memory."""

import threading

from tidewaiter.errors import StoreError
from tidewaiter.model.image import Digest


class MemoryShelf:
    """Keeps layers, with the sizes of their stored bytes. `full`: nothing more can be kept."""

    def __init__(self) -> None:
        self.kept: dict[Digest, bytes] = {}
        self.sizes: dict[Digest, int] = {}
        self.full = False
        self._lock = threading.Lock()

    def layer(self, digest: Digest, fingerprint: str) -> bytes | None:  # noqa: ARG002 - there is but one
        return self.kept.get(digest)

    def keep_layer(
        self,
        digest: Digest,
        fingerprint: str,  # noqa: ARG002 - there is but one
        content: bytes,
        stored_size: int,
    ) -> None:
        if self.full:
            raise StoreError("the disk is full", where="fleet.db")
        with self._lock:
            assert digest not in self.kept, f"{digest} was read twice"
            self.kept[digest] = content
            self.sizes[digest] = stored_size

"""The bytes of all registries' blobs, each held once: small ones in memory, uploaded ones in files."""

import hashlib
import secrets
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path

from tidewaiter.model.image import Digest
from tidewaiter.simulator.bodies import Blob


class Upload:
    """A blob that comes in, piece by piece, before its digest is known. For one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.id = path.name
        self.size = 0
        self.path = path
        self._hash = hashlib.sha256()
        self.path.touch()

    @property
    def digest(self) -> Digest:
        """That of what has come in so far."""
        return Digest("sha256", self._hash.hexdigest())

    def append(self, pieces: Iterable[bytes]) -> None:
        """Takes more bytes."""
        with self.path.open("ab") as file:
            for piece in pieces:
                file.write(piece)
                self._hash.update(piece)
                self.size += len(piece)

    def cancel(self) -> None:
        """Forgets them."""
        self.path.unlink(missing_ok=True)


class Content:
    """Blobs by digest, whichever registries have them. Thread-safe; `close` deletes the files of uploads."""

    def __init__(self) -> None:
        self._blobs: dict[Digest, Blob] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._lock = threading.Lock()

    def hold(self, digest: Digest, blob: Blob) -> None:
        """Holds the blob from now on, for all registries.

        Its digest may be another: what is damaged has to come from somewhere.
        """
        self._blobs[digest] = blob

    def find(self, digest: Digest) -> Blob | None:
        """The blob, None where nobody brought it."""
        return self._blobs.get(digest)

    def size(self, digest: Digest) -> int:
        """The blob's size in bytes, 0 where nobody brought it."""
        blob = self._blobs.get(digest, b"")
        return len(blob) if isinstance(blob, bytes) else blob.stat().st_size

    def upload(self) -> Upload:
        """A new upload."""
        with self._lock:
            self._folder = self._folder or tempfile.TemporaryDirectory(prefix="tidewaiter-simulator-")
        return Upload(Path(self._folder.name) / secrets.token_hex(16))

    def finish(self, upload: Upload) -> Digest:
        """Holds what came in."""
        target = upload.path.rename(upload.path.with_name(upload.digest.hex))
        self.hold(upload.digest, target)
        return upload.digest

    def close(self) -> None:
        """Deletes what lies in files."""
        self._blobs.clear()
        if self._folder:
            self._folder.cleanup()

"""Layers that the agent has read, on disk: none is pulled and read twice, also after a restart."""

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator

from tidewaiter.broker.agent.disk import PART, Disk
from tidewaiter.broker.journal import journal
from tidewaiter.model.image import Digest

_log = journal("agent")
_SEAL = hashlib.sha256().digest_size


class DiskShelf:
    """Encoded layers in files, `scan.shelf.LayerShelf`; up to `ceiling` bytes, the least recently used go first.

    A file begins with a seal over its name and its content: one that is damaged, cut off by a power cut or under
    another's name is as good as none. A disk that is full or broken makes reading slower, and nothing wrong.
    """

    def __init__(self, folder: str, *, ceiling: int, disk: Disk | None = None) -> None:
        self._folder = folder
        self._ceiling = ceiling
        self._disk = disk or Disk()
        self._lock = threading.Lock()
        self._sizes: OrderedDict[str, int] = OrderedDict(self._found())
        self._taken = sum(self._sizes.values())
        self._make_room()

    @property
    def taken(self) -> int:
        """How many bytes it takes."""
        return self._taken

    def layer(self, digest: Digest, fingerprint: str) -> bytes | None:
        """The layer as these extractors saw it, encoded; None where it is not kept."""
        name = _name(digest, fingerprint)
        with self._lock:
            if name not in self._sizes:
                return None
            self._sizes.move_to_end(name)
        path = os.path.join(self._folder, name)
        try:
            with open(path, "rb") as file:
                seal, content = file.read(_SEAL), file.read()
            os.utime(path)
        except OSError:
            seal, content = b"", b""
        if seal == _seal(name, content):
            return content
        self._forget(name)
        return None

    def keep_layer(self, digest: Digest, fingerprint: str, content: bytes, stored_size: int) -> None:  # noqa: ARG002 - the seam's
        """Keep a layer that was verified and read whole."""
        name = _name(digest, fingerprint)
        size = _SEAL + len(content)
        if size > self._ceiling:
            return
        try:
            self._disk.keep(os.path.join(self._folder, name), (_seal(name, content), content), safe=False)
        except OSError as error:
            _log.warning("a layer cannot be kept: %s: %s", self._folder, error.strerror)
            return
        with self._lock:
            self._taken += size - self._sizes.pop(name, 0)
            self._sizes[name] = size
        self._make_room()

    def _make_room(self) -> None:
        while True:
            with self._lock:
                if self._taken <= self._ceiling:
                    return
                oldest = next(iter(self._sizes))
            self._forget(oldest)

    def _forget(self, name: str) -> None:
        with self._lock:
            self._taken -= self._sizes.pop(name, 0)
        try:
            self._disk.remove(os.path.join(self._folder, name))
        except OSError as error:
            _log.warning("a layer cannot be removed: %s: %s", self._folder, error.strerror)

    def _found(self) -> Iterator[tuple[str, int]]:
        """What an agent before this one left, the least recently used first."""
        with os.scandir(self._folder) as entries:
            found = [(entry.stat().st_mtime, entry.name, entry.stat().st_size) for entry in entries if entry.is_file()]
        for _, name, size in sorted(found):
            if name.endswith(PART):
                self._disk.remove(os.path.join(self._folder, name))
            else:
                yield name, size


def _name(digest: Digest, fingerprint: str) -> str:
    return hashlib.sha256(f"{digest}\0{fingerprint}".encode()).hexdigest()


def _seal(name: str, content: bytes) -> bytes:
    seal = hashlib.sha256(name.encode())
    seal.update(content)
    return seal.digest()

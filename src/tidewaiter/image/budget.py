"""What the layers of one image may take together, counted over all threads that read them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tidewaiter.errors import LimitError
from tidewaiter.image.limits import Limits


class Stopped(Exception):  # noqa: N818 - no error: another layer failed, or the user does not want to wait
    """The reading of this image ends; what this thread read so far is of no use."""


class Budget:
    """The ceilings of one image, and the sign for all threads to stop."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._unpacked = 0
        self._held = 0
        self._names = 0
        self._stopped = False
        self._changed = threading.Condition()

    def stop(self) -> None:
        """Make every thread that asks for anything end with Stopped."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def check(self) -> None:
        """Raises Stopped once the reading ends."""
        if self._stopped:
            raise Stopped

    def unpack(self, size: int) -> None:
        """Count unpacked bytes. Raises LimitError beyond `image_bytes`."""
        self.check()
        with self._changed:
            self._unpacked += size
            if self._unpacked > self._limits.image_bytes:
                ceiling = self._limits.image_bytes
                raise LimitError(f"the image unpacks to more than {ceiling:,} bytes", limit="image_bytes")

    def name(self, size: int) -> None:
        """Count the bytes that names take. Raises LimitError beyond `names_bytes`."""
        with self._changed:
            self._names += size
            if self._names > self._limits.names_bytes:
                ceiling = self._limits.names_bytes
                raise LimitError(f"the names in the image take more than {ceiling:,} bytes", limit="names_bytes")

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Room for a file in memory, waited for while other layers hold theirs.

        A file larger than the whole room has it for itself: a ceiling for one file is another limit. A thread holds one
        file at a time, so that none waits for itself.
        """
        size = min(size, self._limits.held_bytes)
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._held + size <= self._limits.held_bytes)
            self.check()
            self._held += size
        try:
            yield
        finally:
            with self._changed:
                self._held -= size
                self._changed.notify_all()

"""Files that are there whole or not at all, also after a power cut."""

import os
import threading
from collections.abc import Sequence
from contextlib import suppress

PART = ".part"
"""How the name of a file ends that is not whole yet."""


class Disk:
    """What an agent does with files. All methods block, and raise OSError."""

    def keep(self, path: str, parts: Sequence[bytes], *, safe: bool) -> None:
        """Write a file in the place of one that may be there; with `safe`, a power cut does not take it any more."""
        part = f"{path}.{threading.get_ident()}{PART}"
        try:
            self.write(part, parts, safe=safe)
            self.rename(part, path)
        except OSError:
            with suppress(OSError):
                os.unlink(part)
            raise
        if safe:
            self.settle(os.path.dirname(path))

    def write(self, path: str, parts: Sequence[bytes], *, safe: bool) -> None:
        """Write a new file that only its owner may read."""
        with open(
            os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb", buffering=0
        ) as file:
            for part in parts:
                view = memoryview(part)
                while view:
                    view = view[file.write(view) or 0 :]
            if safe:
                os.fsync(file.fileno())

    def rename(self, path: str, to: str) -> None:
        """Give a file another name."""
        os.replace(path, to)

    def remove(self, path: str) -> None:
        """Remove a file; that there is none is as good."""
        with suppress(FileNotFoundError):
            os.unlink(path)

    def settle(self, folder: str) -> None:
        """Make the names in a folder outlast a power cut."""
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)

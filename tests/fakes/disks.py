"""Disks that fail, or take their process with them."""

import errno
import os
import signal
import threading
from collections.abc import Sequence

from tidewaiter.broker.agent.disk import Disk
from tidewaiter.broker.agent.folder import work_folder
from tidewaiter.errors import UsageError


class FullDisk(Disk):
    """Nothing can be written while it is `full`."""

    def __init__(self) -> None:
        self.full = True
        self.refused = 0

    def write(self, path: str, parts: Sequence[bytes], *, safe: bool) -> None:
        if self.full:
            self.refused += 1
            super().write(path, [parts[0][:1]], safe=safe)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        super().write(path, parts, safe=safe)


class SlowDisk(Disk):
    """Writes when it is let: `begun` is set when it has something to write, and `let` lets it."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.let = threading.Event()

    def write(self, path: str, parts: Sequence[bytes], *, safe: bool) -> None:
        self.begun.set()
        assert self.let.wait(30)
        super().write(path, parts, safe=safe)


STEPS = ("before it is written", "half written", "written", "renamed", "settled")


class DyingDisk(Disk):
    """Kills its process at one of these `STEPS` of keeping a file."""

    def __init__(self, step: str) -> None:
        self._step = step

    def write(self, path: str, parts: Sequence[bytes], *, safe: bool) -> None:
        self._at("before it is written")
        if self._step == "half written":
            super().write(path, [b"".join(parts)[: sum(map(len, parts)) // 2]], safe=safe)
        self._at("half written")
        super().write(path, parts, safe=safe)
        self._at("written")

    def rename(self, path: str, to: str) -> None:
        super().rename(path, to)
        self._at("renamed")

    def settle(self, folder: str) -> None:
        super().settle(folder)
        self._at("settled")

    def remove(self, path: str) -> None:
        self._at("before it is removed")
        super().remove(path)
        self._at("removed")

    def _at(self, step: str) -> None:
        if step == self._step:
            os.kill(os.getpid(), signal.SIGKILL)


REFUSED = 3


def die_holding(path: str) -> None:
    """In a process of its own: take an agent's folder, and be killed with it in hand; REFUSED where another has it."""
    try:
        work_folder(path).__enter__()
    except UsageError:
        os._exit(REFUSED)
    os.kill(os.getpid(), signal.SIGKILL)

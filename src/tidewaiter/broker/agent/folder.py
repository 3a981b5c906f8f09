"""The agent's folder on disk: one agent at a time, closed to other users."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tidewaiter.errors import UsageError

_PRIVATE = 0o700


@dataclass(frozen=True, slots=True)
class WorkFolder:
    """Where an agent keeps results until they are delivered (`spool`), and layers that were read (`shelf`)."""

    spool: str
    shelf: str


@contextmanager
def work_folder(path: str) -> Iterator[WorkFolder]:
    """The folder, made where there is none, for this agent alone until the block ends or the process does.

    Raises UsageError where it cannot be made or written, or another agent has it.
    """
    folder = WorkFolder(os.path.join(path, "spool"), os.path.join(path, "shelf"))
    try:
        for each in (path, folder.spool, folder.shelf):
            os.makedirs(each, mode=_PRIVATE, exist_ok=True)
        file = os.open(os.path.join(path, "lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UsageError(f"no folder for an agent: {error.strerror}", where=path, advice=_ADVICE) from None
    try:
        _lock(file, path)
        yield folder
    finally:
        os.close(file)


_ADVICE = "Give each agent a folder of its own that it may write to"


def _lock(file: int, path: str) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(file, 200, 0).decode(errors="replace").strip()
        who = f" ({holder})" if holder else ""
        raise UsageError(f"is in use by another agent{who}", where=path, advice=_ADVICE) from None
    os.ftruncate(file, 0)
    os.pwrite(file, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)

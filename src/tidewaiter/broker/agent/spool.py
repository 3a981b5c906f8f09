"""Results of jobs on disk, from the moment they are there until the server has acknowledged them.

A file is a line of JSON (`_Label`), then what is delivered. Its name is made of the connection and the job, so that
neither can be mistaken. There is no credential in it.
"""

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import BinaryIO

import msgspec

from tidewaiter.broker.agent.disk import PART, Disk
from tidewaiter.broker.journal import journal

_log = journal("agent")
_VERSION = 1
_RESULT = ".result"
_DAMAGED = ".damaged"
_DAMAGED_KEPT = 7 * 86_400.0  # seconds
_LABEL_BYTES = 16 << 10
_CHUNK = 1 << 20


class _Label(msgspec.Struct, frozen=True):
    """Whose result it is, and where it goes. `made` is in seconds since 1970."""

    version: int
    connection: str
    job: str
    callback: str
    digest: str
    size: int
    made: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A result on disk: `size` bytes with the sha256 `digest`, from `offset` of the file on.

    `callback` is the base URL of the client that is to have it. `made` is in seconds since 1970. `checked` tells
    that its bytes are known to be those that were written.
    """

    connection: str
    job: str
    callback: str
    digest: str
    size: int
    made: float
    path: str
    offset: int
    checked: bool = True

    @property
    def stored(self) -> int:
        """How many bytes it takes on disk."""
        return self.offset + self.size

    def is_there(self) -> bool:
        """Whether its file is still there."""
        return os.path.exists(self.path)

    def open(self) -> BinaryIO:
        """The file, at the first byte of the result. Raises OSError."""
        file = open(self.path, "rb", buffering=0)  # noqa: SIM115 - who asked closes it
        file.seek(self.offset)
        return file


class Spool:
    """The results in a folder. `parcels` are those that an agent before this one left. Methods block; thread-safe.

    `ceiling` is in bytes: beyond it the spool is `full`. It never throws a result away for that.
    """

    def __init__(
        self, folder: str, *, ceiling: int, disk: Disk | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._folder = folder
        self._ceiling = ceiling
        self._disk = disk or Disk()
        self._clock = clock
        self._lock = threading.Lock()
        self._taken = 0
        self._kept: dict[str, Parcel] = {}
        for parcel in sorted(self._found(), key=lambda found: found.made):
            self._count(parcel)
        self.parcels: tuple[Parcel, ...] = tuple(self._kept.values())

    @property
    def taken(self) -> int:
        """How many bytes it takes."""
        return self._taken

    @property
    def oldest(self) -> float:
        """When the oldest result was made, in seconds since 1970; now where there is none."""
        with self._lock:
            return min((parcel.made for parcel in self._kept.values()), default=self._clock())

    @property
    def full(self) -> bool:
        """Whether no new job should be begun."""
        return self.taken >= self._ceiling

    def put(self, connection: str, job: str, callback: str, content: bytes) -> Parcel:
        """Keep a result, in the place of an older one of the job. It outlasts a power cut. Raises OSError."""
        label = _Label(
            version=_VERSION,
            connection=connection,
            job=job,
            callback=callback,
            digest=hashlib.sha256(content).hexdigest(),
            size=len(content),
            made=self._clock(),
        )
        head = msgspec.json.encode(label) + b"\n"
        path = os.path.join(self._folder, _name(connection, job))
        self._disk.keep(path, (head, content), safe=True)
        parcel = _parcel(label, path, len(head))
        self._count(parcel)
        return parcel

    def drop(self, parcel: Parcel) -> None:
        """Forget a result: it was acknowledged, or nobody will ever want it. Raises OSError."""
        self._disk.remove(parcel.path)
        self._discount(parcel.path)

    def check(self, parcel: Parcel) -> Parcel | None:
        """The parcel if its bytes are those that were written; else it is put aside, and the job is to be done anew."""
        if _is_whole(parcel):
            return replace(parcel, checked=True)
        self._set_aside(parcel.path, "its bytes are not those that were written")
        self._discount(parcel.path)
        return None

    def _count(self, parcel: Parcel) -> None:
        with self._lock:
            before = self._kept.pop(parcel.path, None)
            self._taken += parcel.stored - (before.stored if before else 0)
            self._kept[parcel.path] = parcel

    def _discount(self, path: str) -> None:
        with self._lock:
            before = self._kept.pop(path, None)
            self._taken -= before.stored if before else 0

    def _found(self) -> Iterator[Parcel]:
        with os.scandir(self._folder) as entries:
            paths = [entry.path for entry in entries]
        for path in paths:
            if path.endswith(PART) or (path.endswith(_DAMAGED) and self._is_old(path)):
                self._disk.remove(path)
            elif path.endswith(_RESULT) and (parcel := self._read(path)):
                yield parcel

    def _is_old(self, path: str) -> bool:
        return self._clock() - os.path.getmtime(path) > _DAMAGED_KEPT

    def _read(self, path: str) -> Parcel | None:
        """The parcel in a file; None for a file that is damaged, which is put aside."""
        try:
            with open(path, "rb") as file:
                head = file.readline(_LABEL_BYTES)
            label = msgspec.json.decode(head, type=_Label)
            parcel = replace(_parcel(label, path, len(head)), checked=False)
            whole = os.path.getsize(path) == parcel.stored and head.endswith(b"\n")
            if whole and label.version == _VERSION and os.path.basename(path) == _name(label.connection, label.job):
                return parcel
            why = "it is cut off, of another version, or under another's name"
        except (OSError, msgspec.MsgspecError) as error:
            why = str(error)
        self._set_aside(path, why)
        return None

    def _set_aside(self, path: str, why: str) -> None:
        """Keep a damaged file for some days, for who wants to know; it counts no more."""
        _log.error("a result on disk is damaged, its image is to be looked through again: %s: %s", path, why)
        try:
            self._disk.rename(path, path + _DAMAGED)
        except OSError as error:
            _log.warning("%s cannot be put aside: %s", path, error.strerror)


def _parcel(label: _Label, path: str, offset: int) -> Parcel:
    return Parcel(
        connection=label.connection,
        job=label.job,
        callback=label.callback,
        digest=label.digest,
        size=label.size,
        made=label.made,
        path=path,
        offset=offset,
    )


def _is_whole(parcel: Parcel) -> bool:
    found, size = hashlib.sha256(), 0
    try:
        with parcel.open() as file:
            for chunk in iter(partial(file.read, _CHUNK), b""):
                found.update(chunk)
                size += len(chunk)
    except OSError:
        return False
    return (found.hexdigest(), size) == (parcel.digest, parcel.size)


def _name(connection: str, job: str) -> str:
    return hashlib.sha256(f"{connection}\0{job}".encode()).hexdigest()[:40] + _RESULT

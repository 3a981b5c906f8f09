"""How the simulator's servers send blobs: whole or from a byte on, and with the faults of storages and networks."""

import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

from tidewaiter.model.image import Digest
from tidewaiter.simulator.listener import Conversation

_CHUNK = 1 << 20
_PAUSED_CHUNK = 1 << 16
_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]*)")
_BYTES = "application/octet-stream"

Blob = bytes | Path
"""A blob in memory, or in a file."""


@dataclass(slots=True, kw_only=True)
class BodyFaults:
    """What goes wrong. Counts are used up one by one.

    `drop_at`: blobs' connections end after so many bytes of an answer, `drops` times. `answers`: statuses with
    headers for the next requests, instead of what they ask for. `ignore_range`: the whole blob is always sent.
    `wrong_range`: a part starts one byte late. `corrupt`: digests whose bytes are sent with one of them changed.
    `unsized`: blobs come without a length and end with the connection. `pause`: seconds before every 64 KiB of a
    body. `endless`: bodies go on after their end.
    """

    drop_at: int = 0
    drops: int = 0
    answers: list[tuple[int, Mapping[str, str]]] = field(default_factory=list)
    ignore_range: bool = False
    wrong_range: bool = False
    corrupt: set[Digest] = field(default_factory=set)
    unsized: bool = False
    pause: float = 0
    endless: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def next_answer(self) -> tuple[int, Mapping[str, str]] | None:
        """The answer to give instead of the right one, if there is one."""
        with self.lock:
            return self.answers.pop(0) if self.answers else None

    def cut(self, size: int) -> int:
        """After how many of `size` bytes the connection ends: `size`, if it does not."""
        with self.lock:
            if self.drops <= 0 or size <= self.drop_at:
                return size
            self.drops -= 1
            return self.drop_at


@dataclass(frozen=True, slots=True)
class _Part:
    """Bytes to send: `size` of them from `first` on. `corrupt`: the blob's first byte is another."""

    source: bytes | BinaryIO
    first: int
    size: int
    corrupt: bool

    def chunks(self, most: int) -> Iterator[bytes | memoryview]:
        """The bytes, in pieces of at most so many."""
        for start in range(self.first, self.first + self.size, most):
            chunk = self._read(start, min(most, self.first + self.size - start))
            yield bytes([chunk[0] ^ 1]) + chunk[1:] if self.corrupt and start == 0 else chunk

    def _read(self, start: int, size: int) -> bytes | memoryview:
        if isinstance(self.source, bytes):
            return memoryview(self.source)[start : start + size]
        self.source.seek(start)
        return self.source.read(size)


@dataclass(slots=True, kw_only=True)
class Sending:
    """An answer with a blob, while it is sent: its status, and how many bytes were handed to the connection so far."""

    status: int = 0
    sent: int = 0


class BlobConversation(Conversation):
    """A connection on which blobs are sent."""

    def send_blob(self, blob: Blob, digest: Digest, faults: BodyFaults, sending: Sending | None = None) -> None:
        """Sends what the client asked for of the blob, and keeps the account of it in `sending`."""
        account = sending or Sending()
        corrupt = digest in faults.corrupt
        if isinstance(blob, bytes):
            self._send_part(_Part(blob, 0, len(blob), corrupt), faults, account)
            return
        with blob.open("rb") as file:
            self._send_part(_Part(file, 0, blob.stat().st_size, corrupt), faults, account)

    def _send_part(self, whole: _Part, faults: BodyFaults, account: Sending) -> None:
        match = _RANGE.fullmatch(self.headers.get("Range", ""))
        if match is None or faults.ignore_range:
            account.status = HTTPStatus.OK
            self._send_body(whole, {"Accept-Ranges": "bytes"}, faults, account)
            return
        first = int(match[1]) + faults.wrong_range
        last = min(int(match[2] or whole.size), whole.size - 1)
        if first > last:
            account.status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
            self.send(account.status, b"", {"Content-Range": f"bytes */{whole.size}"})
            return
        headers = {"Content-Range": f"bytes {first}-{last}/{whole.size}"}
        account.status = HTTPStatus.PARTIAL_CONTENT
        self._send_body(replace(whole, first=first, size=last + 1 - first), headers, faults, account)

    def _send_body(self, part: _Part, headers: Mapping[str, str], faults: BodyFaults, account: Sending) -> None:
        length = str(part.size * 2 if faults.endless else part.size)
        framing = {"Connection": "close"} if faults.unsized else {"Content-Length": length}
        self.head(account.status, {"Content-Type": _BYTES, **headers, **framing})
        if self.command == "HEAD":
            return
        cut = faults.cut(part.size)
        self._send_bytes(replace(part, size=cut), faults.pause, account)
        if faults.endless:
            self._send_bytes(part, faults.pause, account)
        if cut < part.size:
            self.hang_up()

    def _send_bytes(self, part: _Part, pause: float, account: Sending) -> None:
        """Sends them. They are counted first, so that who has all of them finds all of them counted."""
        for chunk in part.chunks(_PAUSED_CHUNK if pause else _CHUNK):
            if pause:
                time.sleep(pause)
            account.sent += len(chunk)
            self.wfile.write(chunk)

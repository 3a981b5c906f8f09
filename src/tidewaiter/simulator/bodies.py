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

_CHUNK = 1 << 16
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
    `unsized`: blobs come without a length and end with the connection. `pause`: seconds before each chunk of a
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

    def chunks(self) -> Iterator[bytes | memoryview]:
        """The bytes, in pieces."""
        for start in range(self.first, self.first + self.size, _CHUNK):
            chunk = self._read(start, min(_CHUNK, self.first + self.size - start))
            yield bytes([chunk[0] ^ 1]) + chunk[1:] if self.corrupt and start == 0 else chunk

    def _read(self, start: int, size: int) -> bytes | memoryview:
        if isinstance(self.source, bytes):
            return memoryview(self.source)[start : start + size]
        self.source.seek(start)
        return self.source.read(size)


class BlobConversation(Conversation):
    """A connection on which blobs are sent."""

    def send_blob(self, blob: Blob, digest: Digest, faults: BodyFaults) -> int:
        """Sends what the client asked for of the blob. Returns how many bytes were sent, also where it went away."""
        corrupt = digest in faults.corrupt
        if isinstance(blob, bytes):
            return self._send_part(_Part(blob, 0, len(blob), corrupt), faults)
        with blob.open("rb") as file:
            return self._send_part(_Part(file, 0, blob.stat().st_size, corrupt), faults)

    def _send_part(self, whole: _Part, faults: BodyFaults) -> int:
        match = _RANGE.fullmatch(self.headers.get("Range", ""))
        if match is None or faults.ignore_range:
            return self._send_body(HTTPStatus.OK, whole, {"Accept-Ranges": "bytes"}, faults)
        first = int(match[1]) + faults.wrong_range
        last = min(int(match[2] or whole.size), whole.size - 1)
        if first > last:
            self.send(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, b"", {"Content-Range": f"bytes */{whole.size}"})
            return 0
        headers = {"Content-Range": f"bytes {first}-{last}/{whole.size}"}
        part = replace(whole, first=first, size=last + 1 - first)
        return self._send_body(HTTPStatus.PARTIAL_CONTENT, part, headers, faults)

    def _send_body(self, status: int, part: _Part, headers: Mapping[str, str], faults: BodyFaults) -> int:
        length = str(part.size * 2 if faults.endless else part.size)
        framing = {"Connection": "close"} if faults.unsized else {"Content-Length": length}
        self.head(status, {"Content-Type": _BYTES, **headers, **framing})
        if self.command == "HEAD":
            return 0
        cut = faults.cut(part.size)
        sent = self._send_bytes(replace(part, size=cut), faults.pause)
        if faults.endless:
            sent += self._send_bytes(part, faults.pause)
        if cut < part.size:
            self.hang_up()
        return sent

    def _send_bytes(self, part: _Part, pause: float) -> int:
        """Sends them. Returns how many were sent, also where the client went away."""
        sent = 0
        try:
            for chunk in part.chunks():
                if pause:
                    time.sleep(pause)
                self.wfile.write(chunk)
                sent += len(chunk)
        except OSError:
            self.close_connection = True
        return sent

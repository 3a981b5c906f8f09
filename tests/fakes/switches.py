"""A TCP proxy on loopback that leads wherever a test says, and cuts or holds what goes through it."""

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_CHUNK = 1 << 16
_PATIENCE = 60.0  # seconds, after which a test counts as hanging
_AT_ONCE = struct.pack("ii", 1, 0)
"""No goodbye: what was sent and not read yet is lost, as with a cable that was pulled."""


class Switch:
    """Whoever connects to `url` reaches the address that it leads to; nobody, while it leads nowhere.

    A context manager: its connections end with it.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Condition()
        self._target: tuple[str, int] | None = None
        self._open: set[socket.socket] = set()
        self._left: int | None = None
        self._cuts = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def lead(self, url: str) -> None:
        """Connections that come from now on go there; to nobody, where it is ""."""
        parts = urlsplit(url)
        self._target = (str(parts.hostname), int(parts.port or 0)) if url else None

    def cut(self) -> None:
        """Ends all connections at once, whatever is under way in them."""
        with self._lock:
            self._cuts += 1
            self._lock.notify_all()
            for each in self._open:
                with suppress(OSError):
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                    each.shutdown(socket.SHUT_RDWR)

    def cut_after(self, size: int) -> None:
        """Cuts when so many more bytes have come from those who connected."""
        with self._lock:
            self._left = size

    def wait_for_cut(self) -> None:
        """Until it was cut that way."""
        with self._lock:
            assert self._lock.wait_for(lambda: self._left is None, _PATIENCE), "so much did not come"

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(here,), daemon=True).start()

    def _serve(self, here: socket.socket) -> None:
        with here:
            target, cuts = self._target, self._cuts
            if target is None:
                return
            try:
                there = socket.create_connection(target)
            except OSError:
                return
            with there:
                self._carry_both(here, there, cuts)

    def _carry_both(self, here: socket.socket, there: socket.socket, cuts: int) -> None:
        with self._lock:
            if cuts != self._cuts:
                return
            self._open |= {here, there}
        for each in (here, there):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(target=self._carry, args=(there, here, self._pass), daemon=True)
        back.start()
        self._carry(here, there, self._count)
        back.join()
        with self._lock:
            self._open -= {here, there}

    def _carry(self, source: socket.socket, sink: socket.socket, heed: Callable[[int], None]) -> None:
        with suppress(OSError):
            while chunk := source.recv(_CHUNK):
                heed(len(chunk))
                sink.sendall(chunk)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _pass(self, _: int) -> None:
        """What comes back is not counted."""

    def _count(self, size: int) -> None:
        with self._lock:
            if self._left is None:
                return
            self._left -= size
            due = self._left < 0
            if due:
                self._left = None
                self._lock.notify_all()
        if due:
            self.cut()

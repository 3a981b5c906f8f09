"""A passage from one listening socket to wherever it leads, with a record of all that goes along it, both ways."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

_CHUNK = 1 << 16


@dataclass
class Conversation:
    """What went along one connection: `sent` by who opened it, `received` by him."""

    sent: bytearray = field(default_factory=bytearray)
    received: bytearray = field(default_factory=bytearray)


class Passage:
    """Connects each connection to `listening` with a new one of `onwards`, for the time of a `with` block."""

    def __init__(self, listening: socket.socket, onwards: Callable[[], socket.socket]) -> None:
        self.conversations: list[Conversation] = []
        self._listening = listening
        self._onwards = onwards
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._begin(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            ends = [self._listening, *self._open]
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for end in ends:
            end.close()

    def _begin(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):  # it is shut down
            while True:
                here = self._listening.accept()[0]
                there = self._onwards()
                conversation = Conversation()
                with self._lock:
                    self.conversations.append(conversation)
                    self._open += [here, there]
                self._begin(_pour, here, there, conversation.sent)
                self._begin(_pour, there, here, conversation.received)


def _pour(source: socket.socket, target: socket.socket, record: bytearray) -> None:
    with suppress(OSError):
        while chunk := source.recv(_CHUNK):
            record += chunk
            target.sendall(chunk)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)

"""A load of HTTP requests as thin as can be, and the small server that they end at: both ends of a relay.

`python -m benchmarks.relay_load` is that server: it answers 57 bytes to `/healthcheck` and 30 MiB to `/list`.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import uvloop

SMALL = b'{"ok":true,"agent":"answers fifty-seven bytes of JSON."}\n'
LARGE = 30 << 20
_CHUNK = b"tidewaiter" * 6554
_CONNECTIONS = 16


class NotAnsweredError(Exception):
    """A request was answered otherwise than with 200."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a load took: seconds of each request, and of all."""

    latencies: Sequence[float]
    wall: float

    @property
    def median(self) -> float:
        """The median latency in milliseconds."""
        return sorted(self.latencies)[len(self.latencies) // 2] * 1000

    @property
    def tail(self) -> float:
        """The latency in milliseconds that one of a hundred requests exceeds."""
        return sorted(self.latencies)[len(self.latencies) * 99 // 100] * 1000

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.latencies) / self.wall


def load(url: str, headers: Sequence[str], *, requests: int, connections: int = _CONNECTIONS) -> Load:
    """Sends so many GETs over so many connections, one at a time on each. Raises where one is not answered with 200."""
    return uvloop.run(_load(url, headers, requests // connections, connections))


async def _load(url: str, headers: Sequence[str], each: int, connections: int) -> Load:
    latencies: list[float] = []
    begun = time.perf_counter()
    await asyncio.gather(*(_ask(url, headers, each, latencies) for _ in range(connections)))
    return Load(latencies, time.perf_counter() - begun)


async def _ask(url: str, headers: Sequence[str], times: int, latencies: list[float]) -> None:
    address, _, path = url.removeprefix("http://").partition("/")
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = (f"GET /{path} HTTP/1.1", f"Host: {address}", *headers, "", "")
    request = "\r\n".join(lines).encode()
    for _ in range(times):
        begun = time.perf_counter()
        writer.write(request)
        await _answer(reader)
        latencies.append(time.perf_counter() - begun)
    writer.close()


async def _answer(reader: asyncio.StreamReader) -> int:
    """The size of the body of an answer with 200."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b" 200 " not in head[:20]:
        raise NotAnsweredError(head[:200])
    if b"content-length: " in head:
        left = size = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        while left:
            left -= len(await reader.read(min(left, 1 << 20)))
        return size
    return await _chunked(reader)


async def _chunked(reader: asyncio.StreamReader) -> int:
    total = 0
    while size := int((await reader.readline()).split(b";")[0], 16):
        left = size + 2
        while left:
            left -= len(await reader.read(min(left, 1 << 20)))
        total += size
    await reader.readline()
    return total


def stream(url: str, headers: Sequence[str]) -> float:
    """The seconds in which 30 MiB come. Raises where they are not all there."""
    return uvloop.run(_stream(url, headers))


async def _stream(url: str, headers: Sequence[str]) -> float:
    latencies: list[float] = []
    await _ask(url, headers, 1, latencies)
    return latencies[0]


class _Answers(asyncio.Protocol):
    """Answers requests without bodies, one after the other."""

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._waiting = b""
        self._left = 0
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are not its children

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        while b"\r\n\r\n" in self._waiting:
            head, _, self._waiting = self._waiting.partition(b"\r\n\r\n")
            self._answer(head.split(b" ", 2)[1])

    def _answer(self, path: bytes) -> None:
        size = LARGE if path.startswith(b"/list") else len(SMALL)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n".encode()
        if size == len(SMALL):
            self._transport.write(head + SMALL)
        else:
            self._transport.write(head)
            self._left = size
            self._send()

    def _send(self) -> None:
        while self._left and not self._paused:
            part = memoryview(_CHUNK)[: self._left]
            self._left -= len(part)
            self._transport.write(part)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._send()


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Answers, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve())

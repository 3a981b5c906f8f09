"""A proxy on loopback that records what a tunnel carries: all frames of a WebSocket, unmasked, both ways."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_MASKED = 0x80
_LENGTH = 0x7F
_TWO_BYTES, _EIGHT_BYTES = 126, 127


@dataclass
class Recorder:
    """What went through: `inwards` from who connects, `outwards` to him. `url` is where the proxy is."""

    url: str = ""
    inwards: bytearray = field(default_factory=bytearray)
    outwards: bytearray = field(default_factory=bytearray)
    connections: int = 0

    def holds(self, secret: bytes) -> bool:
        """Whether a frame, or what came before the frames, holds this."""
        return any(secret in unmasked(bytes(each)) or secret in each for each in (self.inwards, self.outwards))


def unmasked(stream: bytes) -> bytes:
    """The payloads of all frames behind the head, one after the other.

    https://www.rfc-editor.org/rfc/rfc6455#section-5.2
    """
    at = stream.find(b"\r\n\r\n") + 4
    payloads = []
    while at + 2 <= len(stream):
        masked, size = stream[at + 1] & _MASKED, stream[at + 1] & _LENGTH
        at += 2
        more = {_TWO_BYTES: 2, _EIGHT_BYTES: 8}.get(size, 0)
        size = int.from_bytes(stream[at : at + more]) if more else size
        at += more
        mask = stream[at : at + 4] if masked else bytes(4)
        at += 4 if masked else 0
        payload = stream[at : at + size]
        key = int.from_bytes((mask * (len(payload) // 4 + 1))[: len(payload)])
        payloads.append((int.from_bytes(payload) ^ key).to_bytes(len(payload)))
        at += size
    return b"".join(payloads)


@asynccontextmanager
async def recording(target: str) -> AsyncIterator[Recorder]:
    """A proxy to the server at the URL, until the block ends."""
    parts, recorder = urlsplit(target), Recorder()
    tasks: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        recorder.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        onwards = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            await asyncio.gather(
                _pour(reader, onwards[1], recorder.inwards), _pour(onwards[0], writer, recorder.outwards)
            )
        finally:
            tasks.discard(task)
            for each in (writer, onwards[1]):
                each.close()

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    recorder.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield recorder
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, record: bytearray) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(1 << 16):
            record += chunk
            writer.write(chunk)
            await writer.drain()
    writer.close()

"""What carries the tunnel's frames: a WebSocket, whichever side of it this is."""

import asyncio
from contextlib import suppress
from typing import Protocol, TypedDict

from aiohttp import ClientWebSocketResponse, WSMsgType
from aiohttp.web import WebSocketResponse

from tidewaiter.broker.wire import FRAME_MOST, Code
from tidewaiter.errors import BrokerError

_REASON_MOST = 120
"""Bytes of the words of a close: https://www.rfc-editor.org/rfc/rfc6455#section-5.5"""


class SocketSettings(TypedDict):
    """How a tunnel's WebSocket is made, with `WebSocketResponse(**…)` or `session.ws_connect(url, **…)`."""

    max_msg_size: int
    autoping: bool


SOCKET: SocketSettings = {"max_msg_size": FRAME_MOST + 1, "autoping": False}
"""Frames of `FRAME_MOST` bytes at most. The tunnel has a heartbeat of its own; carriers answer others' pings."""


class Carrier(Protocol):
    """Carries whole frames both ways, in order.

    `send` returns when the frame is accepted, and waits while the other side does not read; cancelled, it has sent the
    frame whole or not at all. `receive` is called by one task only. Both raise BrokerError (lost) at the end.
    """

    async def send(self, frame: bytes) -> None:
        """Sends a frame."""

    async def receive(self) -> bytes:
        """The next frame."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Ends it; may be called twice."""


class WebSocketCarrier:
    """A carrier over aiohttp's WebSocket, made with `SOCKET` and without compression."""

    def __init__(self, socket: ClientWebSocketResponse | WebSocketResponse) -> None:
        self._socket = socket
        self._pong: asyncio.Task[None] | None = None

    async def send(self, frame: bytes) -> None:
        """Sends a frame. Raises BrokerError (lost)."""
        try:
            await self._socket.send_bytes(frame)
        except (OSError, RuntimeError) as error:
            raise _cut(error) from error

    async def receive(self) -> bytes:
        """The next frame. Raises BrokerError: lost at the end, with the words of who ended it; malformed."""
        while True:
            message = await self._socket.receive()
            if message.type is WSMsgType.BINARY:
                frame: bytes = message.data
                return frame
            if message.type is WSMsgType.PING:
                self._answer(message.data)
            elif message.type is not WSMsgType.PONG:
                raise self._ended(message.type, message.data, message.extra)

    async def close(self, code: int, reason: str) -> None:
        """Ends it with a WebSocket close code and words."""
        if self._pong is not None:
            self._pong.cancel()
        await self._socket.close(code=code, message=_told(reason))

    def _answer(self, mark: bytes) -> None:
        """Answers a ping; where the last answer has not gone yet, the next is left out."""
        if self._pong is None or self._pong.done():
            self._pong = asyncio.create_task(self._send_pong(mark))

    async def _send_pong(self, mark: bytes) -> None:
        with suppress(OSError, RuntimeError):
            await self._socket.pong(mark)

    def _ended(self, kind: WSMsgType, data: object, extra: object) -> BrokerError:
        if kind is WSMsgType.TEXT:
            return BrokerError("the tunnel carried text", code=Code.MALFORMED)
        if kind is WSMsgType.ERROR:
            return _cut(data)
        words = f"the other side ended the tunnel: {extra}" if extra else "the other side ended the tunnel"
        return BrokerError(words, code=Code.LOST, retry=True)


def _told(reason: str) -> bytes:
    """As much of the words as a close can hold, in whole characters."""
    return reason.encode(errors="replace")[:_REASON_MOST].decode(errors="ignore").encode()


def _cut(why: object) -> BrokerError:
    return BrokerError(f"the tunnel was cut: {why or type(why).__name__}", code=Code.LOST, retry=True)

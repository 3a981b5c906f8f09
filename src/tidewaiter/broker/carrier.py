"""What carries the tunnel's frames: a WebSocket, whichever side of it this is."""

from typing import Protocol

from aiohttp import ClientWebSocketResponse, WSMsgType
from aiohttp.web import WebSocketResponse

from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError


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
    """A carrier over aiohttp's WebSocket, made with `max_msg_size=wire.FRAME_MOST` and `compress=0`."""

    def __init__(self, socket: ClientWebSocketResponse | WebSocketResponse) -> None:
        self._socket = socket

    async def send(self, frame: bytes) -> None:
        """Sends a frame. Raises BrokerError (lost)."""
        try:
            await self._socket.send_bytes(frame)
        except (OSError, RuntimeError) as error:
            raise BrokerError("the tunnel was cut", code=Code.LOST, retry=True) from error

    async def receive(self) -> bytes:
        """The next frame. Raises BrokerError (lost) at the end, with the words of who ended it."""
        message = await self._socket.receive()
        if message.type is WSMsgType.BINARY:
            frame: bytes = message.data
            return frame
        raise self._ended(message.type, message.data, message.extra)

    async def close(self, code: int, reason: str) -> None:
        """Ends it with a WebSocket close code and words."""
        await self._socket.close(code=code, message=reason.encode()[:120])

    def _ended(self, kind: WSMsgType, data: object, extra: object) -> BrokerError:
        if kind is WSMsgType.TEXT:
            return BrokerError("the tunnel carried text", code=Code.MALFORMED)
        if kind is WSMsgType.ERROR:
            return BrokerError(f"the tunnel was cut: {data}", code=Code.LOST, retry=True)
        words = f"the other side ended the tunnel: {extra}" if extra else "the other side ended the tunnel"
        return BrokerError(words, code=Code.LOST, retry=True)

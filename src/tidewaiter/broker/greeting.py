"""How a tunnel begins: the client shows its tokens, the server says which connections they are."""

import asyncio

from tidewaiter.broker import wire
from tidewaiter.broker.carrier import Carrier
from tidewaiter.broker.wire import Code, Hello, Welcome
from tidewaiter.errors import BrokerError

_HELLO_MOST = wire.HEAD_MOST + 64
_WITHIN = 10.0
_QUICKEST, _SLOWEST = 0.01, 600.0  # seconds


async def greet(carrier: Carrier, hello: Hello, *, within: float = _WITHIN) -> Welcome:
    """The server's welcome to a client.

    Raises BrokerError: lost, deadline (in seconds: `within`), malformed, too-large.
    """
    _check_tokens(hello)
    await carrier.send(wire.encode_hello(hello))
    frame = await _first(carrier, within)
    if not isinstance(frame, Welcome) or len(frame.connections) != len(hello.tokens):
        raise BrokerError("the server did not welcome this client", code=Code.MALFORMED)
    if not _QUICKEST <= frame.heartbeat <= _SLOWEST:
        raise BrokerError(f"the server wants a heartbeat of {frame.heartbeat} seconds", code=Code.MALFORMED)
    return frame


async def receive_hello(carrier: Carrier, *, within: float = _WITHIN) -> Hello:
    """The client's hello.

    Raises BrokerError: lost, deadline (in seconds: `within`), malformed, refused, too-large.
    """
    frame = await _first(carrier, within)
    if not isinstance(frame, Hello):
        raise BrokerError("the tunnel did not begin with a hello", code=Code.MALFORMED)
    if frame.version != wire.VERSION:
        raise BrokerError(
            f"the client speaks version {frame.version} of the tunnel, this server version {wire.VERSION}",
            advice="Run the same version of tidewaiter on both sides",
            code=Code.REFUSED,
        )
    _check_tokens(frame)
    return frame


async def welcome(carrier: Carrier, welcome: Welcome) -> None:
    """Answers a hello; the tunnel may run from here on. Raises BrokerError (lost)."""
    await carrier.send(wire.encode_welcome(welcome))


def _check_tokens(hello: Hello) -> None:
    if len(hello.tokens) > wire.TOKENS_MOST:
        what = f"the client shows {len(hello.tokens)} tokens, and {wire.TOKENS_MOST} are the most"
        raise BrokerError(what, advice="Start another client for the rest", code=Code.TOO_LARGE)


async def _first(carrier: Carrier, within: float) -> wire.Frame:
    try:
        async with asyncio.timeout(within):
            frame = await carrier.receive()
    except TimeoutError:
        raise BrokerError(f"the other side said nothing for {within:.0f} seconds", code=Code.DEADLINE) from None
    if len(frame) > _HELLO_MOST:
        raise BrokerError(f"the tunnel began with {len(frame)} bytes", code=Code.MALFORMED)
    return wire.decode(frame)

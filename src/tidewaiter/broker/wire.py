"""The frames of the tunnel: encoded and decoded, without sending.

A frame is one binary WebSocket message: kind (1 byte), flags (1 byte), stream (8 bytes, big-endian), then what the kind
holds. Heads are msgpack arrays: a field appended by a later version is passed over. Streams are numbered upwards by who
asks, odd on one side and even on the other; stream 0 is the tunnel itself.

A stream is a request with its body one way and a reply with its body the other. Each side may send `FIRST_CREDIT` bytes
of a body before it is asked for more with CREDIT. Bodies that fit stand in one frame with their head.
"""

import re
from enum import IntEnum, StrEnum
from struct import Struct as Packing
from struct import error as PackingError  # noqa: N812 as it is named where it is made

import msgspec

from tidewaiter.errors import BrokerError

VERSION = 1

CHUNK = 256 << 10
"""The most bytes of a body in one frame."""

FIRST_CREDIT = CHUNK
"""How many bytes of a body may be sent before the other side has asked for any."""

HEAD_MOST = 64 << 10
HEADERS_MOST = 128
TOKENS_MOST = 1000
"""The most connections that one tunnel carries: greeting and welcome have them all in their heads."""

DEADLINE_MOST = 3600.0
WORDS_MOST = 2000
FRAME_MOST = CHUNK + HEAD_MOST + 64
"""The most bytes of a frame: what a carrier has to let through, and no more."""

_STATUS = range(200, 600)
_NAMES = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]*")  # https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2
_PREFIX = Packing(">BBQ")
_HEADED = Packing(">BBQI")
_CREDIT = Packing(">BBQI")
_MARK = Packing(">BBQQ")
_LAST = 1


class Code(StrEnum):
    """Why a brokered request did not come to its answer: the codes of `BrokerError`. NOT_FOUND is an answer."""

    UNAUTHORIZED = "unauthorized"
    UNKNOWN_CONNECTION = "unknown-connection"
    NOT_CONNECTED = "not-connected"
    LOST = "lost"
    DEADLINE = "deadline"
    REFUSED = "refused"
    MALFORMED = "malformed"
    TOO_LARGE = "too-large"
    REVOKED = "revoked"
    BUSY = "busy"
    UNREACHABLE = "unreachable"
    FAILED = "failed"
    NOT_FOUND = "not-found"


_CODES = frozenset(Code)


class Kind(IntEnum):
    """What a frame is."""

    HELLO = 1
    WELCOME = 2
    REQUEST = 3
    REPLY = 4
    DATA = 5
    CREDIT = 6
    RESET = 7
    PING = 8
    PONG = 9
    DROPPED = 10
    GOING_AWAY = 11


class Hello(msgspec.Struct, frozen=True, array_like=True):
    """The client's first frame. `replica` tells clients of the same connections apart."""

    version: int
    tokens: tuple[str, ...]
    replica: str
    software: str

    def __repr__(self) -> str:
        return f"Hello(version={self.version}, {len(self.tokens)} tokens, replica={self.replica!r})"


class Welcome(msgspec.Struct, frozen=True, array_like=True):
    """The server's first frame: the connections that the tokens stand for, "" for a refused one; seconds of a beat."""

    connections: tuple[str, ...]
    heartbeat: float


class Request(msgspec.Struct, frozen=True, array_like=True):
    """A request's head: `target` is the canonical path and query, `deadline` the seconds left for all of it."""

    method: str
    target: str
    connection: str
    headers: tuple[tuple[str, str], ...]
    deadline: float

    def __repr__(self) -> str:
        path = self.target.partition("?")[0]
        return f"Request({self.method!r}, {path!r}, connection={self.connection!r}, deadline={self.deadline})"


class ReplyHead(msgspec.Struct, frozen=True, array_like=True):
    """A reply's head."""

    status: int
    headers: tuple[tuple[str, str], ...]


class Dropped(msgspec.Struct, frozen=True, array_like=True):
    """Nothing more comes or goes for this connection: its token was revoked."""

    connection: str
    reason: str


class GoingAway(msgspec.Struct, frozen=True, array_like=True):
    """Whoever says so takes no new requests, and ends the tunnel when what is under way has ended."""

    reason: str


Notice = Dropped | GoingAway


class Opened(msgspec.Struct, frozen=True):
    """A request, with the first of its body; `last`: all of it."""

    stream: int
    head: Request
    chunk: bytes
    last: bool


class Replied(msgspec.Struct, frozen=True):
    """A reply, with the first of its body; `last`: all of it."""

    stream: int
    head: ReplyHead
    chunk: bytes
    last: bool


class Data(msgspec.Struct, frozen=True):
    """More of a body."""

    stream: int
    chunk: bytes
    last: bool


class Credit(msgspec.Struct, frozen=True):
    """So many more bytes of the body may be sent."""

    stream: int
    size: int


class Reset(msgspec.Struct, frozen=True, array_like=True):
    """The stream is over before its end, and why. From who asks: the request is not wanted any more."""

    code: str
    what: str
    advice: str = ""
    retry: bool = False

    def error(self) -> BrokerError:
        """The error that ended it."""
        return BrokerError(self.what, advice=self.advice, retry=self.retry, code=self.code)


class ResetAt(msgspec.Struct, frozen=True):
    """A reset and its stream."""

    stream: int
    reset: Reset


class Ping(msgspec.Struct, frozen=True):
    """Are you there?"""

    mark: int


class Pong(msgspec.Struct, frozen=True):
    """Yes; with the mark of the question."""

    mark: int


Frame = Opened | Replied | Data | Credit | ResetAt | Ping | Pong | Hello | Welcome | Dropped | GoingAway

_ENCODER = msgspec.msgpack.Encoder()
_REQUEST = msgspec.msgpack.Decoder(Request)
_REPLY = msgspec.msgpack.Decoder(ReplyHead)
_RESET = msgspec.msgpack.Decoder(Reset)
_OF_THE_TUNNEL: dict[int, msgspec.msgpack.Decoder[Hello | Welcome | Dropped | GoingAway]] = {
    Kind.HELLO: msgspec.msgpack.Decoder(Hello),
    Kind.WELCOME: msgspec.msgpack.Decoder(Welcome),
    Kind.DROPPED: msgspec.msgpack.Decoder(Dropped),
    Kind.GOING_AWAY: msgspec.msgpack.Decoder(GoingAway),
}


def encode_hello(hello: Hello) -> bytes:
    """The client's first frame. Raises BrokerError (too-large)."""
    return _PREFIX.pack(Kind.HELLO, 0, 0) + _head(hello)


def encode_welcome(welcome: Welcome) -> bytes:
    """The server's first frame."""
    return _PREFIX.pack(Kind.WELCOME, 0, 0) + _head(welcome)


def encode_request(stream: int, request: Request, chunk: bytes | memoryview = b"", *, last: bool) -> bytes:
    """The frame that opens a stream. Raises BrokerError (too-large, malformed)."""
    head = _head(_checked_request(request))
    return b"".join((_HEADED.pack(Kind.REQUEST, last, stream, len(head)), head, chunk))


def encode_reply(stream: int, reply: ReplyHead, chunk: bytes | memoryview = b"", *, last: bool) -> bytes:
    """The frame that begins a reply. Raises BrokerError (too-large, malformed)."""
    head = _head(_checked_reply(reply))
    return b"".join((_HEADED.pack(Kind.REPLY, last, stream, len(head)), head, chunk))


def encode_data(stream: int, chunk: bytes | memoryview, *, last: bool) -> bytes:
    """A frame with more of a body, at most `CHUNK` bytes."""
    return b"".join((_PREFIX.pack(Kind.DATA, last, stream), chunk))


def encode_credit(stream: int, size: int) -> bytes:
    """The frame that asks for more of a body."""
    return _CREDIT.pack(Kind.CREDIT, 0, stream, size)


def encode_reset(stream: int, error: BrokerError) -> bytes:
    """The frame that ends a stream with an error; its words are cut at a fixed length."""
    reset = Reset(error.code, _words(error.what), _words(error.advice), error.retry)
    return _PREFIX.pack(Kind.RESET, 0, stream) + _ENCODER.encode(reset)


def encode_ping(mark: int) -> bytes:
    """A heartbeat's question."""
    return _MARK.pack(Kind.PING, 0, 0, mark)


def encode_pong(mark: int) -> bytes:
    """A heartbeat's answer."""
    return _MARK.pack(Kind.PONG, 0, 0, mark)


def encode_notice(notice: Notice) -> bytes:
    """What one side tells the other about connections and itself."""
    kind = Kind.DROPPED if isinstance(notice, Dropped) else Kind.GOING_AWAY
    return _PREFIX.pack(kind, 0, 0) + _head(notice)


def decode(frame: bytes) -> Frame:
    """What a frame says. Raises BrokerError (malformed, too-large) for what this version does not know or allow."""
    if len(frame) > FRAME_MOST:
        raise _malformed(f"a frame of {len(frame)} bytes, more than {FRAME_MOST}")
    try:
        kind, flags, stream = _PREFIX.unpack_from(frame)
        return _decode(kind, flags, stream, frame)
    except PackingError:
        raise _malformed(f"a frame of {len(frame)} bytes, cut short or too long") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(f"a head that is none: {error}") from None


def _decode(kind: int, flags: int, stream: int, frame: bytes) -> Frame:
    match kind:
        case Kind.DATA:
            return Data(stream, _bounded(frame[_PREFIX.size :]), bool(flags & _LAST))
        case Kind.REQUEST:
            head, chunk = _split(frame)
            return Opened(stream, _checked_request(_REQUEST.decode(head)), _bounded(chunk), bool(flags & _LAST))
        case Kind.REPLY:
            head, chunk = _split(frame)
            return Replied(stream, _checked_reply(_REPLY.decode(head)), _bounded(chunk), bool(flags & _LAST))
        case Kind.CREDIT:
            return Credit(stream, _CREDIT.unpack(frame)[3])
        case _:
            return _decode_rare(kind, stream, frame)


def _decode_rare(kind: int, stream: int, frame: bytes) -> Frame:
    match kind:
        case Kind.PING:
            return Ping(_MARK.unpack(frame)[3])
        case Kind.PONG:
            return Pong(_MARK.unpack(frame)[3])
        case Kind.RESET:
            return ResetAt(stream, _checked_reset(_RESET.decode(_rest(frame))))
        case _ if (decoder := _OF_THE_TUNNEL.get(kind)) is not None:
            return decoder.decode(_rest(frame))
        case _:
            raise _malformed(f"a frame of an unknown kind, {kind}")


def _head(value: msgspec.Struct) -> bytes:
    head = _ENCODER.encode(value)
    if len(head) > HEAD_MOST:
        raise BrokerError(f"the head has {len(head)} bytes, more than {HEAD_MOST}", code=Code.TOO_LARGE)
    return head


def _words(text: str) -> str:
    """What is told of an error: cut, and without what no encoding has. To tell it must not fail."""
    return text[:WORDS_MOST].encode(errors="replace").decode()


def _rest(frame: bytes) -> bytes:
    rest = frame[_PREFIX.size :]
    if len(rest) > HEAD_MOST:
        raise _malformed(f"a head of {len(rest)} bytes, more than {HEAD_MOST}")
    return rest


def _split(frame: bytes) -> tuple[bytes, bytes]:
    size = _HEADED.unpack_from(frame)[3]
    end = _HEADED.size + size
    if size > HEAD_MOST or end > len(frame):
        raise _malformed(f"a head of {size} bytes in a frame of {len(frame)}")
    return frame[_HEADED.size : end], frame[end:]


def _bounded(chunk: bytes) -> bytes:
    if len(chunk) > CHUNK:
        raise _malformed(f"{len(chunk)} bytes of a body in one frame, more than {CHUNK}")
    return chunk


def _checked_request(request: Request) -> Request:
    _check_headers(request.headers)
    if not 0 <= request.deadline <= DEADLINE_MOST:
        raise _malformed(f"a deadline of {request.deadline} seconds")
    if not request.method.isalpha() or not request.target.startswith("/"):
        raise _malformed("a request without a method or a path")
    if not (request.method + request.target + request.connection).isprintable():
        raise _malformed("control characters in a request")
    return request


def _checked_reply(reply: ReplyHead) -> ReplyHead:
    _check_headers(reply.headers)
    if reply.status not in _STATUS:
        raise _malformed(f"a reply with status {reply.status}")
    return reply


def _checked_reset(reset: Reset) -> Reset:
    """The reset with a code that is one: metrics count by it, and it stands in headers. Its words are cut."""
    code = reset.code if reset.code in _CODES else Code.FAILED
    return Reset(code, _words(reset.what), _words(reset.advice), reset.retry)


def _check_headers(headers: tuple[tuple[str, str], ...]) -> None:
    if len(headers) > HEADERS_MOST:
        raise _malformed(f"{len(headers)} headers, more than {HEADERS_MOST}")
    if not all(name for name, _ in headers) or not _NAMES.fullmatch("".join([name for name, _ in headers])):
        raise _malformed("a header whose name is none")
    if not "".join([value for _, value in headers]).replace("\t", "").isprintable():
        raise _malformed("control characters in a header")


def _malformed(what: str) -> BrokerError:
    return BrokerError(f"the tunnel carried {what}", code=Code.MALFORMED)

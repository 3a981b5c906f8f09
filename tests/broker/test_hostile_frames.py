"""Frames that want to harm who receives them, or others that it serves."""

import asyncio
import random
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from struct import pack

import aiohttp
import msgspec
from aiohttp import WSMsgType, web

from clients import PAYMENTS, SOON, started
from fakes.agents import running_agent
from fakes.broker_clients import dialled
from fakes.broker_servers import RunningServer, serving
from patience import until
from raw_http import exchange, request, status
from tidewaiter.broker import wire
from tidewaiter.broker.client.settings import ClientSettings
from tidewaiter.broker.messages import CONTENT_DIGEST, CREDENTIALS, DEADLINE, JOB, RESULT_PATH, SUBSTITUTE
from tidewaiter.broker.server.settings import Ceilings
from tidewaiter.broker.service import Bounds, listening
from tidewaiter.broker.wire import CHUNK, FRAME_MOST, VERSION, Code, Hello, Kind, Welcome
from tidewaiter.errors import BrokerError


def frame(kind: int, stream: int = 0, rest: bytes = b"", *, flags: int = 0) -> bytes:
    """A frame of any kind."""
    return pack(">BBQ", kind, flags, stream) + rest


def headed(
    kind: int, stream: int, *head: object, body: bytes = b"", last: bool = True, size: int | None = None
) -> bytes:
    """A frame with a head of anything, said to have any size."""
    encoded = msgspec.msgpack.encode(head)
    told = len(encoded) if size is None else size
    return frame(kind, stream, pack(">I", told) + encoded + body, flags=int(last))


def asked(
    stream: int,
    *,
    method: str = "POST",
    target: str = RESULT_PATH,
    connection: str = "hostile",
    headers: object = (),
    deadline: object = 5.0,
    body: bytes = b"",
    last: bool = True,
) -> bytes:
    """A request of a client."""
    return headed(Kind.REQUEST, stream, method, target, connection, headers, deadline, body=body, last=last)


HELLO = wire.encode_hello(Hello(VERSION, ("token",), "one", "test"))

UNGREETED = {
    "nothing": b"",
    "one-byte": b"\x01",
    "zeros": bytes(10),
    "unknown-kind": frame(99),
    "head-that-is-none": frame(Kind.HELLO, 0, b"\xc1"),
    "head-of-another": frame(Kind.HELLO, 0, msgspec.msgpack.encode({"tokens": 1})),
    "a-map-in-a-map": frame(Kind.HELLO, 0, b"\x91" * 60_000 + b"\x90"),
    "array-without-end": frame(Kind.HELLO, 0, b"\xdd\xff\xff\xff\xff"),
    "text-without-end": frame(Kind.HELLO, 0, b"\x94\x01\x91\xdb\xff\xff\xff\xff"),
    "too-large": HELLO + bytes(wire.HEAD_MOST + 1),
    "beyond-all-bounds": HELLO + bytes(FRAME_MOST),
    "other-version": wire.encode_hello(Hello(99, ("token",), "one", "test")),
    "no-tokens": wire.encode_hello(Hello(VERSION, (), "one", "test")),
    "unknown-token": HELLO,
    "many-tokens": wire.encode_hello(Hello(VERSION, tuple(str(number) for number in range(9000)), "one", "test")),
    "token-that-is-no-text": frame(Kind.HELLO, 0, msgspec.msgpack.encode((VERSION, [b"\xff"], "one", "test"))),
    "hostile-token": wire.encode_hello(Hello(VERSION, ("' OR '1'='1", "\0", "\x1b[2J"), "one", "test")),
    "welcome": wire.encode_welcome(Welcome(("hostile",), 1.0)),
    "request": asked(1),
    "data": frame(Kind.DATA, 1, b"x"),
    "ping": wire.encode_ping(1),
    "http": b"GET /healthcheck HTTP/1.1\r\n\r\n",
}

MISPLACED = {
    "nothing": b"",
    "cut-short": b"\x05\x00\x00",
    "unknown-kind": frame(99),
    "second-hello": HELLO,
    "welcome": wire.encode_welcome(Welcome(("served",), 1.0)),
    "stream-of-the-other-side": asked(2),
    "stream-of-the-tunnel": asked(0),
    "head-longer-than-the-frame": headed(Kind.REQUEST, 1, "POST", size=1 << 30),
    "head-of-nothing": headed(Kind.REQUEST, 1, size=0),
    "head-beyond-all-bounds": headed(Kind.REQUEST, 1, "POST", RESULT_PATH, "hostile", [("a", "b" * 70_000)], 1.0),
    "many-headers": asked(1, headers=[("a", "b")] * 500),
    "header-with-newline": asked(1, headers=[("a", "b\r\nc: d")]),
    "header-with-nul": asked(1, headers=[("a", "b\0c")]),
    "name-with-newline": asked(1, headers=[("a\r\nb", "c")]),
    "name-with-colon": asked(1, headers=[("a:b", "c")]),
    "no-name": asked(1, headers=[("", "c")]),
    "headers-that-are-none": asked(1, headers=7),
    "method-with-space": asked(1, method="POST /x"),
    "method-with-newline": asked(1, method="POST\r\n"),
    "no-method": asked(1, method=""),
    "target-with-newline": asked(1, target="/v2\r\nX: y"),
    "target-with-host": asked(1, target="http://other.example/"),
    "no-time": asked(1, deadline=-1.0),
    "time-without-end": asked(1, deadline=float("inf")),
    "time-that-is-none": asked(1, deadline=float("nan")),
    "reply-to-nobody": headed(Kind.REPLY, 2, 200, ()),
    "reply-to-itself": headed(Kind.REPLY, 1, 200, ()),
    "data-of-nobody": frame(Kind.DATA, 77, b"x"),
    "too-much-data": frame(Kind.DATA, 1, bytes(CHUNK + 1)),
    "credit-of-nobody": frame(Kind.CREDIT, 77, pack(">I", 1)),
    "credit-cut-short": frame(Kind.CREDIT, 1, b"\x01"),
    "ping-cut-short": frame(Kind.PING, 0, b"\x01"),
    "reset-that-is-none": frame(Kind.RESET, 1, b"\xc1"),
    "dropped-that-is-none": frame(Kind.DROPPED, 0, b"\xc1"),
    "beyond-all-bounds": frame(Kind.DATA, 1, bytes(FRAME_MOST)),
}

REFUSED = {
    "served-connection": (asked(1, connection="served"), b"refused"),
    "path-of-the-server": (asked(1, target="/connections"), b"refused"),
    "path-with-dots": (asked(1, target="/v2/import/../../connections"), b"malformed"),
    "path-with-encoded-slash": (asked(1, target="/v2/import%2fresult"), b"malformed"),
    "other-method": (asked(1, method="GET"), b"refused"),
    "no-job": (asked(1, headers=[(CONTENT_DIGEST, "sha256:" + "0" * 64)]), b"malformed"),
    "hostile-job": (asked(1, headers=[(JOB, "../../etc"), (CONTENT_DIGEST, "sha256:" + "0" * 64)]), b"malformed"),
    "wrong-digest": (asked(1, headers=[(JOB, "job"), (CONTENT_DIGEST, "sha256:" + "0" * 64)], body=b"x"), b"malformed"),
}


@dataclass
class Shore:
    """A server with a client that it serves, and a token of a hostile one."""

    server: RunningServer
    platform: aiohttp.ClientSession
    token: str

    async def serves(self) -> bool:
        """Whether the other client gets its requests as ever, over the tunnel that it had."""
        async with self.platform.get("/broker/served/list") as answer:
            return answer.status == 200 and await answer.text() == "as you say"

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A WebSocket of the hostile client."""
        async with self.platform.ws_connect("/tunnel", max_msg_size=0, headers={"Authorization": ""}) as socket:
            yield socket

    @asynccontextmanager
    async def welcomed(self) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """The same, greeted."""
        async with self.socket() as socket:
            await socket.send_bytes(wire.encode_hello(Hello(VERSION, (self.token,), "hostile", "test")))
            assert wire.decode((await socket.receive(5)).data) == Welcome(("hostile",), 1.0)
            yield socket


@asynccontextmanager
async def shore(folder: Path, **ceilings: float) -> AsyncIterator[Shore]:
    told = Ceilings(heartbeat=1.0, grace=0.5, **ceilings)  # type: ignore[arg-type]  # the numbers among them
    async with serving(folder / "store.db", ceilings=told) as server:
        token = server.connection("hostile")
        async with (
            dialled(server, server.connection("served")) as client,
            aiohttp.ClientSession(server.url, headers=server.headers) as platform,
        ):
            yield Shore(server, platform, token)
            assert not client.running.done()


async def ended(socket: aiohttp.ClientWebSocketResponse) -> int:
    """The code with which the server ended it; 1006 where it was just cut."""
    async with asyncio.timeout(5):
        while not socket.closed:
            await socket.receive()
    return socket.close_code or 1006


def test_who_does_not_greet_is_sent_away_and_nobody_else_is_harmed(tmp_path: Path) -> None:
    async def act() -> None:
        async with shore(tmp_path) as at:
            codes = {}
            for name, data in UNGREETED.items():
                async with at.socket() as socket:
                    await socket.send_bytes(data)
                    codes[name] = await ended(socket)
            assert set(codes.values()) <= {1002, 1006, 1008, 1009}, codes
            async with at.socket() as socket:
                await socket.send_str("hello")
                assert await ended(socket) == 1008
            assert await at.serves()

    asyncio.run(act())


def test_a_misplaced_frame_ends_its_tunnel_and_nobody_else_is_harmed(tmp_path: Path) -> None:
    async def act() -> None:
        async with shore(tmp_path) as at:
            codes = {}
            for name, data in MISPLACED.items():
                async with at.welcomed() as socket:
                    await socket.send_bytes(data)
                    codes[name] = await ended(socket)
            assert codes == dict.fromkeys(MISPLACED, 1002) | {"beyond-all-bounds": 1009}
            assert await at.serves()

    asyncio.run(act())


async def answer_to(socket: aiohttp.ClientWebSocketResponse, data: bytes) -> wire.Replied | wire.ResetAt:
    """What comes on the stream of a request."""
    await socket.send_bytes(data)
    async with asyncio.timeout(5):
        while True:
            message = await socket.receive()
            assert message.type is WSMsgType.BINARY, message
            said = wire.decode(message.data)
            if isinstance(said, (wire.Replied, wire.ResetAt)):
                return said


def test_what_a_tunnel_has_not_proved_or_promised_is_refused_on_its_stream(tmp_path: Path) -> None:
    async def act() -> None:
        async with shore(tmp_path) as at:
            for name, (data, code) in REFUSED.items():
                async with at.welcomed() as socket:
                    said = await answer_to(socket, data)
                    told = said.reset.code.encode() if isinstance(said, wire.ResetAt) else said.chunk
                    assert code in told, name
            async with at.platform.get("/results/served") as answer:
                assert await answer.json() == []
            async with at.platform.get("/results/hostile") as answer:
                assert await answer.json() == []

    asyncio.run(act())


HOSTILE_REPLIES = {
    "newline-in-a-header": headed(Kind.REPLY, 2, 200, [("a", "b\r\nset-cookie: c")]),
    "newline-in-a-name": headed(Kind.REPLY, 2, 200, [("a\r\nset-cookie", "c")]),
    "status-of-an-upgrade": headed(Kind.REPLY, 2, 101, ()),
    "status-of-nothing": headed(Kind.REPLY, 2, 0, ()),
    "status-beyond-all": headed(Kind.REPLY, 2, 10**9, ()),
    "status-as-text": headed(Kind.REPLY, 2, "200 OK\r\nX: y", ()),
    "reset-without-a-code": frame(Kind.RESET, 2, msgspec.msgpack.encode(("", "x", "", False))),
    "reset-with-an-own-code": frame(Kind.RESET, 2, msgspec.msgpack.encode(("a\r\nb: c", "x\r\ny", "", False))),
    "nothing-at-all": frame(Kind.GOING_AWAY, 0, msgspec.msgpack.encode(("x",))) + b"",
}


def test_a_hostile_reply_is_an_error_for_who_asked_and_nothing_more(tmp_path: Path) -> None:
    async def act() -> None:
        async with shore(tmp_path) as at:
            for name, data in HOSTILE_REPLIES.items():
                async with at.welcomed() as socket:
                    asking = asyncio.create_task(_get(at.platform, "/broker/hostile/list", deadline="0.3"))
                    await _next_request(socket)
                    await socket.send_bytes(data)
                    status, headers = await asking
                assert status >= 500, name
                assert not {"set-cookie", "b", "x"} & {name.lower() for name in headers}, name
            assert await at.serves()

    asyncio.run(act())


def test_headers_of_a_hop_in_a_reply_do_not_reach_the_platform(tmp_path: Path) -> None:
    said = [
        ("content-length", "9999"),
        ("Transfer-Encoding", "chunked"),
        ("connection", "upgrade, x-private"),
        ("x-private", "a"),
        ("upgrade", "h2c"),
        ("x-kept", "yes"),
    ]

    async def act() -> None:
        async with shore(tmp_path) as at, at.welcomed() as socket:
            asking = asyncio.create_task(_get(at.platform, "/broker/hostile/list"))
            stream = await _next_request(socket)
            await socket.send_bytes(headed(Kind.REPLY, stream, 200, said, body=b"whole"))
            status, headers = await asking
            assert (status, headers["Content-Length"], headers["x-kept"]) == (200, "5", "yes")
            assert not {"Transfer-Encoding", "Upgrade", "x-private"} & headers.keys()
            assert await at.serves()

    asyncio.run(act())


async def _get(platform: aiohttp.ClientSession, path: str, *, deadline: str = "5") -> tuple[int, Mapping[str, str]]:
    async with platform.get(path, headers={DEADLINE: deadline}) as answer:
        await answer.read()
        return answer.status, answer.headers


async def _next_request(socket: aiohttp.ClientWebSocketResponse) -> int:
    """The stream of the next request of the server."""
    async with asyncio.timeout(5):
        while True:
            said = wire.decode((await socket.receive()).data)
            if isinstance(said, wire.Opened):
                return said.stream


def mutated(seed: int) -> Iterator[bytes]:
    """Frames that were right before some of their bytes were changed, dropped or doubled."""
    dice = random.Random(seed)
    right = [
        asked(1, headers=[(JOB, "job"), (CONTENT_DIGEST, "sha256:" + "0" * 64)], body=b"x" * 50, last=False),
        frame(Kind.DATA, 1, b"x" * 50),
        frame(Kind.CREDIT, 1, pack(">I", 1 << 20)),
        headed(Kind.REPLY, 2, 200, [("a", "b")], body=b"x"),
        wire.encode_reset(1, BrokerError("x", code=Code.LOST)),
        wire.encode_ping(7),
        wire.encode_pong(7),
        wire.encode_notice(wire.GoingAway("x")),
    ]
    for _ in range(40):
        data = bytearray(dice.choice(right))
        for _ in range(dice.randrange(3)):
            place = dice.randrange(len(data))
            match dice.randrange(4):
                case 0:
                    data[place] = dice.randrange(256)
                case 1:
                    del data[place:]
                case 2:
                    data[place:place] = dice.randbytes(dice.randrange(1, 20))
                case _:
                    data += data[place:]
            data = data or bytearray(1)
        yield bytes(data)


def test_frames_with_changed_bytes_harm_nobody(tmp_path: Path) -> None:
    async def act() -> None:
        async with shore(tmp_path) as at:
            for seed in range(25):
                async with at.welcomed() as socket:
                    for data in mutated(seed):
                        if socket.closed:
                            break
                        await socket.send_bytes(data)
                assert await at.serves()
            await until(lambda: len(at.server.server.tunnels) == 1)
            async with at.platform.get("/results/hostile") as answer:
                assert await answer.json() == []

    asyncio.run(act())


UPGRADE = request(
    "GET /tunnel",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Extensions: permessage-deflate",
).replace(b"Connection: close", b"Connection: Upgrade")


def piece(first: int, body: bytes) -> bytes:
    """A frame of the WebSocket itself, below those of the tunnel; masked with zeros."""
    length = pack(">B", 0x80 | len(body)) if len(body) < 126 else pack(">BH", 0xFE, len(body))
    return bytes([first]) + length + bytes(4) + body


BELOW = {
    "reserved-opcode": piece(0x83, HELLO),
    "reserved-bit": piece(0xA2, HELLO),
    "compressed": piece(0xC2, zlib.compress(bytes(1 << 20))[2:-4]),
    "continuation-of-nothing": piece(0x80, HELLO),
    "message-within-a-message": piece(0x02, HELLO) + piece(0x82, HELLO),
    "control-in-pieces": piece(0x09, b"x"),
    "long-control": piece(0x89, bytes(200)),
    "length-without-end": b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" + bytes(4),
    "length-below-zero": b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff" + bytes(4),
    "close-that-is-none": piece(0x88, b"x"),
    "text-that-is-none": piece(0x81, b"\xff\xfe"),
    "pieces-without-end": piece(0x02, bytes(60_000)) + piece(0x00, bytes(60_000)) * 40,
}


def test_what_is_no_websocket_is_hung_up_on_and_nobody_else_is_harmed(tmp_path: Path) -> None:
    async def act() -> None:
        async with shore(tmp_path) as at:
            for name, data in BELOW.items():
                said = await exchange(at.server.url, UPGRADE + data)
                head, _, after = said.partition(b"\r\n\r\n")
                assert status(head) == 101 or said == b"", name
                assert b"permessage-deflate" not in head, name
                assert len(after) < 200, name
            assert await at.serves()

    asyncio.run(act())


@dataclass
class HostileServer:
    """Welcomes a client, then sends it a frame."""

    frames: list[bytes]
    greeted: int = 0
    sent: list[bytes] = field(default_factory=list)

    async def enter(self, asked: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(max_msg_size=0, compress=False, timeout=0.1)
        await socket.prepare(asked)
        await socket.receive()
        self.greeted += 1
        if not self.frames:
            await socket.send_bytes(wire.encode_welcome(Welcome(("payments",), 15.0)))
            await asyncio.Event().wait()
        data = self.frames.pop()
        if data[0] != Kind.WELCOME:
            await socket.send_bytes(wire.encode_welcome(Welcome(("payments",), 15.0)))
        await socket.send_bytes(data)
        with suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                while (await socket.receive()).type is WSMsgType.BINARY:
                    pass
        await socket.close()
        return socket


WELCOMES = [
    frame(Kind.WELCOME, 0, b"\xc1"),
    wire.encode_welcome(Welcome((), 15.0)),
    wire.encode_welcome(Welcome(("payments", "hub"), 15.0)),
    wire.encode_welcome(Welcome(("../payments",), 15.0)),
    wire.encode_welcome(Welcome(("payments",), 0.0)),
    wire.encode_welcome(Welcome(("payments",), -1.0)),
    wire.encode_welcome(Welcome(("payments",), float("nan"))),
]

ASKED = [
    asked(2, method="GET", target=target, connection=connection, headers=headers)
    for target, connection, headers in (
        ("/list/../systemcheck", "payments", ()),
        ("/list/%2e%2e/systemcheck", "payments", ()),
        ("/list/..%2fsystemcheck", "payments", ()),
        ("/systemcheck", "payments", ()),
        ("//other.example/list", "payments", ()),
        ("/list", "hub", ()),
        ("/list", "", ()),
        ("/list", "payments", [(CREDENTIALS, "eyJ0eXBlIjoiZWNyIn0=")]),
        ("/list", "payments", [(SUBSTITUTE, "x-a"), ("x-a", "${HOME}")]),
        ("/list", "payments", [("a b", "c")]),
    )
]


def test_a_client_outlives_a_hostile_server_and_asks_its_agent_nothing_for_it() -> None:
    async def act() -> None:
        frames = [*MISPLACED.values(), *WELCOMES, *ASKED]
        server = HostileServer(frames)
        count = len(frames)
        app = web.Application()
        app.router.add_get("/tunnel", server.enter)
        bounds = Bounds(shutdown=0.1)
        async with running_agent() as agent, listening(app, bounds=bounds) as url:
            settings = ClientSettings(
                server_url=url, agent_url=agent.url, port=0, waiting=SOON, connections=(PAYMENTS,)
            )
            async with started(settings) as client:
                await until(lambda: server.greeted > count)
                await until(lambda: client.names == {"payments"})
                assert {seen.target for seen in agent.seen} <= {"/systemcheck?callback=try"}

    asyncio.run(act())

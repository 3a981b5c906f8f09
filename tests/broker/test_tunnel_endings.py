import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from fakes.carriers import FakeCarrier, carrier_pair
from patience import until
from tidewaiter.broker import wire
from tidewaiter.broker.tunnel import Body, Reply, Request, Tunnel, TunnelSettings
from tidewaiter.broker.wire import CHUNK, FIRST_CREDIT, Code, Reset, ResetAt
from tidewaiter.errors import BrokerError
from tunnels import echo, request, settled, tunnels

QUICK = TunnelSettings(heartbeat=0.01, patience=0.03, closing=0.05)


class Closing:
    """A body that says whether it was closed."""

    closed = False

    def __aiter__(self) -> "Closing":
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed = True


async def endless(_: Request, __: Body) -> Reply:
    await asyncio.Event().wait()
    raise AssertionError


class Hand:
    """A tunnel whose other end is moved by hand."""

    def __init__(self, *, streams: int = 4, room: int = 64) -> None:
        self.far, near = carrier_pair(room, record=False)
        settings = TunnelSettings(streams=streams, closing=0.05)
        self.handled = 0
        self.tunnel = Tunnel(near, asks_odd=False, handler=self.handle, settings=settings)
        self.run = asyncio.create_task(self.tunnel.run())
        self.go = asyncio.Event()

    async def handle(self, asked: Request, body: Body) -> Reply:
        self.handled += 1
        if asked.target == "/stubborn":
            await self.stubborn()
        return await echo(asked, body)

    async def stubborn(self) -> None:
        while not self.go.is_set():
            try:
                await self.go.wait()
            except asyncio.CancelledError:
                continue

    async def says(self) -> wire.Frame:
        """The next frame of the tunnel that is no ping."""
        while isinstance(frame := wire.decode(await self.far.receive()), wire.Ping):
            pass
        return frame

    async def send(self, *frames: bytes) -> None:
        for frame in frames:
            await self.far.send(frame)

    async def end(self) -> str:
        self.go.set()
        await self.tunnel.close("the test is over")
        return await self.run


def opened(stream: int, target: str = "/", *, last: bool = True, chunk: bytes = b"") -> bytes:
    return wire.encode_request(stream, request(target), chunk, last=last)


def test_all_that_is_under_way_ends_when_the_tunnel_is_cut() -> None:
    async def check() -> None:
        async with tunnels(endless) as ends:
            asked = [asyncio.create_task(ends.asking.ask(request())) for _ in range(3)]
            await until(lambda: ends.answering.answering == 3)
            await ends.near.close(1006, "cut")
            results = await asyncio.gather(*asked, return_exceptions=True)
            assert {getattr(result, "code", result) for result in results} == {Code.LOST}
            await ends.why()
            assert (ends.asking.load, ends.answering.answering) == (0, 0)
            body = Closing()
            with pytest.raises(BrokerError, match="the tunnel has ended"):
                await ends.asking.ask(request(), body)
            assert body.closed

    asyncio.run(check())


def test_an_answer_that_is_being_read_breaks_off_when_the_tunnel_is_cut() -> None:
    async def check() -> None:
        async with tunnels() as ends:
            never = asyncio.Event()

            async def body() -> AsyncIterator[bytes]:
                yield b"half"
                await never.wait()

            async def half(_: Request, __: Body) -> Reply:
                return Reply(200, (), body())

            ends.answering._answering._handler = half
            answer = await ends.asking.ask(request())
            chunks = answer.chunks()
            assert await anext(chunks) == b"half"
            await ends.far.close(1006, "cut")
            with pytest.raises(BrokerError) as caught:
                await anext(chunks)
            assert caught.value.code == Code.LOST

    asyncio.run(check())


def test_both_sides_say_why_the_tunnel_was_closed() -> None:
    async def check() -> None:
        async with tunnels() as ends:
            await ends.asking.close("a new version is installed")
            ours, theirs = await ends.why()
            assert ours == "a new version is installed"
            assert "a new version is installed" in theirs

    asyncio.run(check())


def test_a_tunnel_is_closed_more_than_once_and_before_it_runs() -> None:
    async def check() -> None:
        near, far = carrier_pair()
        tunnel = Tunnel(near, asks_odd=True, handler=echo)
        await asyncio.gather(tunnel.close("never mind"), tunnel.close("twice"))
        await tunnel.close("thrice")
        assert near.closed == (1000, "never mind")
        with pytest.raises(BrokerError):
            await far.receive()

    asyncio.run(check())


def test_a_tunnel_whose_task_is_cancelled_ends_all_that_is_under_way() -> None:
    async def check() -> None:
        async with tunnels(endless) as ends:
            asked = asyncio.create_task(ends.asking.ask(request()))
            await until(lambda: ends.answering.answering == 1)
            ends.runs[1].cancel()
            with pytest.raises(BrokerError) as caught:
                await asked
            assert caught.value.code == Code.LOST
            assert ends.answering.answering == 0

    asyncio.run(check())


def test_silence_ends_the_tunnel() -> None:
    async def check() -> None:
        async with tunnels(settings=QUICK) as ends:
            await ends.near.hold()
            ours, _ = await ends.why()
            assert "no sign of the other side" in ours

    asyncio.run(check())


def test_a_tunnel_in_which_something_always_waits_and_goes_is_sound() -> None:
    """Heartbeats of both sides can beat in step: then there is an answer to be sent each time that one looks."""

    async def check() -> None:
        near, far = carrier_pair(1)
        tunnel = Tunnel(near, asks_odd=True, handler=echo, settings=QUICK)
        run = asyncio.create_task(tunnel.run())
        end = asyncio.get_running_loop().time() + 4 * QUICK.patience
        for mark in range(4):
            await far.send(wire.encode_ping(mark))
        while asyncio.get_running_loop().time() < end:
            await far.receive()
            await far.send(wire.encode_ping(0))
        assert not run.done()
        await tunnel.close("the test is over")
        await run

    asyncio.run(check())


def test_a_side_to_which_nothing_can_be_sent_ends_the_tunnel() -> None:
    async def check() -> None:
        near, far = carrier_pair(1)
        tunnel = Tunnel(near, asks_odd=True, handler=echo, settings=QUICK)
        run = asyncio.create_task(tunnel.run())
        with suppress(BrokerError):
            while True:
                await far.send(wire.encode_pong(0))
                await asyncio.sleep(0.005)
        assert "nothing could be sent to the other side" in await run

    asyncio.run(check())


def test_heartbeats_alone_keep_a_tunnel() -> None:
    async def check() -> None:
        async with tunnels(settings=QUICK) as ends:
            await asyncio.sleep(0.15)
            assert not ends.runs[0].done()
            assert not ends.runs[1].done()

    asyncio.run(check())


WRONG = {
    "no frame": [b""],
    "text": [b"GET / HTTP/1.1\r\n\r\n"],
    "an unknown kind": [bytes((99,)) + bytes(9)],
    "a second hello": [wire.encode_hello(wire.Hello(1, (), "", ""))],
    "a second welcome": [wire.encode_welcome(wire.Welcome((), 1.0))],
    "a request under a number of ours": [opened(2)],
    "a request under zero": [opened(0)],
    "the same request twice": [opened(1), opened(1)],
    "requests backwards": [opened(5), opened(3)],
    "an answer that nobody asked for": [wire.encode_reply(2, wire.ReplyHead(200, ()), last=True)],
    "an answer to its own request": [opened(1), wire.encode_reply(1, wire.ReplyHead(200, ()), last=True)],
    "data of no stream": [wire.encode_data(7, b"x", last=True)],
    "data of no stream of ours": [wire.encode_data(8, b"x", last=True)],
    "credit for no stream": [wire.encode_credit(7, 1)],
    "credit for no stream of ours": [wire.encode_credit(8, 1)],
    "more than was asked for": [
        opened(1, "/stubborn", last=False, chunk=bytes(FIRST_CREDIT)),
        wire.encode_data(1, b"x", last=False),
    ],
    "more after the end": [opened(1, "/stubborn"), wire.encode_data(1, b"x", last=False)],
    "too many bytes": [bytes(wire.FRAME_MOST + 1)],
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_misplaced_ends_the_tunnel_and_is_told(name: str) -> None:
    async def check() -> None:
        hand = Hand()
        await hand.send(*WRONG[name])
        async with asyncio.timeout(2):
            why = await hand.run
        assert "the tunnel carried" in why
        assert hand.far.other.closed == (1002, why)
        hand.go.set()

    asyncio.run(check())


def test_a_reply_is_neither_taken_twice_nor_after_its_body() -> None:
    async def check(*frames: bytes) -> str:
        hand = Hand()
        asked = asyncio.create_task(hand.tunnel.ask(request()))
        assert isinstance(await hand.says(), wire.Opened)
        await hand.send(*frames)
        async with asyncio.timeout(2):
            why = await hand.run
        await asyncio.wait([asked])
        asked.exception()
        return why

    head = wire.encode_reply(2, wire.ReplyHead(200, ()), last=False)
    assert "two replies" in asyncio.run(check(head, head))
    assert "a body before its reply" in asyncio.run(check(wire.encode_data(2, b"x", last=False)))


def test_what_comes_late_for_a_stream_that_is_over_is_passed_over() -> None:
    async def check() -> None:
        hand = Hand()
        await hand.send(opened(1))
        assert isinstance(await hand.says(), wire.Replied)
        reset = wire.encode_reset(1, BrokerError("gone", code=Code.LOST))
        await hand.send(wire.encode_data(1, b"x", last=True), wire.encode_credit(1, 5), reset)
        await hand.send(wire.encode_reset(9, BrokerError("gone", code=Code.LOST)), opened(3, chunk=b"still here"))
        assert await hand.says() == wire.Replied(3, wire.ReplyHead(200, ()), b"still here", last=True)
        await hand.end()

    asyncio.run(check())


def test_what_comes_late_for_an_answer_that_was_closed_is_passed_over() -> None:
    async def check() -> None:
        hand = Hand()
        asked = asyncio.create_task(hand.tunnel.ask(request()))
        await hand.says()
        await hand.send(wire.encode_reply(2, wire.ReplyHead(200, ()), last=False))
        await (await asked).close()
        assert await hand.says() == ResetAt(2, Reset("lost", "the asker is gone"))
        head = wire.encode_reply(2, wire.ReplyHead(200, ()), last=True)
        await hand.send(wire.encode_data(2, bytes(CHUNK), last=False), head, opened(1))
        assert isinstance(await hand.says(), wire.Replied)
        await hand.end()

    asyncio.run(check())


def test_a_reply_that_comes_just_when_its_asker_goes_away_is_passed_over() -> None:
    async def check() -> None:
        hand = Hand()
        asked = asyncio.create_task(hand.tunnel.ask(request()))
        await hand.says()
        asked.cancel()
        hand.tunnel._take(wire.Replied(2, wire.ReplyHead(200, ()), b"", last=True))
        await asyncio.wait([asked])
        await hand.send(opened(1))
        assert isinstance(await hand.says(), wire.Replied)
        await hand.end()

    asyncio.run(check())


def test_requests_beyond_the_allowed_are_refused_one_by_one() -> None:
    async def check() -> None:
        hand = Hand(streams=2)
        await hand.send(*(opened(number, "/stubborn") for number in (1, 3, 5)))
        says = await hand.says()
        assert isinstance(says, ResetAt)
        assert (says.stream, says.reset.code) == (5, Code.BUSY)
        await hand.end()

    asyncio.run(check())


def test_requests_that_are_taken_back_count_until_their_handlers_have_ended() -> None:
    async def check() -> None:
        hand = Hand(streams=2)
        for number in range(1, 41, 2):
            await hand.send(opened(number, "/stubborn"), wire.encode_reset(number, BrokerError("gone", code=Code.LOST)))
        await settled()
        assert hand.handled <= 2
        assert hand.tunnel.answering <= 2
        await hand.end()

    asyncio.run(check())


def test_who_asks_and_never_reads_is_cut_off() -> None:
    async def check() -> None:
        hand = Hand(streams=1, room=1)
        await hand.send(opened(1, "/stubborn"))
        sending = asyncio.create_task(_flood(hand.far))
        async with asyncio.timeout(5):
            assert "does not read" in await hand.run
        await sending
        hand.go.set()

    asyncio.run(check())


async def _flood(carrier: FakeCarrier) -> None:
    number = 3
    while True:
        try:
            await carrier.send(opened(number))
        except BrokerError:
            return
        number += 2


def test_a_handler_that_does_not_stop_does_not_hold_up_the_end() -> None:
    async def check() -> None:
        hand = Hand()
        await hand.send(opened(1, "/stubborn"))
        await until(lambda: hand.handled == 1)
        async with asyncio.timeout(2):
            await hand.tunnel.close("enough")
        async with asyncio.timeout(2):
            await hand.tunnel.idle()
        hand.go.set()
        await hand.run

    asyncio.run(check())


def test_an_end_that_cannot_be_told_is_an_end() -> None:
    class Mute(FakeCarrier):
        async def close(self, code: int, reason: str) -> None:  # noqa: ARG002 as every carrier
            await asyncio.Event().wait()

    async def check() -> None:
        carrier = Mute(16, record=False)
        tunnel = Tunnel(carrier, asks_odd=True, handler=echo, settings=QUICK)
        run = asyncio.create_task(tunnel.run())
        await asyncio.sleep(0)
        async with asyncio.timeout(2):
            await tunnel.close("enough")
        assert await run == "enough"

    asyncio.run(check())


def test_a_fault_of_this_side_ends_the_tunnel_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: object) -> None:
        message = "this listener is broken"
        raise KeyError(message)

    async def check() -> None:
        hand = Hand()
        hand.tunnel._noticed = fail
        await hand.send(wire.encode_notice(wire.GoingAway("bye")))
        assert await hand.run == "this side of the tunnel failed"
        assert hand.far.other.closed == (1011, "this side of the tunnel failed")

    asyncio.run(check())
    assert "this listener is broken" in caplog.text

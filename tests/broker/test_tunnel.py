import asyncio
import gc
from collections.abc import AsyncIterator, Iterable

import pytest

from patience import until
from tidewaiter.broker import wire
from tidewaiter.broker.tunnel import Body, Handler, Reply, Request, TunnelSettings
from tidewaiter.broker.wire import CHUNK, FIRST_CREDIT, Code, Dropped, GoingAway
from tidewaiter.errors import BrokerError
from tunnels import echo, request, settled, tunnels

WINDOW = 1 << 20


async def pieces(sizes: Iterable[int]) -> AsyncIterator[bytes]:
    for index, size in enumerate(sizes):
        yield bytes([index % 256]) * size


class Count(AsyncIterator[bytes]):
    """A body of endless chunks: how many were taken, and whether it was closed."""

    def __init__(self, size: int = CHUNK) -> None:
        self.taken = 0
        self.closed = False
        self._chunk = bytes(size)

    async def __anext__(self) -> bytes:
        self.taken += len(self._chunk)
        await asyncio.sleep(0)
        return self._chunk

    async def aclose(self) -> None:
        self.closed = True


class Waiting:
    """A handler that waits until it is let go, or cancelled."""

    def __init__(self) -> None:
        self.begun = 0
        self.cancelled = 0
        self.go = asyncio.Event()

    async def __call__(self, _: Request, __: Body) -> Reply:
        self.begun += 1
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return Reply(200)


def streaming(body: AsyncIterator[bytes]) -> Handler:
    async def handle(_: Request, __: Body) -> Reply:
        return Reply(200, (), body)

    return handle


def test_a_request_and_its_answer_take_one_frame_each() -> None:
    async def check() -> None:
        async with tunnels(record=True) as ends:
            answer = await ends.asking.ask(request(headers=(("a", "b"),)), b"hello")
            assert (answer.status, answer.headers, answer.whole) == (200, (("a", "b"),), b"hello")
            assert await answer.read(5) == b"hello"
            beats = {wire.Kind.PING, wire.Kind.PONG}
            assert [frame[0] for frame in ends.near.sent if frame[0] not in beats] == [wire.Kind.REQUEST]
            assert [frame[0] for frame in ends.far.sent if frame[0] not in beats] == [wire.Kind.REPLY]

    asyncio.run(check())


def test_both_sides_ask_at_the_same_time() -> None:
    async def check() -> None:
        async with tunnels() as ends:
            asked = [side.ask(request(), b"%d" % n) for n in range(50) for side in (ends.asking, ends.answering)]
            answers = await asyncio.gather(*asked)
            assert [answer.whole for answer in answers] == [b"%d" % n for n in range(50) for _ in range(2)]

    asyncio.run(check())


SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, FIRST_CREDIT + 1, WINDOW - 1, WINDOW, 3 * WINDOW + 7]


@pytest.mark.parametrize("size", SIZES)
def test_a_body_of_any_size_goes_and_comes_whole(size: int) -> None:
    async def check() -> None:
        async with tunnels(settings=TunnelSettings(window=WINDOW)) as ends:
            body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
            answer = await ends.asking.ask(request(method="POST"), body)
            assert await answer.read(size) == body
            assert (ends.asking.load, ends.answering.answering) == (0, 0)

    asyncio.run(check())


@pytest.mark.parametrize("sizes", [[], [0], [1, 2, 3], [0, 5, 0], [3 * CHUNK], [CHUNK] * 9, [1] * 500])
def test_a_body_that_is_made_as_it_goes_arrives_whole_both_ways(sizes: list[int]) -> None:
    async def reflect(_: Request, body: Body) -> Reply:
        return Reply(200, (), body)

    async def check() -> None:
        async with tunnels(reflect) as ends:
            answer = await ends.asking.ask(request(method="POST"), pieces(sizes))
            expected = b"".join([piece async for piece in pieces(sizes)])
            assert b"".join([chunk async for chunk in answer.chunks()]) == expected

    asyncio.run(check())


def test_a_reply_may_begin_before_the_request_has_ended() -> None:
    async def reflect(_: Request, body: Body) -> Reply:
        return Reply(200, (), body)

    async def check() -> None:
        to_send: asyncio.Queue[bytes] = asyncio.Queue()

        async def body() -> AsyncIterator[bytes]:
            while chunk := await to_send.get():
                yield chunk

        async with tunnels(reflect) as ends:
            answer = await ends.asking.ask(request(), body())
            chunks = answer.chunks()
            for word in (b"one", b"two"):
                to_send.put_nowait(word)
                assert await anext(chunks) == word
            to_send.put_nowait(b"")
            assert [chunk async for chunk in chunks] == []

    asyncio.run(check())


def test_an_answer_that_nobody_reads_is_not_sent_beyond_its_first_credit() -> None:
    async def check() -> None:
        body = Count()
        async with tunnels(streaming(body)) as ends, await ends.asking.ask(request()):
            await settled()
            assert body.taken <= FIRST_CREDIT + CHUNK

    asyncio.run(check())


def test_an_answer_that_is_read_slowly_is_sent_one_window_ahead() -> None:
    async def check() -> None:
        body = Count()
        settings = TunnelSettings(window=WINDOW)
        async with tunnels(streaming(body), settings=settings) as ends, await ends.asking.ask(request()) as answer:
            chunks = answer.chunks()
            read = 0
            for _ in range(20):
                read += len(await anext(chunks))
                await settled()
                assert body.taken <= read + WINDOW + CHUNK
            assert body.taken > WINDOW

    asyncio.run(check())


def test_windows_of_all_streams_together_stay_inside_the_memory() -> None:
    async def check() -> None:
        bodies = [Count() for _ in range(6)]
        waiting = iter(bodies)

        async def handle(_: Request, __: Body) -> Reply:
            return Reply(200, (), next(waiting))

        settings = TunnelSettings(window=WINDOW, memory=WINDOW)
        async with tunnels(handle, settings=settings) as ends:
            answers = [await ends.asking.ask(request()) for _ in bodies]
            for answer in answers:
                await anext(answer.chunks())
            await settled()
            ahead = sum(body.taken for body in bodies) - len(bodies) * CHUNK
            assert ahead <= WINDOW + len(bodies) * (FIRST_CREDIT + CHUNK)
            for answer in answers:
                await answer.close()
            assert ends.asking._room.take(2 * WINDOW) == WINDOW

    asyncio.run(check())


def test_memory_is_free_again_when_an_answer_was_read_to_its_end() -> None:
    async def check() -> None:
        async with tunnels(settings=TunnelSettings(window=WINDOW, memory=WINDOW)) as ends:
            for _ in range(3):
                answer = await ends.asking.ask(request(), pieces([CHUNK] * 8))
                assert len(await answer.read(8 * CHUNK)) == 8 * CHUNK
            assert ends.asking._room.take(2 * WINDOW) == WINDOW
            assert ends.answering._room.take(2 * WINDOW) == WINDOW

    asyncio.run(check())


def test_who_does_not_read_an_answer_holds_up_nobody() -> None:
    async def handle(asked: Request, body: Body) -> Reply:
        return Reply(200, (), Count()) if asked.target == "/large" else await echo(asked, body)

    async def check() -> None:
        settings = TunnelSettings(heartbeat=0.01, patience=0.2)
        async with tunnels(handle, settings=settings) as ends:
            async with await ends.asking.ask(request("/large")), await ends.asking.ask(request("/large")):
                await settled()
                for _ in range(20):
                    assert (await ends.asking.ask(request(), b"small")).whole == b"small"
                await until(lambda: ends.asking.round_trip > 0 and ends.answering.round_trip > 0)
            assert not ends.runs[0].done()

    asyncio.run(check())


def test_streams_take_turns() -> None:
    async def check() -> None:
        async with tunnels(room=1, record=True) as ends:
            bodies = [bytes([n]) * (4 * CHUNK) for n in range(3)]
            answers = await asyncio.gather(*(ends.asking.ask(request(), body) for body in bodies))
            assert [await answer.read(4 * CHUNK) for answer in answers] == bodies
            order = [int.from_bytes(frame[2:10]) for frame in ends.near.sent if frame[0] == wire.Kind.DATA]
            assert set(order[:3]) == {1, 3, 5}

    asyncio.run(check())


def test_an_error_of_the_handler_is_raised_by_who_asked() -> None:
    async def refuse(_: Request, __: Body) -> Reply:
        raise BrokerError("no rule allows it", advice="Add one", retry=True, code=Code.REFUSED)

    async def check() -> None:
        async with tunnels(refuse) as ends:
            with pytest.raises(BrokerError) as caught:
                await ends.asking.ask(request())
            error = caught.value
            assert (error.what, error.advice, error.retry, error.code) == (
                "no rule allows it",
                "Add one",
                True,
                "refused",
            )

    asyncio.run(check())


def test_a_handler_that_fails_tells_its_asker_no_details(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(_: Request, __: Body) -> Reply:
        message = "the password is hunter2"
        raise ValueError(message)

    async def check() -> None:
        async with tunnels(fail) as ends:
            with pytest.raises(BrokerError) as caught:
                await ends.asking.ask(request())
            assert caught.value.code == Code.FAILED
            assert "hunter2" not in str(caught.value)

    asyncio.run(check())
    assert "hunter2" in caplog.text


def test_an_answer_that_breaks_off_is_an_error_not_an_end() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise BrokerError("the agent is gone", code=Code.UNREACHABLE)

    async def check() -> None:
        async with tunnels(streaming(broken())) as ends:
            answer = await ends.asking.ask(request())
            with pytest.raises(BrokerError, match="the agent is gone"):
                await answer.read(100)

    asyncio.run(check())


def test_a_reply_that_cannot_be_sent_is_an_error_at_the_asker() -> None:
    async def handle(_: Request, __: Body) -> Reply:
        return Reply(200, (("a", "x" * wire.HEAD_MOST),), Count())

    async def check() -> None:
        async with tunnels(handle) as ends:
            with pytest.raises(BrokerError) as caught:
                await ends.asking.ask(request())
            assert caught.value.code == Code.TOO_LARGE

    asyncio.run(check())


def test_a_request_whose_body_breaks_off_ends_with_that_error_and_cancels_the_handler() -> None:
    async def check() -> None:
        handler = Waiting()

        async def body() -> AsyncIterator[bytes]:
            yield b"half"
            await until(lambda: handler.begun == 1)
            message = "the disk is gone"
            raise OSError(message)

        async with tunnels(handler) as ends:
            with pytest.raises(OSError, match="the disk is gone"):
                await ends.asking.ask(request(), body())
            await until(lambda: handler.cancelled == 1)
            assert ends.asking.load == 0

    asyncio.run(check())


def test_an_asker_that_is_cancelled_cancels_the_handler() -> None:
    async def check() -> None:
        handler = Waiting()
        async with tunnels(handler) as ends:
            asking = asyncio.create_task(ends.asking.ask(request()))
            await until(lambda: handler.begun == 1)
            asking.cancel()
            await asyncio.wait([asking])
            await until(lambda: handler.cancelled == 1)
            await until(lambda: (ends.asking.load, ends.answering.answering) == (0, 0))

    asyncio.run(check())


def test_an_answer_that_is_closed_cancels_the_handler_and_closes_its_body() -> None:
    async def check() -> None:
        body = Count()
        async with tunnels(streaming(body)) as ends:
            async with await ends.asking.ask(request()) as answer:
                await anext(answer.chunks())
            await until(lambda: body.closed)
            await until(lambda: ends.answering.answering == 0)
            with pytest.raises(BrokerError):
                await anext(answer.chunks())

    asyncio.run(check())


def test_an_answer_larger_than_is_read_is_closed() -> None:
    async def check() -> None:
        body = Count()
        async with tunnels(streaming(body)) as ends:
            answer = await ends.asking.ask(request())
            with pytest.raises(BrokerError) as caught:
                await answer.read(WINDOW)
            assert caught.value.code == Code.TOO_LARGE
            await until(lambda: body.closed)

    asyncio.run(check())


def test_a_reply_before_the_request_was_read_ends_its_sending() -> None:
    async def check() -> None:
        body = Count()

        async def handle(_: Request, __: Body) -> Reply:
            return Reply(413)

        async with tunnels(handle) as ends:
            assert (await ends.asking.ask(request(), body)).status == 413
            await until(lambda: body.closed)
            assert ends.asking.load == 0

    asyncio.run(check())


def test_a_deadline_ends_the_request_on_both_sides() -> None:
    async def check() -> None:
        handler = Waiting()
        async with tunnels(handler) as ends:
            with pytest.raises(BrokerError) as caught:
                await ends.asking.ask(request(deadline=0.02))
            assert caught.value.code == Code.DEADLINE
            await until(lambda: handler.cancelled == 1)

    asyncio.run(check())


def test_a_deadline_is_that_of_the_whole_answer() -> None:
    async def check() -> None:
        body = Count()
        async with tunnels(streaming(body)) as ends:
            answer = await ends.asking.ask(request(deadline=0.05))
            with pytest.raises(BrokerError) as caught:
                async for _ in answer.chunks():
                    pass
            assert caught.value.code == Code.DEADLINE
            await until(lambda: body.closed)

    asyncio.run(check())


def test_a_deadline_holds_while_nothing_can_be_sent() -> None:
    async def check() -> None:
        async with tunnels(room=1) as ends:
            await ends.far.hold()
            late = [ends.asking.ask(request(deadline=0.02), body) for body in (b"x", Count(), bytes(4 * CHUNK)) * 2]
            results = await asyncio.gather(*late, return_exceptions=True)
            assert {getattr(result, "code", result) for result in results} == {Code.DEADLINE}
            await ends.far.hold(held=False)
            assert (await ends.asking.ask(request(), b"after")).whole == b"after"

    asyncio.run(check())


def test_a_request_without_time_left_is_not_sent() -> None:
    async def check() -> None:
        body = Count()
        async with tunnels() as ends:
            with pytest.raises(BrokerError) as caught:
                await ends.asking.ask(request(deadline=0.0), body)
            assert (caught.value.code, body.closed) == (Code.DEADLINE, True)

    asyncio.run(check())


def test_a_request_that_none_should_be_harms_nobody_else() -> None:
    async def check() -> None:
        body = Count()
        async with tunnels() as ends:
            with pytest.raises(BrokerError) as caught:
                await ends.asking.ask(request("not a path"), body)
            assert (caught.value.code, body.closed, ends.asking.load) == (Code.MALFORMED, True, 0)
            assert (await ends.asking.ask(request(), b"after")).whole == b"after"

    asyncio.run(check())


def test_no_more_requests_than_allowed_are_under_way() -> None:
    async def check() -> None:
        handler = Waiting()
        async with tunnels(handler, settings=TunnelSettings(streams=2)) as ends:
            asked = [asyncio.create_task(ends.asking.ask(request())) for _ in range(2)]
            await until(lambda: handler.begun == 2)
            assert ends.asking.load == 2
            with pytest.raises(BrokerError) as caught:
                await ends.asking.ask(request())
            assert caught.value.code == Code.BUSY
            handler.go.set()
            assert [(await task).status for task in asked] == [200, 200]

    asyncio.run(check())


def test_the_other_side_is_told_of_connections_and_of_leaving() -> None:
    async def check() -> None:
        async with tunnels() as ends:
            heard: list[object] = []
            ends.answering._noticed = heard.append
            await ends.asking.tell(Dropped("blue", "revoked"))
            await ends.asking.tell(GoingAway("stopping"))
            await ends.asking.close("stopping")
            await ends.why()
            assert heard == [Dropped("blue", "revoked"), GoingAway("stopping")]

    asyncio.run(check())


def test_a_tunnel_is_idle_when_nothing_is_under_way() -> None:
    async def check() -> None:
        handler = Waiting()
        async with tunnels(handler) as ends:
            await ends.asking.idle()
            asked = asyncio.create_task(ends.asking.ask(request()))
            await until(lambda: handler.begun == 1)
            idle = [asyncio.create_task(side.idle()) for side in (ends.asking, ends.answering)]
            await settled()
            assert not any(task.done() for task in idle)
            handler.go.set()
            await asyncio.gather(asked, *idle)

    asyncio.run(check())


def test_nothing_is_left_behind_by_many_requests() -> None:
    async def check() -> None:
        async with tunnels() as ends:
            for _ in range(300):
                await ends.asking.ask(request(), b"x")
            gc.collect()
            assert len(asyncio.all_tasks()) < 10

    asyncio.run(check())

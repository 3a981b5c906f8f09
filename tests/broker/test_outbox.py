import asyncio
from collections.abc import Callable

import pytest

from tidewaiter.broker.outbox import Outbox
from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError
from tunnels import settled


class Gate:
    """A carrier that lets frames pass one by one."""

    def __init__(self) -> None:
        self.passed: list[bytes] = []
        self.on_pass: Callable[[], object] = lambda: None
        self._pass = asyncio.Semaphore(0)

    async def send(self, frame: bytes) -> None:
        await self._pass.acquire()
        self.passed.append(frame)
        self.on_pass()

    async def receive(self) -> bytes:
        raise AssertionError

    async def close(self, code: int, reason: str) -> None:  # noqa: ARG002 as every carrier
        raise AssertionError

    async def open(self, times: int = 1000) -> None:
        for _ in range(times):
            self._pass.release()
        await settled()


class Waiting:
    """An outbox with a frame on its way, behind which others wait."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.jams = 0
        self.outbox = Outbox(self.gate, self._jammed)
        self.tasks = [asyncio.create_task(self.outbox.run())]
        self.sending: list[asyncio.Task[None]] = []

    def _jammed(self) -> None:
        self.jams += 1

    async def send(self, *frames: bytes) -> None:
        for frame in frames:
            self.sending.append(asyncio.create_task(self.outbox.send(frame)))
            await asyncio.sleep(0)

    async def end(self) -> None:
        for task in (*self.tasks, *self.sending):
            task.cancel()
        await asyncio.gather(*self.tasks, *self.sending, return_exceptions=True)


def test_control_frames_go_before_bodies_that_wait() -> None:
    async def check() -> None:
        waiting = Waiting()
        await waiting.send(b"first", b"second", b"third")
        waiting.outbox.post(b"control")
        assert waiting.outbox.waiting
        await waiting.gate.open()
        assert waiting.gate.passed == [b"first", b"control", b"second", b"third"]
        assert [waiting.outbox.waiting] == [False]
        await waiting.end()

    asyncio.run(check())


def test_a_control_frame_alone_goes_at_once() -> None:
    async def check() -> None:
        waiting = Waiting()
        await waiting.gate.open()
        waiting.outbox.post(b"control")
        await settled()
        await waiting.send(b"body")
        await settled()
        assert waiting.gate.passed == [b"control", b"body"]
        await waiting.end()

    asyncio.run(check())


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_who_goes_away_while_waiting_holds_up_nobody(gone: int) -> None:
    async def check() -> None:
        waiting = Waiting()
        frames = [b"first", b"second", b"third"]
        await waiting.send(*frames)
        waiting.sending[gone].cancel()
        await waiting.gate.open()
        del frames[gone]
        assert waiting.gate.passed == frames
        await waiting.send(b"after")
        await settled()
        assert waiting.gate.passed[-1] == b"after"
        await waiting.end()

    asyncio.run(check())


def test_who_goes_away_just_when_its_turn_has_come_passes_it_on() -> None:
    async def check() -> None:
        waiting = Waiting()
        await waiting.send(b"first", b"second", b"third")
        loop = asyncio.get_running_loop()
        waiting.gate.on_pass = lambda: loop.call_soon(waiting.sending[1].cancel)
        await waiting.gate.open()
        assert waiting.gate.passed == [b"first", b"third"]
        await waiting.end()

    asyncio.run(check())


def test_whoever_waits_at_the_end_is_told() -> None:
    async def check() -> None:
        waiting = Waiting()
        await waiting.send(b"first", b"second", b"third")
        waiting.outbox.end()
        waiting.outbox.post(b"control")
        await waiting.gate.open()
        results = await asyncio.gather(*waiting.sending, return_exceptions=True)
        assert [getattr(result, "code", "") for result in results] == ["", Code.LOST, Code.LOST]
        with pytest.raises(BrokerError):
            await waiting.outbox.send(b"after")
        assert waiting.gate.passed == [b"first"]
        await waiting.end()

    asyncio.run(check())


def test_more_control_frames_than_can_wait_are_told_once_each_and_not_kept() -> None:
    async def check() -> None:
        waiting = Waiting()
        for _ in range(5000):
            waiting.outbox.post(b"control")
        assert waiting.jams == 5000 - 4096
        await waiting.end()

    asyncio.run(check())

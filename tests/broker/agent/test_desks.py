"""Work beside the event loop: its results and errors come back, and nobody waits for what nobody wants."""

import asyncio
import threading
from collections.abc import Generator

import pytest

from tidewaiter.broker.agent.desks import Desks
from tidewaiter.errors import BrokerError, CloudError


def test_results_and_errors_come_back() -> None:
    async def main() -> None:
        desks = Desks()
        assert await desks.call(lambda: threading.current_thread().name) == "tidewaiter-desk"
        with pytest.raises(CloudError, match="refused"):
            await desks.call(_refuse)
        desks.close()
        with pytest.raises(BrokerError):
            await desks.call(_refuse)

    asyncio.run(main())


def test_what_nobody_waits_for_any_more_is_not_begun() -> None:
    begun: list[str] = []

    async def main() -> None:
        desks, going = Desks(calls=1), threading.Event()

        def wait() -> None:
            begun.append("first")
            going.wait(10)

        first = asyncio.ensure_future(desks.call(wait))
        second = asyncio.ensure_future(desks.call(lambda: begun.append("second")))
        await asyncio.sleep(0.05)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        going.set()
        await first
        await desks.call(lambda: begun.append("third"))
        desks.close()

    asyncio.run(main())
    assert begun == ["first", "third"]


def test_lines_come_in_order_and_end() -> None:
    async def main() -> bytes:
        desks = Desks()
        conveyor = desks.stream(_numbers, held=100)
        taken = b""
        while lines := await conveyor.take():
            taken += lines
        assert await conveyor.take() == b""
        desks.close()
        return taken

    assert asyncio.run(main()) == b"".join(_numbers())


def test_an_error_comes_after_the_lines_before_it() -> None:
    def lines() -> Generator[bytes, None, None]:
        yield b"one\n"
        raise CloudError("refused")

    async def main() -> None:
        desks = Desks()
        conveyor = desks.stream(lines)
        assert await conveyor.take() == b"one\n"
        with pytest.raises(CloudError, match="refused"):
            await conveyor.take()
        desks.close()

    asyncio.run(main())


def test_who_stops_ends_the_making_also_while_it_waits_for_room() -> None:
    closed = threading.Event()

    def lines() -> Generator[bytes, None, None]:
        try:
            while True:
                yield bytes(100)
        finally:
            closed.set()

    async def main() -> None:
        desks = Desks()
        conveyor = desks.stream(lines, held=1000)
        await conveyor.take()
        conveyor.stop()
        assert await asyncio.to_thread(closed.wait, 10)
        desks.close()

    asyncio.run(main())


def _refuse() -> None:
    raise CloudError("refused")


def _numbers() -> Generator[bytes, None, None]:
    for number in range(5_000):
        yield b"%d\n" % number

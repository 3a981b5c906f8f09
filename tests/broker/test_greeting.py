import asyncio

import pytest

from fakes.carriers import carrier_pair
from tidewaiter.broker import greeting, wire
from tidewaiter.broker.wire import Code, Hello, Welcome
from tidewaiter.errors import BrokerError

HELLO = Hello(wire.VERSION, ("t0", "t1"), "replica", "tidewaiter 1")


def test_a_client_is_told_which_connections_its_tokens_are() -> None:
    async def check() -> None:
        near, far = carrier_pair()
        greeted = asyncio.create_task(greeting.greet(near, HELLO))
        assert await greeting.receive_hello(far) == HELLO
        await greeting.welcome(far, Welcome(("blue", ""), 15.0))
        assert await greeted == Welcome(("blue", ""), 15.0)

    asyncio.run(check())


HELLOS = {
    "another version": (wire.encode_hello(Hello(2, (), "", "")), Code.REFUSED),
    "more tokens than may be": (wire.encode_hello(Hello(wire.VERSION, ("",) * 1001, "", "")), Code.TOO_LARGE),
    "no hello": (wire.encode_ping(1), Code.MALFORMED),
    "no frame": (b"GET / HTTP/1.1\r\n\r\n", Code.MALFORMED),
    "more than a hello": (wire.encode_data(1, bytes(wire.CHUNK), last=True), Code.MALFORMED),
}


@pytest.mark.parametrize("name", HELLOS)
def test_what_is_no_hello_is_refused(name: str) -> None:
    async def check() -> None:
        frame, code = HELLOS[name]
        near, far = carrier_pair()
        await near.send(frame)
        with pytest.raises(BrokerError) as caught:
            await greeting.receive_hello(far)
        assert caught.value.code == code

    asyncio.run(check())


WELCOMES = {
    "too few connections": wire.encode_welcome(Welcome(("blue",), 15.0)),
    "no welcome": wire.encode_ping(1),
    "no pause between beats": wire.encode_welcome(Welcome(("blue", ""), 0.0)),
    "no number of seconds": wire.encode_welcome(Welcome(("blue", ""), float("nan"))),
    "no beat for days": wire.encode_welcome(Welcome(("blue", ""), 1e6)),
}


@pytest.mark.parametrize("name", WELCOMES)
def test_what_is_no_welcome_for_all_tokens_is_refused(name: str) -> None:
    async def check() -> None:
        near, far = carrier_pair()
        await far.send(WELCOMES[name])
        with pytest.raises(BrokerError) as caught:
            await greeting.greet(near, HELLO)
        assert caught.value.code == Code.MALFORMED

    asyncio.run(check())


def test_who_says_nothing_is_waited_for_only_so_long() -> None:
    async def check() -> None:
        near, far = carrier_pair()
        for waiting in (greeting.receive_hello(far, within=0.01), greeting.greet(near, HELLO, within=0.01)):
            with pytest.raises(BrokerError) as caught:
                await waiting
            assert caught.value.code == Code.DEADLINE

    asyncio.run(check())


def test_a_client_that_is_turned_away_hears_why() -> None:
    async def check() -> None:
        near, far = carrier_pair()
        await far.close(1008, "too many clients")
        with pytest.raises(BrokerError) as caught:
            await greeting.greet(near, HELLO)
        assert caught.value.code == Code.LOST

    asyncio.run(check())


def test_more_tokens_than_a_hello_holds_are_an_error_at_the_client() -> None:
    async def check() -> None:
        near, _ = carrier_pair()
        with pytest.raises(BrokerError) as caught:
            await greeting.greet(near, Hello(wire.VERSION, ("t" * 43,) * 5000, "replica", "tidewaiter 1"))
        assert caught.value.code == Code.TOO_LARGE

    asyncio.run(check())

"""Servers that die while others go on, and a server to which clients come back a thousand times."""

import asyncio
from pathlib import Path

import aiohttp

from broker_programs import Program, Site
from brokered_cargo import Harvest, harbour, harvest
from fakes.holds import HeldBlobs
from fakes.switches import Switch
from fleet_commands import until
from postgresql_servers import postgresql_server
from tidewaiter.broker.carrier import WebSocketCarrier
from tidewaiter.broker.greeting import greet
from tidewaiter.broker.wire import VERSION, Hello

AT_ONCE = 25
ROUNDS = 40
MIB = 1 << 20


def test_a_server_dies_whose_tunnel_another_one_used(database: Path, tmp_path: Path, brought_in: Harvest) -> None:
    """The client is connected to the one, the platform to the other; both have one store in PostgreSQL."""
    with (
        postgresql_server() as store,
        harbour(tmp_path, database, store=store) as place,
        Switch() as to_first,
        Switch() as to_second,
    ):
        first = advertised(place, to_first)
        place.start_agent()
        place.start_client()
        second = advertised(place, to_second)
        hold = HeldBlobs.of(place.world.cloud).hold(after=4)
        running = place.scan()
        hold.wait(lambda: running.is_alive)
        assert second.says("answered", path="/broker/web/list", status=200)
        assert not second.says("a tunnel was opened"), "the first one has it"
        first.kill()
        hold.release()
        found = harvest(place, running.ended())
    assert second.says("a result arrived")
    assert found == brought_in
    assert found.pulls == {1}


def advertised(place: Site, switch: Switch) -> Program:
    """A server that others reach by a switch. Who comes from now on comes to it."""
    server = place.start_server("--advertise", switch.url)
    switch.lead(server.url)
    return server


def test_after_a_thousand_reconnects_a_server_is_as_it_was(place: Site) -> None:
    server = place.start_server()
    asyncio.run(come_and_go(place, rounds=4))
    files, threads, memory = server.files, server.threads, server.memory
    asyncio.run(come_and_go(place, rounds=ROUNDS))
    until(lambda: nobody_is_left(place) or None)
    assert server.files < files + AT_ONCE, "the store's own among them"
    assert server.threads < threads + AT_ONCE
    assert server.memory < memory + 24 * MIB
    assert server.stop() == 0


async def come_and_go(place: Site, *, rounds: int) -> None:
    """Many clients come in together, again and again; every other time they are cut off."""
    async with aiohttp.ClientSession() as session:
        for number in range(rounds):
            sockets = await asyncio.gather(*[entered(session, place) for _ in range(AT_ONCE)])
            if number % 2:
                await asyncio.to_thread(place.tunnel.cut)
            await asyncio.gather(*[socket.close() for socket in sockets])


async def entered(session: aiohttp.ClientSession, place: Site) -> aiohttp.ClientWebSocketResponse:
    """A client that was let in."""
    socket = await session.ws_connect(f"{place.tunnel.url}/tunnel")
    welcome = await greet(WebSocketCarrier(socket), Hello(VERSION, (place.tokens["web"],), "one of many", "test"))
    assert welcome.connections == ("web",)
    return socket


def nobody_is_left(place: Site) -> bool:
    """Whether the server holds no tunnel any more."""
    with place.asked("/metrics") as answer:
        return b"\ntidewaiter_broker_tunnels 0.0\n" in answer.read()

"""A brokered scan in which programs are killed or parted: it ends as if nothing had happened, and pulls nothing twice.

A killed platform is in `tests/broker/test_end_to_end.py`, an agent killed at each step of a result's way in
`tests/broker/agent/test_killed_agent.py`.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from broker_programs import Site
from brokered_cargo import Harvest, harvest, kept_layers, pulls, spooled, start
from fakes.holds import HeldBlobs, HeldCalls
from fleet_commands import Json, until


def test_a_server_is_killed_and_started_again(place: Site, brought_in: Harvest) -> None:
    server, _, _ = start(place)
    hold = HeldBlobs.of(place.world.cloud).hold(after=4)
    running = place.scan()
    hold.wait(lambda: running.is_alive)
    server.kill()
    hold.release()
    until(lambda: waiting_at_agent(place) or None)
    place.start_server()
    found = harvest(place, running.ended())
    assert found == brought_in
    assert found.pulls == {1}


def test_an_agent_is_killed_with_results_on_its_disk(place: Site, brought_in: Harvest) -> None:
    """Some were delivered, some wait, some jobs are not done: those are asked for again, and all layers are there."""
    _, agent, client = start(place)
    hold = HeldBlobs.of(place.world.cloud).hold(after=12)
    running = place.scan()
    hold.wait(lambda: running.is_alive)
    until(lambda: not waiting_at_agent(place) or None)
    place.back.lead("")
    place.back.cut()
    fuller = HeldBlobs.of(place.world.cloud).hold(after=3)
    hold.release()
    fuller.wait(lambda: running.is_alive)
    until(lambda: waiting_at_agent(place) or None)
    agent.kill()
    fuller.release()
    before, kept = pulls(place), kept_layers(place)
    assert kept
    place.back.lead(client.url)
    place.start_agent()
    assert harvest(place, running.ended()) == brought_in
    after = pulls(place)
    assert not [digest for digest in kept if after[digest] > before[digest]]
    assert not waiting_at_agent(place)


def test_one_of_two_clients_is_killed_with_requests_under_way(place: Site, brought_in: Harvest) -> None:
    _, _, first = start(place)
    second = place.start_client("--replica", "second")
    for each in (first, second):
        each.wait_for("It works", connection="data")
    hold = HeldCalls.of(place.world.cloud).hold("ecr:DescribeImages")
    running = place.scan()
    hold.wait(lambda: running.is_alive)
    until(lambda: (len(found := loads(place)) == 4 and all(found)) or None)
    first.kill()
    until(lambda: len(loads(place)) == 2 or None)
    hold.release()
    found = harvest(place, running.ended())
    assert found == brought_in
    assert found.pulls == {1}
    with place.asked("/metrics") as answer:
        assert b"tidewaiter_broker_retries_total 0.0" not in answer.read(), "requests were sent to the other one"


def test_a_tunnel_is_cut_again_and_again(place: Site, brought_in: Harvest) -> None:
    start(place)
    running = place.scan()
    for size in (4_000, 6_000):
        place.tunnel.cut_after(size)
        place.tunnel.wait_for_cut()
    found = harvest(place, running.ended())
    assert found == brought_in
    assert found.pulls == {1}


def test_stores_are_locked_for_a_while(place: Site, brought_in: Harvest) -> None:
    start(place)
    hold = HeldBlobs.of(place.world.cloud).hold(after=6)
    running = place.scan()
    hold.wait(lambda: running.is_alive)
    with locked(place.memory):
        with locked(Path(place.store)):
            hold.release()
            until(lambda: waiting_at_agent(place) or None)
        until(lambda: waiting_at_server(place) or None)
    found = harvest(place, running.ended())
    assert found == brought_in
    assert found.pulls == {1}


def test_an_agents_disk_is_full_of_results_until_they_go(place: Site, brought_in: Harvest) -> None:
    place.agent_options = ("--operations", "2", "--spool-bytes", "1KiB")
    server, client = place.start_server(), place.start_client()
    place.back.lead("")
    spooled(place, "an-older-one", bytes(1 << 10))
    agent = place.start_agent()
    running = place.scan()
    agent.wait_for("answered", path="/scan", status=429)
    place.back.lead(client.url)
    found = harvest(place, running.ended())
    assert found == brought_in
    assert found.pulls == {1}
    assert server.says("a result arrived", job="an-older-one")


def waiting_at_agent(place: Site) -> int:
    """How many results are on the agent's disk."""
    return sum(each.name.endswith(".result") for each in (place.agent_folder / "spool").iterdir())


def waiting_at_server(place: Site) -> int:
    """How many results wait to be fetched."""
    return sum(each["results"] for each in connections(place))


def loads(place: Site) -> list[int]:
    """How many requests of each connection are under way in each replica."""
    return [replica["load"] for each in connections(place) for replica in each["replicas"]]


def connections(place: Site) -> list[Json]:
    with place.asked("/connections") as answer:
        return msgspec.json.decode(answer.read(), type=list[Json])


@contextmanager
def locked(store: Path) -> Iterator[None]:
    """Somebody else has the store, and lets nobody write."""
    with closing(sqlite3.connect(store, isolation_level=None, timeout=60)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.rollback()

"""An agent that is killed at any moment: nothing half-written is sent, and each result reaches the server."""

import asyncio
import multiprocessing
import signal
from pathlib import Path

import msgspec
import pytest

from fakes.disks import STEPS
from fakes.dying_agent import JOBS, MOMENTS, SENDING, FolderPost, agent, die_at_each, make, server, spool, wanted
from fakes.looks import HeldLooks
from patience import until
from tidewaiter.broker.agent.disk import Disk
from tidewaiter.broker.agent.jobs import Jobs
from tidewaiter.broker.agent.spool import Spool
from tidewaiter.broker.messages import JobState, Result
from tidewaiter.inventory.encoding import decode_inventory

KEPT = (*STEPS[STEPS.index("renamed") :], *SENDING[:-1])
"""From when on a result outlives its agent, until it is removed."""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What agents left that were killed, by the moment."""
    worlds = make(tmp_path_factory.mktemp("killed"), MOMENTS)
    process = multiprocessing.get_context("spawn").Process(target=die_at_each, args=(worlds,))
    process.start()
    process.join()
    assert process.exitcode == 0
    return {moment: Path(world) for moment, world in worlds.items()}


@pytest.mark.parametrize("moment", MOMENTS)
def test_all_results_reach_the_server_though_the_agent_was_killed(killed: dict[str, Path], moment: str) -> None:
    world = killed[moment]
    assert (world / "status").read_text() == str(-signal.SIGKILL)
    kept = {parcel.job for parcel in Spool(str(spool(world)), ceiling=1).parcels}
    assert ("a" in kept) is (moment in KEPT)
    assert (server(world) / "a").exists() is (moment in ("sent", "before it is removed", "removed"))
    looks = HeldLooks()
    asyncio.run(go_on(world, looks))
    assert {image.repository.name for image in looks.begun} == set(JOBS) - kept
    assert not list(spool(world).iterdir())
    for name in JOBS:
        head, _, packed = (server(world) / name).read_bytes().partition(b"\n")
        result = msgspec.json.decode(head, type=Result)
        assert (result.job, result.size) == (name, len(packed))
        assert decode_inventory(packed).image.digest == result.digest == wanted(name).image.digest


async def go_on(world: Path, looks: HeldLooks) -> None:
    """The next agent in the folder: the platform submits again what it does not know."""
    async with agent(spool(world), looks, FolderPost(server(world)), Disk()) as jobs:
        for name in JOBS:
            await jobs.submit(name, wanted(name))
        await until(lambda: all(state_of(jobs, name) is JobState.DELIVERED for name in JOBS))


def state_of(jobs: Jobs, name: str) -> JobState | None:
    job = jobs.state("shop", name)
    return job.state if job else None

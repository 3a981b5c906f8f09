"""An agent in a process of its own, killed while it keeps or delivers a result; and a server that is a folder."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from fakes.disks import STEPS, DyingDisk
from fakes.looks import HeldLooks
from fakes.registries import MemoryRegistry, built
from tidewaiter.broker.agent.ceilings import Ceilings
from tidewaiter.broker.agent.delivery import Pace
from tidewaiter.broker.agent.desks import Desks
from tidewaiter.broker.agent.disk import Disk
from tidewaiter.broker.agent.jobs import Jobs
from tidewaiter.broker.agent.post import Receipt, Uptake
from tidewaiter.broker.agent.records import Wanted
from tidewaiter.broker.agent.registries import Registries
from tidewaiter.broker.agent.shelf import DiskShelf
from tidewaiter.broker.agent.spool import Parcel, Spool
from tidewaiter.broker.messages import ScanRequest
from tidewaiter.image.limits import Limits

SENDING = ("before it is sent", "half sent", "sent", "before it is removed", "removed")
MOMENTS = (*STEPS, *SENDING)
JOBS = ("a", "b", "c")


class FolderPost:
    """A `Post` to a server that is a folder, where only whole results count; kills its process at one `MOMENTS`."""

    def __init__(self, server: Path, moment: str = "") -> None:
        self._server = server
        self._moment = moment

    async def result(self, callback: str, parcel: Parcel) -> Receipt:  # noqa: ARG002 - the seam's
        with parcel.open() as file:
            content = file.read()
        self._at("before it is sent")
        if self._moment == "half sent":
            (self._server / f"{parcel.job}.partial").write_bytes(content[: len(content) // 2])
        self._at("half sent")
        (self._server / parcel.job).write_bytes(content)
        self._at("sent")
        return Receipt(Uptake.TAKEN)

    async def done(self, callback: str, connection: str) -> Receipt:  # noqa: ARG002 - the seam's
        return Receipt(Uptake.TAKEN)

    def _at(self, moment: str) -> None:
        if moment == self._moment:
            os.kill(os.getpid(), signal.SIGKILL)


@asynccontextmanager
async def agent(folder: Path, looks: HeldLooks, post: FolderPost, disk: Disk) -> AsyncIterator[Jobs]:
    """An agent whose spool is `folder`, that does one job at a time."""
    desks = Desks(calls=4)
    shelf = folder.parent / "shelf"
    shelf.mkdir(exist_ok=True)
    ceilings = Ceilings(operations=1)
    try:
        async with Jobs(
            looks=looks,
            registries=Registries(),
            spool=Spool(str(folder), ceiling=ceilings.spool_bytes, disk=disk),
            shelf=DiskShelf(str(shelf), ceiling=ceilings.shelf_bytes),
            post=post,
            desks=desks,
            ceilings=ceilings,
            limits=Limits(),
            pace=Pace(first=0.001, longest=0.002, seldom=0.002),
        ) as jobs:
            yield jobs
    finally:
        desks.close()


def wanted(name: str) -> Wanted:
    api = MemoryRegistry()
    digest = api.push(name, built(name))
    request = ScanRequest(registry=api.registry.host, repository=name, digest=digest)
    return Wanted(image=request, api=api, connection="shop", callback="http://127.0.0.1:7341")


def spool(world: Path) -> Path:
    return world / "spool"


def server(world: Path) -> Path:
    return world / "server"


def die_at_each(worlds: Mapping[str, str]) -> None:
    """For each moment (in a folder of its own) an agent that has a job to do, in a process that is killed then."""
    for moment, world in worlds.items():
        process = os.fork()
        if not process:
            asyncio.run(_die(Path(world), moment))
            os._exit(1)
        _, status = os.waitpid(process, 0)
        (Path(world) / "status").write_text(str(os.waitstatus_to_exitcode(status)))


def make(folder: Path, moments: Sequence[str]) -> dict[str, str]:
    """A folder for each moment."""
    worlds = {moment: folder / moment.replace(" ", "-") for moment in moments}
    for world in worlds.values():
        spool(world).mkdir(parents=True)
        server(world).mkdir()
    return {moment: str(world) for moment, world in worlds.items()}


async def _die(world: Path, moment: str) -> None:
    async with agent(spool(world), HeldLooks(), FolderPost(server(world), moment), DyingDisk(moment)) as jobs:
        await jobs.submit(JOBS[0], wanted(JOBS[0]))
        await asyncio.sleep(10)

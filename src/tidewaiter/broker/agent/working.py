"""An agent's jobs with all that they stand on: its folder, its threads, its worker processes, its way to the client."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from ssl import SSLContext

from tidewaiter.broker.agent.ceilings import Ceilings
from tidewaiter.broker.agent.desks import Desks
from tidewaiter.broker.agent.folder import WorkFolder, work_folder
from tidewaiter.broker.agent.jobs import Jobs
from tidewaiter.broker.agent.post import HttpPost
from tidewaiter.broker.agent.registries import Registries
from tidewaiter.broker.agent.shelf import DiskShelf
from tidewaiter.broker.agent.spool import Spool
from tidewaiter.broker.signing import Seal
from tidewaiter.errors import UsageError
from tidewaiter.fleet.looker import Looker
from tidewaiter.fleet.watcher import Unwatched, Watcher
from tidewaiter.image.limits import Limits

_CALLS = 16  # threads for disks, beside one an image


@asynccontextmanager
async def working(
    folder: str,
    *,
    ceilings: Ceilings,
    limits: Limits,
    home: str = "",
    tls: SSLContext | None = None,
    seal: Seal | None = None,
    watcher: Watcher | None = None,
) -> AsyncIterator[Jobs]:
    """Jobs in this folder; what an agent before this one left there is delivered.

    `home` is the base URL of the client as far as none was heard of: results on disk may tell an older one. Callbacks
    are signed with the `seal`, and their answers have to be; `tls` is for callbacks by https. Raises UsageError where
    the folder cannot be used, or another agent has it.
    """
    async with AsyncExitStack() as stack:
        place = stack.enter_context(work_folder(folder))
        desks = Desks(calls=_CALLS + ceilings.operations)
        stack.callback(desks.close)
        spool, shelf = await desks.call(partial(_opened, place, ceilings))
        registries = Registries()
        looker = Looker(
            workers=ceilings.operations, limits=limits, apis=registries, shelf=shelf, watcher=watcher or Unwatched()
        )
        yield await stack.enter_async_context(
            Jobs(
                looks=stack.enter_context(looker),
                registries=registries,
                spool=spool,
                shelf=shelf,
                post=await stack.enter_async_context(HttpPost(desks, tls=tls, seal=seal)),
                desks=desks,
                ceilings=ceilings,
                limits=limits,
                home=home,
            )
        )


def _opened(place: WorkFolder, ceilings: Ceilings) -> tuple[Spool, DiskShelf]:
    try:
        spool = Spool(place.spool, ceiling=ceilings.spool_bytes)
        return spool, DiskShelf(place.shelf, ceiling=ceilings.shelf_bytes)
    except OSError as error:
        where = error.filename or place.spool
        raise UsageError(f"cannot be read: {error.strerror}", where=str(where), advice="Make it the agent's") from None

"""The whole agent's work: real worker processes, a real disk, results over HTTP."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from fakes.blob_registry import BlobRegistry
from patience import until
from tidewaiter.broker.agent.ceilings import Ceilings
from tidewaiter.broker.agent.records import Wanted
from tidewaiter.broker.agent.working import working
from tidewaiter.broker.messages import JOB, JobState, Result, ScanRequest
from tidewaiter.broker.service import listening
from tidewaiter.errors import UsageError
from tidewaiter.image.limits import Limits
from tidewaiter.inventory.encoding import decode_inventory
from tidewaiter.simulator import demonstration
from tidewaiter.simulator.images import build_image

CEILINGS = Ceilings(operations=2)


@pytest.fixture
def api() -> Iterator[BlobRegistry]:
    with BlobRegistry() as registry:
        yield registry


async def looked_through(folder: Path, api: BlobRegistry, *names: str) -> dict[str, bytes]:
    """What is delivered of these images, which have a layer in common."""
    arrived: dict[str, bytes] = {}

    async def take(request: web.Request) -> web.Response:
        arrived[request.headers.get(JOB, "")] = await request.read()
        return web.Response()

    app = web.Application()
    app.router.add_post("/{path:.*}", take)
    async with listening(app) as url, working(str(folder), ceilings=CEILINGS, limits=Limits()) as jobs:
        for name in names:
            image = build_image([demonstration.debian_base(), demonstration.debian_curl()], labels={"name": name})
            repository = api.push(name, "v1", image)
            request = ScanRequest(registry=repository.registry.host, repository=name, digest=image.digest)
            await jobs.submit(name, Wanted(image=request, api=api, connection="shop", callback=url))
        await until(lambda: "" in arrived)
        for name in names:
            job = jobs.state("shop", name)
            assert job is not None
            assert job.state is JobState.DELIVERED
    return arrived


def test_images_are_looked_through_and_their_layers_kept_for_the_next_agent(tmp_path: Path, api: BlobRegistry) -> None:
    first = asyncio.run(looked_through(tmp_path, api, "web", "api"))
    head, _, packed = first["web"].partition(b"\n")
    result = msgspec.json.decode(head, type=Result)
    assert "curl" in {package.name for package in decode_inventory(packed).packages}
    assert result.bytes_pulled + msgspec.json.decode(first["api"].partition(b"\n")[0], type=Result).bytes_pulled > 0
    second = asyncio.run(looked_through(tmp_path, api, "jobs"))
    result = msgspec.json.decode(second["jobs"].partition(b"\n")[0], type=Result)
    assert (result.layers_read, result.bytes_pulled, result.failure) == (0, 0, None)
    layers = [layer.digest for layer in (demonstration.debian_base(), demonstration.debian_curl())]
    assert [api.sent(digest) for digest in layers] == [1, 1]


def test_two_agents_do_not_share_a_folder(tmp_path: Path) -> None:
    async def check() -> None:
        async with working(str(tmp_path), ceilings=CEILINGS, limits=Limits()):
            with pytest.raises(UsageError, match="in use by another agent"):
                async with working(str(tmp_path), ceilings=CEILINGS, limits=Limits()):
                    pass
        async with working(str(tmp_path), ceilings=CEILINGS, limits=Limits()):
            pass

    asyncio.run(check())

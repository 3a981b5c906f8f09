"""Agent and broker client in one process: what most installations are."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest

from brokered_accounts import REGION, World, world_of
from fakes.broker_servers import API_KEY, serving
from tidewaiter.broker.messages import (
    CREDENTIALS,
    IDEMPOTENCY,
    LINES,
    PLACEHOLDER,
    SUBSTITUTE,
    Arrived,
    End,
    Line,
    RepositoryLine,
    Result,
    ScanRequest,
)
from tidewaiter.simulator.aws import SimulatedAws

COMMAND = Path(sys.executable).with_name("tidewaiter")
PATIENCE = 60.0


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    for name in [name for name in os.environ if name.startswith(("AWS_", "CR_", "BROKER_", "TIDEWAITER_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    with SimulatedAws() as cloud:
        world = world_of(cloud)
        for name, value in cloud.environment(world.keys).items():
            monkeypatch.setenv(name, value)
        yield world


@asynccontextmanager
async def all_in_one(world: World, server: str, token: str, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The command as an operator starts it, once its table of what works is there."""
    process = await asyncio.create_subprocess_exec(
        *(COMMAND, "agent", "--connect", server, "--role-arn", world.web.role, "--region", REGION),
        *("--port", "0", "--client-port", "0", "--folder", folder, "--operations", "1"),
        env={**os.environ, "BROKER_TOKEN": token, "CR_EXTERNAL_ID": world.web.external_id},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until_registry(process: asyncio.subprocess.Process) -> list[str]:
    """What is written down to the line that says whether the registry is listed."""
    assert process.stderr is not None
    lines: list[str] = []
    while not any(" registry " in line for line in lines):
        line = await asyncio.wait_for(process.stderr.readline(), PATIENCE)
        assert line, lines
        lines.append(line.decode())
    return lines


def test_one_process_lists_and_looks_through_what_the_platform_asks_for(world: World, tmp_path: Path) -> None:
    wanted = ScanRequest(world.web.host(), "web/app", world.web.image.digest, ("latest",))
    headers = {"Authorization": f"Bearer {API_KEY}", SUBSTITUTE: CREDENTIALS, CREDENTIALS: PLACEHOLDER}

    async def main() -> tuple[list[Line], Result, str]:
        async with (
            serving(tmp_path / "store.db") as server,
            aiohttp.ClientSession(headers=headers) as session,
            all_in_one(world, server.url, token := server.connection("web"), tmp_path / "agent") as process,
        ):
            said = await until_registry(process)
            async with session.get(f"{server.url}/broker/web/list", headers={"Accept": LINES}) as answer:
                listed = [msgspec.json.decode(line, type=Line) async for line in answer.content]
            body, named = msgspec.json.encode(wanted), {IDEMPOTENCY: "job-1"}
            async with session.post(f"{server.url}/broker/web/scan", data=body, headers=named) as answer:
                assert answer.status == 202
            async with session.get(f"{server.url}/results/web?wait=30") as answer:
                (arrived,) = msgspec.json.decode(await answer.read(), type=list[Arrived])
            async with session.get(f"{server.url}/results/web/{arrived.job}") as answer:
                result = msgspec.json.decode((await answer.read()).partition(b"\n")[0], type=Result)
            process.send_signal(signal.SIGTERM)
            said.append((await process.communicate())[1].decode())
            assert process.returncode == 0
            assert token not in "".join(said)
            return listed, result, "".join(said)

    listed, result, said = asyncio.run(main())
    assert listed == [RepositoryLine("web/app"), RepositoryLine("web/empty"), End()]
    assert (result.digest, result.failure) == (wanted.digest, None)
    assert "FAILS" not in said
    assert world.web.external_id not in said

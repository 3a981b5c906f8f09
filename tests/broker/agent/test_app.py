"""The whole agent: an image is asked for, looked through, and its inventory arrives at the client's port."""

import asyncio
import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import web

from brokered_accounts import REGION, World
from tidewaiter.broker.agent.app import Agent
from tidewaiter.broker.agent.ceilings import Ceilings
from tidewaiter.broker.agent.settings import AgentSettings
from tidewaiter.broker.credentials import encode
from tidewaiter.broker.messages import (
    CALLBACK,
    CONNECTION,
    CONTENT_DIGEST,
    CREDENTIALS,
    DONE_PATH,
    IDEMPOTENCY,
    JOB,
    RESULT_PATH,
    Result,
    ScanRequest,
)
from tidewaiter.broker.service import listening
from tidewaiter.broker.tls import client_context
from tidewaiter.errors import UsageError
from tidewaiter.inventory.encoding import decode_inventory


@dataclass
class Port:
    """A client's local port, where results arrive."""

    results: "asyncio.Queue[tuple[dict[str, str], bytes]]" = field(default_factory=asyncio.Queue)

    def application(self) -> web.Application:
        app = web.Application(client_max_size=1 << 24)
        app.router.add_post(RESULT_PATH, self._result)
        app.router.add_post(DONE_PATH, self._done)
        return app

    async def _result(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.results.put_nowait((headers, await request.read()))
        return web.Response()

    async def _done(self, request: web.Request) -> web.Response:  # noqa: ARG002 - a handler's argument
        return web.Response()


def test_an_image_is_looked_through_and_its_inventory_delivered(world: World, settings: AgentSettings) -> None:
    body = msgspec.json.encode(ScanRequest(world.web.host(), "web/app", world.web.image.digest, ("latest",)))

    async def main() -> tuple[dict[str, str], bytes]:
        port = Port()
        one = replace(settings, port=0, ceilings=Ceilings(operations=1))
        async with (
            listening(port.application()) as client,
            Agent(one).serving() as url,
            aiohttp.ClientSession() as session,
        ):
            headers = {
                CREDENTIALS: encode(world.web.credentials(REGION)),
                CALLBACK: client,
                CONNECTION: "web",
                IDEMPOTENCY: "job-1",
            }
            async with session.post(f"{url}/scan", data=body, headers=headers) as answer:
                assert answer.status == 202
            return await asyncio.wait_for(port.results.get(), 60)

    headers, content = asyncio.run(main())
    assert (headers[CONNECTION], headers[JOB]) == ("web", "job-1")
    assert headers[CONTENT_DIGEST] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    line, _, rest = content.partition(b"\n")
    result = msgspec.json.decode(line, type=Result)
    assert (result.job, result.digest, result.failure, result.size) == (
        "job-1",
        world.web.image.digest,
        None,
        len(rest),
    )
    inventory = decode_inventory(rest)
    assert inventory.image.digest == world.web.image.digest
    assert {layer.created_by for layer in inventory.image.layers} == {""}


def test_certificates_of_clients_need_tls(settings: AgentSettings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="over TLS"):
        Agent(replace(settings, clients=str(tmp_path / "ca.pem")))


def test_an_agent_with_a_certificate_speaks_tls(settings: AgentSettings, certificate: Path) -> None:
    key = certificate.with_name("key.pem")
    proved = replace(settings, port=0, certificate=str(certificate), key=str(key), ceilings=Ceilings(operations=1))

    async def main() -> tuple[str, int]:
        context = client_context(authority=str(certificate))
        async with (
            Agent(proved).serving() as url,
            aiohttp.ClientSession() as session,
            session.get(f"{url}/healthcheck", ssl=context) as answer,
        ):
            return url, answer.status

    url, status = asyncio.run(main())
    assert (url[:8], status) == ("https://", 200)

"""The client as a whole: what it refuses to start with, what it shows, and how it stops."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from certificates import Authority
from clients import EXTERNAL_ID, HUB, NAMES, PAYMENTS, SECRET, SOON, Scene, asked, scene, started
from fakes.agents import running_agent
from fakes.tunnel_servers import tunnel_server
from patience import until
from tidewaiter.broker.client.client import Client
from tidewaiter.broker.client.settings import ClientSettings, Connection
from tidewaiter.broker.messages import CALLBACK, Probe
from tidewaiter.broker.tls import client_context, server_context
from tidewaiter.errors import UsageError

SETTINGS = ClientSettings(server_url="https://broker.example.com", connections=(PAYMENTS,))


def run(act: Callable[[Scene], Awaitable[None]], *connections: Any, **settings: Any) -> None:
    async def main() -> None:
        async with scene(*connections, **settings) as at:
            await act(at)

    asyncio.run(main())


def refused(**settings: Any) -> str:
    async def main() -> None:
        with pytest.raises(UsageError) as caught:
            Client(replace(SETTINGS, **settings))
        raise caught.value

    with pytest.raises(UsageError) as caught:
        asyncio.run(main())
    return str(caught.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param({"host": "0.0.0.0", "client_url": "http://c:1"}, "--allow-unauthenticated", id="anybody"),
        pytest.param({"host": "0.0.0.0", "secret": SECRET}, "BROKER_CLIENT_URL", id="no address of its own"),
        pytest.param({"server_url": "http://broker.example.com"}, "--allow-plaintext", id="plain server"),
        pytest.param({"agent_url": "http://agent:17500"}, "--allow-plaintext", id="plain agent"),
        pytest.param({"secret": "short"}, "fewer than 16", id="weak secret"),
        pytest.param({"rules": "/nowhere/rules.json"}, "/nowhere/rules.json", id="no rules"),
        pytest.param({"authorities": "/nowhere/ca.pem"}, "/nowhere/ca.pem", id="no authority"),
        pytest.param({"clients": "/nowhere/ca.pem"}, "--https-cert", id="agents by certificate without TLS"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_anything_is_opened(settings: dict[str, Any], words: str) -> None:
    assert words in refused(**settings)


def test_a_port_that_is_taken_is_told() -> None:
    async def act(at: Scene) -> None:
        port = int(at.url.rpartition(":")[2])
        with pytest.raises(UsageError, match="cannot listen"):
            async with started(replace(at.client.settings, port=port)):
                pass

    run(act)


def test_no_secret_is_in_what_the_settings_show_of_themselves() -> None:
    shown = repr(replace(SETTINGS, secret=SECRET, connections=(PAYMENTS, HUB)))
    for secret in (SECRET, *PAYMENTS.secrets, *HUB.secrets):
        assert secret not in shown


def test_all_secrets_are_known_to_the_journal() -> None:
    client = Client(replace(SETTINGS, secret=SECRET, connections=(PAYMENTS, HUB)))
    for secret in (SECRET, PAYMENTS.token, HUB.token, EXTERNAL_ID, HUB.credentials.password):
        assert client.secrets.redacted(f"<{secret}>") == "<***>"


def test_it_shows_once_what_works() -> None:
    async def act(at: Scene) -> None:
        await until(lambda: bool(at.shown))
        ((payments,),) = [found.connections for found in at.shown]
        assert (payments.connection, payments.ok) == ("payments", True)
        assert [check.name for check in payments.checks] == ["tunnel", "role"]

    run(act)


def test_it_shows_what_does_not_work_also_without_a_server_and_goes_on() -> None:
    async def main() -> None:
        shown: list[Any] = []
        async with running_agent() as agent:
            agent.checks = (Probe(name="role", ok=False, detail="refused", action="sts:AssumeRole"),)
            settings = replace(SETTINGS, server_url="http://127.0.0.1:1", agent_url=agent.url, port=0, waiting=SOON)
            async with started(settings, show=shown.append):
                await until(lambda: bool(shown))
        (found,) = shown
        assert [(check.name, check.ok) for check in found.connections[0].checks] == [("tunnel", False), ("role", False)]

    asyncio.run(main())


def test_the_agent_is_told_the_url_that_was_given_for_the_client() -> None:
    async def act(at: Scene) -> None:
        await at.server.ask(asked("/list"))
        assert at.agent.seen[-1].headers[CALLBACK] == "http://client.example.com:7341"

    run(act, client_url="http://client.example.com:7341/")


def test_connections_are_read_anew_and_a_file_that_is_wrong_changes_nothing() -> None:
    read: list[Any] = [(PAYMENTS, HUB), UsageError("it is wrong")]

    def reread() -> tuple[Connection, ...]:
        found = read.pop(0)
        if isinstance(found, UsageError):
            raise found
        assert isinstance(found, tuple)
        return found

    async def act(at: Scene) -> None:
        at.client.reread()
        await at.server.opened(2)
        await until(lambda: at.client.names == {"payments", "hub"})
        assert at.client.secrets.redacted(HUB.credentials.password) == "***"
        at.client.reread()
        assert (await at.server.ask(asked("/list", connection="hub")))[1] == b"hello"

    run(act, PAYMENTS, reread=reread)


def test_client_and_agent_know_each_other_by_certificates(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def main() -> None:
        agents, clients = authority.issue("agent"), authority.issue("client")
        agent_tls = server_context(*agents, clients=authority.path)
        async with tunnel_server(dict(NAMES)) as server, running_agent(tls=agent_tls) as agent:
            settings = ClientSettings(
                server_url=server.url,
                agent_url=agent.url,
                connections=(PAYMENTS,),
                certificate=clients[0],
                key=clients[1],
                authorities=authority.path,
                clients=authority.path,
                port=0,
                waiting=SOON,
            )
            async with started(settings) as client, aiohttp.ClientSession() as session:
                await server.opened(1)
                assert (await server.ask(asked("/list")))[1] == b"hello"
                known = client_context(authority=authority.path, certificate=agents[0], key=agents[1])
                callback = f"{client.url}/v2/import/result"
                async with session.post(callback, data=b"1", ssl=known) as answer:
                    assert answer.status == 200
                with pytest.raises(aiohttp.ClientError):
                    await session.post(callback, data=b"2", ssl=client_context(authority=authority.path))
                assert [body for _, body in server.callbacks] == [b"1"]

    asyncio.run(main())


def test_when_it_stops_no_task_and_no_port_is_left() -> None:
    async def main() -> None:
        before = asyncio.all_tasks()
        async with scene() as at:
            await at.server.ask(asked("/list"))
            url = at.url
        await asyncio.sleep(0)
        assert {task for task in asyncio.all_tasks() if not task.done()} == before
        host, _, port = url.removeprefix("http://").rpartition(":")
        with pytest.raises(OSError, match="Connect call failed"):
            await asyncio.open_connection(host, int(port))

    asyncio.run(main())

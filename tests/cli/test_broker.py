"""`tidewaiter broker`: settings from where they are, and a client that starts, rereads and stops as it is told."""

import asyncio
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pytest

from clients import NAMES, PAYMENTS, asked
from fakes.agents import running_agent
from fakes.tunnel_servers import tunnel_server
from tidewaiter.broker.client.health import Checkup, ConnectionCheck
from tidewaiter.broker.client.settings import ClientSettings
from tidewaiter.broker.messages import Extra, Probe
from tidewaiter.cli import main
from tidewaiter.cli.broker import command
from tidewaiter.cli.broker_client import table
from tidewaiter.cli.broker_options import settings_of
from tidewaiter.errors import UsageError

ROLE = "arn:aws:iam::111122223333:role/tidewaiter"


@pytest.fixture(autouse=True)
def no_settings_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "BROKER_TOKEN",
        "BROKER_SERVER_URL",
        "BROKER_CLIENT_URL",
        "PORT",
        "ACCEPT",
        "CR_AGENT_URL",
        "LOG_LEVEL",
    ):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"TIDEWAITER_BROKER_{name.removeprefix('BROKER_')}", raising=False)


@contextmanager
def parsed(*arguments: str, toml: dict[str, Any] | None = None) -> Iterator[dict[str, Any]]:
    """The options as the command gets them."""
    parent = click.Context(main.command, auto_envvar_prefix="TIDEWAITER", default_map={"broker": toml or {}})
    with parent, command.make_context("broker", list(arguments), parent=parent) as context:
        yield context.params


def settings(*arguments: str, toml: dict[str, Any] | None = None) -> ClientSettings:
    with parsed(*arguments, toml=toml) as options:
        return settings_of(options)


def test_the_references_variables_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "BROKER_TOKEN": "the token",
        "BROKER_SERVER_URL": "https://broker.example.com",
        "BROKER_CLIENT_URL": "http://client:7341",
        "PORT": "8000",
        "ACCEPT": "/private/accept.json",
        "CR_AGENT_URL": "http://agent:17500",
        "CR_TYPE": "ECR",
        "CR_ROLE_ARN": ROLE,
        "CR_REGION": "eu-west-1",
        "CR_EXTERNAL_ID": "the id",
        "HTTPS_CERT": "/c.pem",
        "HTTPS_KEY": "/k.pem",
        "CA_CERT": "/ca.pem",
    }
    given["BROKER_TOKEN"] = "the-token"
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    found = settings()
    assert (found.server_url, found.client_url, found.port) == (
        "https://broker.example.com",
        "http://client:7341",
        8000,
    )
    assert (found.rules, found.agent_url) == ("/private/accept.json", "http://agent:17500")
    assert (found.certificate, found.key, found.authorities) == ("/c.pem", "/k.pem", "/ca.pem")
    (only,) = found.connections
    assert (only.token, only.credentials.type, only.credentials.role_arn) == ("the-token", "ecr", ROLE)
    assert only.credentials.extra == Extra(region="eu-west-1", external_id="the id", regions=("eu-west-1",))


def test_the_references_variables_of_other_registries(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "CR_TYPE": "harbor-cr",
        "CR_BASE": "h.example.com",
        "CR_USERNAME": "u",
        "CR_PASSWORD": "p",
        "CR_TOKEN": "t",
    }
    for name, value in {**given, "BROKER_TOKEN": "token"}.items():
        monkeypatch.setenv(name, value)
    (only,) = settings("--server-url", "https://b").connections
    told = only.credentials
    assert (told.type, told.registry_base, told.username, told.password, told.token) == tuple(given.values())


def test_flags_go_before_variables_before_the_references_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    base = ["--server-url", "https://b", "--token", "t"]
    toml = {"port": 4, "host": "127.0.0.4"}
    assert settings(*base).port == 7341
    assert settings(*base, toml=toml).port == 4
    monkeypatch.setenv("PORT", "3")
    assert settings(*base, toml=toml).port == 3
    monkeypatch.setenv("TIDEWAITER_BROKER_PORT", "2")
    assert settings(*base, toml=toml).port == 2
    assert settings(*base, "--port", "1", toml=toml).port == 1
    assert settings(*base, "--port", "1", toml=toml).host == "127.0.0.4"


def test_the_file_has_a_table_for_the_client_and_tables_in_it_for_what_is_below(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('[broker]\nhost = "127.0.0.5"\nregion = "eu-west-1"\n[broker.serve]\nport = "nine"\n')
    assert main.run(["--config", str(path), "broker", "serve", "--help"]) == 0
    assert main.run(["--config", str(path), "broker", "serve"]) == 3
    path.write_text('[broker]\nhots = "127.0.0.5"\n')
    assert main.run(["--config", str(path), "broker", "serve", "--help"]) == 3


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_SERVER_URL", "")
    with pytest.raises(UsageError, match="BROKER_SERVER_URL"):
        settings("--token", "t")


def test_many_connections_come_from_a_file_that_can_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "connections.json"
    path.write_text(json.dumps([{"token": "a"}, {"token": "b"}]))
    found = settings("--server-url", "https://b", "--connections", str(path))
    assert [each.token for each in found.connections] == ["a", "b"]
    path.write_text(json.dumps([{"token": "c"}]))
    assert found.reread is not None
    assert [each.token for each in found.reread()] == ["c"]
    with pytest.raises(UsageError, match="do not go together"):
        settings("--server-url", "https://b", "--connections", str(path), "--token", "t")


def test_without_a_token_it_says_what_to_do() -> None:
    with pytest.raises(UsageError, match="broker connections create"):
        settings("--server-url", "https://b")


def test_the_table_shows_what_was_refused_and_what_to_add() -> None:
    works = Probe(name="tunnel", ok=True, detail="to https://b")
    fails = Probe(
        name="role",
        ok=False,
        detail="may not\x1b[2J",
        action="sts:AssumeRole",
        statement='{"a":1}',
        document="the trust",
    )
    listing = Probe(name="registry 1.dkr.ecr.eu-west-1.amazonaws.com", ok=False, detail="denied", advice="Look.")
    checks = (works, fails, listing)
    shown = table(Checkup(ok=False, connections=(ConnectionCheck(connection="payments", ok=False, checks=checks),)))
    assert shown.splitlines() == [
        "payments  ok     tunnel    to https://b",
        "payments  FAILS  role      may not\\x1b[2J",
        "                           refused: sts:AssumeRole",
        '                           Add to the trust: {"a":1}',
        "payments  FAILS  registry  1.dkr.ecr.eu-west-1.amazonaws.com: denied",
        "                           Look.",
    ]


def test_the_table_says_nothing_twice_and_fits_the_terminal() -> None:
    advice = 'Add to the trust policy of the role: {"Effect": "Allow"}'
    role = Probe(
        name="role",
        ok=False,
        detail="the agent may not do sts:AssumeRole",
        action="sts:AssumeRole",
        statement='{"Effect": "Allow"}',
        document="the trust policy of the role",
        advice=advice,
    )
    found = Checkup(ok=False, connections=(ConnectionCheck(connection="shop", ok=False, checks=(role,)),))
    assert table(found).splitlines() == [
        "shop  FAILS  role  the agent may not do sts:AssumeRole",
        f"                   {advice}",
    ]
    assert max(map(len, table(found, 60).splitlines())) <= 60
    assert " ".join(table(found, 60).split()) == " ".join(table(found).split())


def test_the_command_runs_rereads_and_stops(tmp_path: Path) -> None:
    path = tmp_path / "connections.json"
    path.write_text(json.dumps([{"token": PAYMENTS.token, "external_id": "id-not-to-be-told"}]))

    async def run() -> tuple[int | None, str]:
        async with tunnel_server(dict(NAMES)) as server, running_agent() as agent:
            words = ["broker", "--server-url", server.url, "--agent-url", agent.url, "--connections", str(path)]
            program = [sys.executable, "-m", "tidewaiter", *words, "--port", "0", "--log-format", "json"]
            process = await asyncio.create_subprocess_exec(*program, stderr=asyncio.subprocess.PIPE)
            try:
                async with asyncio.timeout(20):
                    await server.opened(1)
                    assert (await server.ask(asked("/list")))[1] == b"hello"
                    path.write_text(json.dumps([{"token": token} for token in NAMES]))
                    process.send_signal(signal.SIGHUP)
                    await server.opened(2)
                    process.send_signal(signal.SIGTERM)
                    _, said = await process.communicate()
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.communicate()
            return process.returncode, said.decode()

    code, said = asyncio.run(run())
    assert code == 0
    logged = [json.loads(line) for line in said.splitlines()]
    assert "The connections were read anew" in [line["message"] for line in logged]
    works = [(line["connection"], line["name"]) for line in logged if line["message"] == "It works"]
    assert works == [("payments", "tunnel"), ("payments", "role")]
    for secret in (*NAMES, "id-not-to-be-told"):
        assert secret not in said

"""What the guide to the brokered integration says is true: options, files, health, metrics, limits, codes, messages."""

import re
from pathlib import Path

import click
import pytest

from documents import ROOT, all_commands, blocks, code_spans, read, tables
from tidewaiter.broker import wire
from tidewaiter.broker.agent.settings import DEFAULT_PORT as AGENT_PORT
from tidewaiter.broker.client.metrics import Metrics as ClientMetrics
from tidewaiter.broker.client.settings import DEFAULT_PORT as CLIENT_PORT
from tidewaiter.broker.paths import canonical
from tidewaiter.broker.refusals import status_of
from tidewaiter.broker.rules_file import parse_rules
from tidewaiter.broker.server.metrics import Metrics as ServerMetrics
from tidewaiter.broker.server.settings import DEFAULT_PORT as SERVER_PORT
from tidewaiter.broker.server.settings import Ceilings
from tidewaiter.broker.tunnel import TunnelSettings
from tidewaiter.broker.wire import Code
from tidewaiter.cli.connections import Entry, read_connections
from tidewaiter.errors import BrokerError

GUIDE = read("docs/broker.md")
TABLES = tables(GUIDE)


def rows(section: str, columns: int) -> list[list[str]]:
    """The rows of the tables of a section that have so many columns."""
    return [row for row in TABLES[section] if len(row) == columns]


@pytest.mark.parametrize(
    ("name", "section"),
    [("tidewaiter serve", "Server"), ("tidewaiter broker serve", "Server"), ("tidewaiter broker", "Client")],
)
def test_every_option_is_on_the_page_with_the_variables_that_it_heeds(name: str, section: str) -> None:
    (called,) = [called for each, called in all_commands() if each == name]
    options = {each.opts[0]: each for each in called.params if isinstance(each, click.Option)}
    told = {span.partition(" ")[0]: row for row in rows(section, 3) for span in code_spans(row[0]) if span[0] == "-"}
    assert set(told) == set(options)
    heeded = {option: getattr(each, "also", "") for option, each in options.items()}
    assert [option for option, also in heeded.items() if also and f"`{also}`" not in told[option][2]] == []


def test_the_commands_about_connections_stand_in_an_example() -> None:
    shell = "\n".join(block.text for block in blocks(GUIDE, "sh"))
    named = [name for name, called in all_commands() if name.startswith("tidewaiter broker connections ")]
    assert [name for name in named if f"{name} " not in f"{shell} "] == []


def test_ports_are_those_of_the_programs() -> None:
    assert f"127.0.0.1, {SERVER_PORT}" in GUIDE
    assert f"127.0.0.1, {CLIENT_PORT}" in GUIDE
    assert f"http://127.0.0.1:{AGENT_PORT}" in GUIDE


def test_the_keys_of_the_file_of_connections_are_those_that_are_read() -> None:
    keys = [(span, row[2] == "yes") for row in rows("Client", 3) for span in code_spans(row[0]) if span[0] != "-"]
    named = {key + end for key, secret in keys for end in (("", "_file", "_env") if secret else ("",))}
    assert named == set(Entry.__struct_fields__)


def test_the_example_of_a_file_of_connections_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = blocks(GUIDE, "yaml")
    for secret in ("shop-token", "shop-external-id", "hub-password"):
        (tmp_path / secret).write_text(f"the {secret}\n".replace(" ", "-"))
    for name in ("PAYMENTS_TOKEN", "PAYMENTS_EXTERNAL_ID", "HUB_TOKEN"):
        monkeypatch.setenv(name, name.lower())
    path = tmp_path / "connections.yaml"
    path.write_text(example.text.replace("/run/secrets", str(tmp_path)))
    shop, payments, hub = read_connections(str(path))
    assert (shop.name, shop.token, shop.credentials.extra.external_id) == (
        "shop",
        "the-shop-token",
        "the-shop-external-id",
    )
    assert shop.credentials.extra.regions == ("eu-west-1", "us-east-1")
    assert (payments.token, payments.credentials.extra.external_id) == ("payments_token", "payments_external_id")
    assert (hub.credentials.type, hub.credentials.password) == ("docker-hub", "the-hub-password")


@pytest.mark.parametrize(
    ("method", "path", "body", "allowed"),
    [
        ("GET", "/list", b"", True),
        ("GET", "/list-with-metadata/team/app", b"", True),
        ("GET", "/list-with-metadata/other/app", b"", False),
        ("POST", "/scan", b'{"repository": "team/app"}', True),
        ("POST", "/scan", b'{"repository": "other/app"}', False),
        ("DELETE", "/scan/job-1", b"", True),
        ("GET", "/systemcheck", b"", False),
    ],
    ids=["list", "own", "others", "own image", "others image", "job", "not named"],
)
def test_the_rules_of_the_example_allow_one_team_and_no_other(
    method: str, path: str, body: bytes, *, allowed: bool
) -> None:
    (example,) = blocks(GUIDE, "json")
    rules = parse_rules(example.text.encode(), where="the guide")
    found = rules.private.find(method, canonical(path), {}, body)
    assert (found is not None) is allowed
    assert rules.public.find("POST", canonical("/v2/import/result"), {}) is not None


def test_the_metrics_are_those_that_are_told() -> None:
    told = [span for row in TABLES["Metrics"] for span in code_spans(row[0])]
    server, client = ServerMetrics().response().body, ClientMetrics().response().body
    assert isinstance(server, bytes)
    assert isinstance(client, bytes)
    given = re.findall(r"^# TYPE (\S+)", (server + client).decode(), re.MULTILINE)
    assert set(told) == {name for name in given if not name.endswith("_created")}  # the library's, when each began


def test_the_limits_are_those_of_the_programs() -> None:
    limits = {row[0]: row[1] for row in TABLES["Limits"]}
    ceilings, tunnel = Ceilings(), TunnelSettings()
    assert limits["connections of one client"] == str(wire.TOKENS_MOST)
    assert limits["a head of a request or answer"] == f"{wire.HEAD_MOST >> 10} KiB, {wire.HEADERS_MOST} headers"
    assert limits["a body of a request"].startswith(f"{ceilings.kept_in_memory >> 20} MiB ")
    times = [f"{seconds:.0f}" for seconds in (ceilings.deadline, ceilings.longest)]
    assert re.findall(r"\d+", limits["time for a request"]) == times
    assert ceilings.longest == wire.DEADLINE_MOST
    assert limits["requests under way in a tunnel, each way"] == str(tunnel.streams)
    assert limits["tunnels of one connection at a server"] == str(ceilings.replicas)
    greeting = re.findall(r"\d+", limits["clients that have not greeted yet"])
    assert greeting == [str(ceilings.greeters), f"{ceilings.greeting:.0f}"]
    assert re.findall(r"\d+", limits["a heartbeat that may be missing"])[1] == f"{ceilings.heartbeat:.0f}"
    serve = {span: row[1] for row in rows("Server", 3) for span in code_spans(row[0])}
    assert serve["--quota-bytes"].split(":")[1].startswith(f" {ceilings.quota >> 30} GiB")
    assert serve["--keep-days"].endswith(f": {ceilings.kept / 86400:.0f}")


def test_the_codes_are_those_of_errors_with_their_statuses() -> None:
    told = {row[0].strip("`"): int(row[1]) for row in rows("When something does not work", 3)}
    answers = {Code.FAILED, Code.NOT_FOUND}
    assert told == {str(code): status_of(BrokerError("", code=code)) for code in Code if code not in answers}


SOURCES = "\n".join(path.read_text() for path in sorted((ROOT / "src").rglob("*.py")))


@pytest.mark.parametrize("row", rows("When something does not work", 2), ids=lambda row: row[0].strip("`")[:40])
def test_the_messages_are_those_of_the_programs(row: list[str]) -> None:
    """Three dots stand for what differs."""
    for message in code_spans(row[0]):
        for words in message.split("…"):
            assert _MADE.get(words, words.strip()) in SOURCES, words


_MADE = {"may not do sts:AssumeRole": "may not do {", "needs ": "needs {error.name}"}
"""What programs put together, and from what."""

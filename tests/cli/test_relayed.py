"""`tidewaiter ecr scan|list --via`: what is behind broker connections, scanned and listed like any other registry."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from command_lines import Ran, World
from fakes.platform_api import KEY, FakeAgent, FakeBroker, refusal
from fakes.registries import MemoryRegistry, built, registry
from tidewaiter.cli.relayed import _owner
from tidewaiter.model.cloud import Account

Tidewaiter = Callable[..., Ran]


@pytest.fixture
def broker(alone: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBroker]:
    """A server that the environment names, with two connections."""
    other = MemoryRegistry(registry=registry("222222222222"), account=Account(id="222222222222"))
    with FakeBroker(shop=FakeAgent(), tools=FakeAgent([other])) as broker:
        broker.agents["shop"].places[0].push("team/app", built("a"), "v1")
        broker.agents["tools"].places[0].push("ci/runner", built("b"), "v2")
        monkeypatch.setenv("TIDEWAITER_BROKER_URL", broker.url)
        monkeypatch.setenv("TIDEWAITER_BROKER_KEY", KEY)
        yield broker


def scan(tidewaiter: Tidewaiter, world: World, *arguments: str) -> Ran:
    return tidewaiter("ecr", "scan", "--db", world.db, *arguments)


def test_what_is_behind_a_connection_is_scanned(tidewaiter: Tidewaiter, world: World, broker: FakeBroker) -> None:
    ran = scan(tidewaiter, world, "--via", "shop", "--format", "json")
    (image,) = ran.json["images"]
    assert (image["repository"], image["tags"], image["state"]) == ("team/app", ["v1"], "scanned")
    assert ran.json["run"]["command"] == "tidewaiter ecr scan --via shop"
    assert ran.json["run"]["identity"]["arn"] == "arn:aws:iam::999999999999:role/agent"
    assert broker.agents["tools"].lookers.looked.total() == 0
    assert KEY not in ran.out + ran.err


def test_several_connections_are_one_run_and_a_second_one_pulls_nothing(
    tidewaiter: Tidewaiter, world: World, broker: FakeBroker
) -> None:
    first, second = (scan(tidewaiter, world, "--via", "shop", "--via", "tools", "--format", "json") for _ in range(2))
    assert {image["repository"] for image in first.json["images"]} == {"team/app", "ci/runner"}
    assert [ran.json["run"]["layers_read"] for ran in (first, second)] == [4, 0]
    assert second.json["run"]["known"] == 2
    assert first.json["images"] == second.json["images"]
    assert not second.json["run"]["continued"]
    assert sum(agent.posted.total() for agent in broker.agents.values()) == 2


def test_the_key_may_stand_in_a_file(
    tidewaiter: Tidewaiter, broker: FakeBroker, alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TIDEWAITER_BROKER_KEY")
    (alone / "key").write_text(f"# of the platform\n{KEY}\nanother\n")
    (alone / "empty").write_text("\n")
    assert tidewaiter("ecr", "list", "--via", "shop", "--broker-key-file", "key").code == 0
    empty, missing = (tidewaiter("ecr", "list", "--via", "shop", "--broker-key-file", name) for name in ("empty", "no"))
    assert (empty.code, empty.err) == (3, "tidewaiter: empty: holds no key\n")
    assert (missing.code, missing.err) == (3, "tidewaiter: no: cannot be read: No such file or directory\n")


def test_filters_choose_among_what_is_behind_a_connection(
    tidewaiter: Tidewaiter, world: World, broker: FakeBroker
) -> None:
    arguments = ("--via", "shop", "--via", "tools", "--repository", "ci/*", "--format", "json")
    ran = scan(tidewaiter, world, *arguments)
    assert [image["repository"] for image in ran.json["images"]] == ["ci/runner"]


def test_listing_asks_for_no_look(tidewaiter: Tidewaiter, broker: FakeBroker) -> None:
    ran = tidewaiter("ecr", "list", "--via", "shop", "--via", "tools")
    assert ran.code == 0
    assert ran.out.rstrip().endswith("2 of 2 manifests would be scanned.")
    assert not any("/scan" in each or "/results" in each for each in broker.asked)


def test_a_connection_that_is_away_is_a_gap_and_the_scan_is_incomplete(
    tidewaiter: Tidewaiter, world: World, broker: FakeBroker
) -> None:
    broker.before = lambda _, path: refusal("not-connected", "no client is connected") if "/tools/" in path else None
    ran = scan(tidewaiter, world, "--via", "shop", "--via", "tools", "--broker-patience", "0", "--format", "json")
    assert ran.code == 2
    assert [image["repository"] for image in ran.json["images"]] == ["team/app"]
    (lost,) = (account for account in ran.json["accounts"] if account["id"] == "tools")
    assert (lost["gaps"][0]["why"], lost["gaps"][0]["subject"]) == ("unreachable", "connection tools")
    assert lost["gaps"][0]["detail"].startswith("no client is connected")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--role-arn", "arn:aws:iam::111122223333:role/x"], "the broker client's connection has its own"),
        (["--external-id", "x"], "the broker client's connection has its own"),
        (["--region", "eu-west-1"], "the broker client's connection has its own"),
        (["--profile", "x"], "the agent has its own credentials"),
        (["--sts-region", "eu-west-1"], "the agent has its own credentials"),
        (["--public"], "a connection is one registry account"),
        (["--workers", "3"], "the agent has its own"),
        (["--limit", "layers=3"], "the agent has its own"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_is_decided_at_the_other_end_cannot_be_given(
    tidewaiter: Tidewaiter, world: World, broker: FakeBroker, arguments: list[str], reason: str
) -> None:
    ran = scan(tidewaiter, world, "--via", "shop", *arguments)
    assert ran.code == 3
    assert f"{arguments[0]} cannot be given with --via: {reason}" in ran.err
    assert broker.asked == []


def test_what_the_environment_sets_for_direct_scans_means_nothing_with_via(
    tidewaiter: Tidewaiter, world: World, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CR_ROLE_ARN", "arn:aws:iam::111122223333:role/x")
    monkeypatch.setenv("TIDEWAITER_ECR_SCAN_WORKERS", "3")
    ran = scan(tidewaiter, world, "--via", "shop", "--format", "json")
    assert ran.json["run"]["command"] == "tidewaiter ecr scan --via shop"


@pytest.mark.parametrize("option", ["--broker", "--broker-key", "--broker-patience"])
def test_the_server_is_of_no_use_without_a_connection(tidewaiter: Tidewaiter, world: World, option: str) -> None:
    ran = scan(tidewaiter, world, option, "1")
    assert (ran.code, f"{option} belongs to a --via, and there is none" in ran.err) == (3, True)


@pytest.mark.parametrize("name", ["", "Shop", "../shop", "a" * 64, "shop/x", "-shop"])
def test_what_is_no_name_of_a_connection_is_refused(
    tidewaiter: Tidewaiter, world: World, broker: FakeBroker, name: str
) -> None:
    ran = scan(tidewaiter, world, f"--via={name}")
    assert (ran.code, "is not the name of a connection" in ran.err) == (3, True)


@pytest.mark.parametrize(
    ("variable", "words"),
    [("TIDEWAITER_BROKER_URL", "the address of the broker server"), ("TIDEWAITER_BROKER_KEY", "an API key")],
)
def test_a_server_has_to_be_named_and_a_key_given(
    tidewaiter: Tidewaiter, world: World, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch, variable: str, words: str
) -> None:
    monkeypatch.delenv(variable)
    ran = scan(tidewaiter, world, "--via", "shop")
    assert ran.code == 3
    assert f"--via needs {words}" in ran.err
    assert variable in ran.err


def test_a_wrong_key_or_name_is_a_matter_of_the_command_line(
    tidewaiter: Tidewaiter, world: World, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = scan(tidewaiter, world, "--via", "shpo")
    assert (unknown.code, "there is no connection 'shpo'" in unknown.err) == (3, True)
    monkeypatch.setenv("TIDEWAITER_ECR_SCAN_BROKER_KEY", "wrong-key-of-this-command")
    refused = scan(tidewaiter, world, "--via", "shop")
    assert (refused.code, "the API key is not known" in refused.err) == (3, True)
    assert "wrong-key-of-this-command" not in refused.err


def test_results_belong_to_a_store_wherever_it_is_named_from(alone: object) -> None:
    assert _owner("postgresql://me:old@host/fleet") == _owner("postgresql://me:new@host/fleet") == "host/fleet"
    assert _owner("fleet.db") == _owner("sqlite:///fleet.db") == _owner("./fleet.db")
    assert _owner("fleet.db") != _owner("other.db")

"""`tidewaiter broker connections`: tokens are shown once, and what was made can be listed and revoked."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from command_lines import Ran
from tidewaiter.store.records import TunnelRow
from tidewaiter.store.store import Store

Tidewaiter = Callable[..., Ran]


@pytest.fixture
def connections(tidewaiter: Tidewaiter, alone: Path) -> Tidewaiter:
    """Runs the commands on a store of the test's own."""
    store = ("--store", str(alone / "fleet.db"))
    return lambda command, *arguments: tidewaiter("broker", "connections", command, *store, *arguments)


def test_a_token_is_printed_alone_and_only_its_hash_is_kept(connections: Tidewaiter, alone: Path) -> None:
    ran = connections("create", "payments")
    token = ran.out.strip()
    assert (ran.code, ran.out) == (0, f"{token}\n")
    assert token.startswith("tw_")
    assert len(token) == 46
    assert "shown this once" in ran.err
    with Store.open(str(alone / "fleet.db")) as store:
        assert store.exchange.admitted([sha256(token.encode()).digest()]) != {}
    assert token.encode() not in (alone / "fleet.db").read_bytes()


def test_no_two_tokens_are_the_same(connections: Tidewaiter) -> None:
    assert len({connections("create", f"c{number}").out for number in range(5)}) == 5


@pytest.mark.parametrize("name", ["Payments", "-a", "a_b", "a/b", "", "a" * 64, "ä", "a b"])
def test_a_name_that_is_none_is_refused(connections: Tidewaiter, name: str) -> None:
    ran = connections("create", "--", name)
    assert (ran.code, ran.out) == (3, "")
    assert "no name for a connection" in ran.err


def test_a_name_that_is_taken_is_refused_with_what_to_do(connections: Tidewaiter) -> None:
    connections("create", "payments")
    ran = connections("create", "payments")
    assert (ran.code, ran.out) == (3, "")
    assert "there is a connection 'payments' already. Give another name, or revoke that connection first" in ran.err


def test_what_there_is_is_listed(connections: Tidewaiter, alone: Path) -> None:
    for name in ("shop", "payments", "old"):
        connections("create", name)
    connections("revoke", "old")
    now = datetime.now(UTC)
    with Store.open(str(alone / "fleet.db")) as store:
        row = TunnelRow(key="k", connection="shop", replica="one", load=2, since=now)
        store.exchange.saw_tunnels("server", "", [row], now=now)
        store.exchange.begin_delivery("key", "payments", "job", now=now)
        store.exchange.finish_delivery("key", "sha256:0", now=now)
    ran = connections("list")
    assert [line.split() for line in ran.out.splitlines()] == [
        ["connection", "state", "replicas", "busy", "results", "created"],
        ["old", "revoked", f"{now:%Y-%m-%d}", "0", "0", "0", f"{now:%Y-%m-%d}"],
        ["payments", "not", "connected", "0", "0", "1", f"{now:%Y-%m-%d}"],
        ["shop", "connected", "1", "2", "0", f"{now:%Y-%m-%d}"],
    ]
    document = json.loads(connections("list", "--format", "json").out)
    assert document["schema"] == "tidewaiter/connections/1"
    assert [each["connection"] for each in document["connections"]] == ["old", "payments", "shop"]
    assert document["connections"][2]["replicas"][0]["replica"] == "one"


def test_an_empty_list_says_how_to_begin(connections: Tidewaiter) -> None:
    assert "tidewaiter broker connections create NAME" in connections("list").out


def test_what_was_revoked_can_be_made_anew(connections: Tidewaiter) -> None:
    first = connections("create", "payments").out
    assert connections("revoke", "payments").code == 0
    assert connections("create", "payments").out != first


def test_what_never_was_cannot_be_revoked(connections: Tidewaiter) -> None:
    connections("create", "payments")
    ran = connections("revoke", "payment")
    assert ran.code == 3
    assert "there is no connection 'payment'. Known are payments" in ran.err


def test_the_store_can_be_named_in_the_environment(
    tidewaiter: Tidewaiter, alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEWAITER_BROKER_STORE", str(alone / "broker.db"))
    tidewaiter("broker", "connections", "create", "payments")
    assert (alone / "broker.db").exists()
    assert "payments" in tidewaiter("broker", "connections", "list").out

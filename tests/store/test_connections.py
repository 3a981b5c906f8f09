"""Connections: who may come in, and which servers hold tunnels of them."""

from datetime import timedelta

import pytest

from store_samples import LATER, NOW
from tidewaiter.errors import StoreError
from tidewaiter.store.records import TunnelRow
from tidewaiter.store.store import Store

TOKEN, OTHER, NEW = b"1" * 32, b"2" * 32, b"3" * 32


def tunnel(key: str, connection: str, *, load: int = 0, replica: str = "one") -> TunnelRow:
    return TunnelRow(key=key, connection=connection, replica=replica, load=load, since=NOW)


@pytest.fixture
def pair(store: Store) -> Store:
    """A store with the connections `payments` and `shop`."""
    store.exchange.add_connection("payments", TOKEN, now=NOW)
    store.exchange.add_connection("shop", OTHER, now=LATER)
    return store


def test_a_tokens_hash_opens_its_connection_and_no_other_does(pair: Store) -> None:
    assert pair.exchange.admitted([TOKEN, OTHER, NEW]) == {TOKEN: "payments", OTHER: "shop"}
    assert pair.exchange.admitted([]) == {}


def test_more_hashes_than_fit_one_statement_are_looked_up(pair: Store) -> None:
    many = [number.to_bytes(32, "big") for number in range(1200)]
    assert pair.exchange.admitted([*many, OTHER]) == {OTHER: "shop"}


def test_a_connection_that_is_in_use_is_not_made_again(pair: Store) -> None:
    with pytest.raises(StoreError, match="there is a connection 'shop' already"):
        pair.exchange.add_connection("shop", NEW, now=LATER)
    assert pair.exchange.admitted([OTHER, NEW]) == {OTHER: "shop"}


def test_to_make_a_connection_twice_with_the_same_token_is_the_same(pair: Store) -> None:
    pair.exchange.add_connection("shop", OTHER, now=LATER)
    assert [row.name for row in pair.exchange.connections()] == ["payments", "shop"]


def test_a_revoked_token_opens_nothing(pair: Store) -> None:
    assert pair.exchange.revoke_connection("shop", now=LATER)
    assert pair.exchange.admitted([TOKEN, OTHER]) == {TOKEN: "payments"}
    assert [row.revoked for row in pair.exchange.connections()] == [None, LATER]


def test_to_revoke_twice_keeps_the_first_time(pair: Store) -> None:
    assert pair.exchange.revoke_connection("shop", now=NOW)
    assert pair.exchange.revoke_connection("shop", now=LATER)
    assert [row.revoked for row in pair.exchange.connections()] == [None, NOW]


def test_what_never_was_cannot_be_revoked(pair: Store) -> None:
    assert not pair.exchange.revoke_connection("lab", now=NOW)


def test_a_revoked_name_can_be_made_anew_with_a_new_token(pair: Store) -> None:
    pair.exchange.revoke_connection("shop", now=NOW)
    pair.exchange.add_connection("shop", NEW, now=LATER)
    assert pair.exchange.admitted([OTHER, NEW]) == {NEW: "shop"}
    assert [row.revoked for row in pair.exchange.connections()] == [None, None]


def test_whether_a_connection_was_revoked_or_never_was(pair: Store) -> None:
    pair.exchange.revoke_connection("shop", now=NOW)
    assert [pair.exchange.is_revoked(name) for name in ("payments", "shop", "lab")] == [False, True, None]


def test_connections_are_told_with_what_waits_of_them(pair: Store) -> None:
    exchange = pair.exchange
    for key, job in (("a", "one"), ("b", "two"), ("c", "three")):
        exchange.begin_delivery(key, "shop", job, now=NOW)
        exchange.keep_part(key, 0, b"12345", now=NOW)
    exchange.finish_delivery("a", "sha256:1", now=NOW)
    exchange.finish_delivery("b", "sha256:2", now=NOW)
    payments, shop = exchange.connections()
    assert (payments.results, payments.result_bytes, payments.created) == (0, 0, NOW)
    assert (shop.results, shop.result_bytes, shop.created) == (2, 10, LATER)


def test_the_least_busy_tunnel_of_a_connection_comes_first(pair: Store) -> None:
    exchange = pair.exchange
    exchange.saw_tunnels("left", "http://left", [tunnel("a", "shop", load=3), tunnel("b", "payments")], now=NOW)
    exchange.saw_tunnels("right", "http://right", [tunnel("c", "shop", load=1)], now=NOW)
    found = exchange.tunnels(since=NOW, connection="shop")
    assert [(row.key, row.server, row.url, row.load, row.since) for row in found] == [
        ("c", "right", "http://right", 1, NOW),
        ("a", "left", "http://left", 3, NOW),
    ]
    assert [row.key for row in exchange.tunnels(since=NOW)] == ["b", "c", "a"]


def test_what_a_server_does_not_tell_of_any_more_has_ended(pair: Store) -> None:
    exchange = pair.exchange
    exchange.saw_tunnels("left", "", [tunnel("a", "shop"), tunnel("b", "shop")], now=NOW)
    exchange.saw_tunnels("right", "", [tunnel("c", "shop")], now=NOW)
    exchange.saw_tunnels("left", "", [tunnel("b", "shop", load=7)], now=NOW)
    assert [(row.key, row.load) for row in exchange.tunnels(since=NOW)] == [("c", 0), ("b", 7)]


def test_a_server_that_says_nothing_is_not_there_and_is_forgotten(pair: Store) -> None:
    exchange = pair.exchange
    exchange.saw_tunnels("left", "", [tunnel("a", "shop")], now=NOW)
    exchange.saw_tunnels("right", "", [tunnel("b", "shop")], now=LATER)
    assert [row.key for row in exchange.tunnels(since=LATER)] == ["b"]
    exchange.forget_tunnels(before=LATER)
    assert [row.key for row in exchange.tunnels(since=NOW - timedelta(days=9))] == ["b"]


def test_tunnels_of_connections_that_are_not_there_are_left_out(pair: Store) -> None:
    pair.exchange.saw_tunnels("left", "", [tunnel("a", "lab"), tunnel("a", "shop")], now=NOW)
    assert [row.connection for row in pair.exchange.tunnels(since=NOW)] == ["shop"]

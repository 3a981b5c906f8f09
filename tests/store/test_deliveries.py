"""Deliveries: nothing of them is seen before all is there, and nothing is left of those that broke off."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select

from store_samples import LATER, NOW
from tidewaiter.errors import StoreError
from tidewaiter.store.deliveries import ROW
from tidewaiter.store.exchange import Exchange
from tidewaiter.store.schema import delivery_part
from tidewaiter.store.store import Store

PARTS = (b"first " * 1000, b"\x00\xff second", b"last")


@pytest.fixture
def exchange(store: Store) -> Exchange:
    """What is shared, with the connections `payments` and `shop`."""
    for name in ("payments", "shop"):
        store.exchange.add_connection(name, name.encode().ljust(32), now=NOW)
    return store.exchange


def deliver(exchange: Exchange, key: str, *, job: str = "job", connection: str = "shop", content: bytes = b"x") -> None:
    exchange.begin_delivery(key, connection, job, now=NOW)
    exchange.keep_part(key, 0, content, now=NOW)
    exchange.finish_delivery(key, f"sha256:{key}", now=NOW)


def parts_kept(store: Store) -> int:
    def count(connection: Connection) -> int:
        return connection.execute(select(func.count()).select_from(delivery_part)).scalar_one()

    return store._database.read(count)


def test_parts_come_back_as_they_were(exchange: Exchange) -> None:
    exchange.begin_delivery("key", "shop", "job", now=NOW)
    for position, content in enumerate(PARTS):
        exchange.keep_part("key", position, content, now=NOW)
    exchange.finish_delivery("key", "sha256:all", now=LATER)
    row = exchange.delivery("shop", "job")
    assert row is not None
    assert (row.job, row.size, row.digest, row.arrived) == ("job", sum(map(len, PARTS)), "sha256:all", LATER)
    assert [exchange.part(row.key, position) for position in range(4)] == [*PARTS, None]


def test_until_all_is_there_nobody_sees_it(exchange: Exchange) -> None:
    exchange.begin_delivery("key", "shop", "job", now=NOW)
    exchange.keep_part("key", 0, b"x", now=NOW)
    assert exchange.deliveries("shop", limit=9) == []
    assert exchange.delivery("shop", "job") is None
    exchange.finish_delivery("key", "sha256:x", now=NOW)
    assert [row.job for row in exchange.deliveries("shop", limit=9)] == ["job"]


def test_a_connection_sees_its_own_only(exchange: Exchange) -> None:
    deliver(exchange, "a")
    assert exchange.deliveries("payments", limit=9) == []
    assert exchange.delivery("payments", "job") is None


def test_the_oldest_come_first_and_no_more_than_are_wanted(exchange: Exchange) -> None:
    for number, when in (("2", LATER), ("1", NOW), ("3", LATER + timedelta(days=1))):
        exchange.begin_delivery(number, "shop", f"job-{number}", now=when)
        exchange.finish_delivery(number, "sha256:e3b0", now=when)
    assert [row.job for row in exchange.deliveries("shop", limit=2)] == ["job-1", "job-2"]


def test_the_same_job_again_takes_the_place_of_the_first(exchange: Exchange, store: Store) -> None:
    deliver(exchange, "first", content=b"old")
    deliver(exchange, "second", content=b"new")
    row = exchange.delivery("shop", "job")
    assert row is not None
    assert (row.key, exchange.part(row.key, 0)) == ("second", b"new")
    assert parts_kept(store) == 1


def test_the_same_job_of_two_connections_are_two(exchange: Exchange) -> None:
    deliver(exchange, "a", connection="shop")
    deliver(exchange, "b", connection="payments")
    assert exchange.delivery("shop", "job") != exchange.delivery("payments", "job")


def test_each_step_can_be_made_again(exchange: Exchange) -> None:
    """A transaction that was made, and whose answer was lost with the connection, is made once more."""
    for _ in range(2):
        exchange.begin_delivery("key", "shop", "job", now=NOW)
        exchange.keep_part("key", 0, b"12", now=NOW)
    exchange.keep_part("key", 1, b"345", now=NOW)
    for _ in range(2):
        exchange.finish_delivery("key", "sha256:x", now=NOW)
    assert [row.size for row in exchange.deliveries("shop", limit=9)] == [5]


def test_what_was_dropped_takes_nothing_more(exchange: Exchange, store: Store) -> None:
    exchange.begin_delivery("key", "shop", "job", now=NOW)
    exchange.keep_part("key", 0, b"x", now=NOW)
    exchange.drop_delivery("key")
    exchange.drop_delivery("key")
    with pytest.raises(StoreError, match="has dropped what was being delivered") as caught:
        exchange.keep_part("key", 1, b"x", now=NOW)
    assert caught.value.retry
    with pytest.raises(StoreError, match="has dropped"):
        exchange.finish_delivery("key", "sha256:x", now=NOW)
    assert parts_kept(store) == 0


@pytest.mark.parametrize("name", ["revoked", "unknown"])
def test_who_may_not_come_in_delivers_nothing(exchange: Exchange, name: str) -> None:
    exchange.add_connection("revoked", b"r" * 32, now=NOW)
    exchange.revoke_connection("revoked", now=NOW)
    assert not exchange.begin_delivery("key", name, "job", now=NOW)
    with pytest.raises(StoreError, match="has dropped"):
        exchange.keep_part("key", 0, b"x", now=NOW)


def test_what_a_revoked_connection_delivered_is_dropped(exchange: Exchange, store: Store) -> None:
    deliver(exchange, "a", connection="shop")
    deliver(exchange, "b", connection="payments")
    exchange.revoke_connection("shop", now=NOW)
    assert exchange.deliveries("shop", limit=9) == []
    assert [row.key for row in exchange.deliveries("payments", limit=9)] == ["b"]
    assert parts_kept(store) == 1


def test_what_is_occupied_counts_also_what_is_on_its_way(exchange: Exchange) -> None:
    deliver(exchange, "a", content=b"12345")
    exchange.begin_delivery("b", "shop", "other", now=NOW)
    exchange.keep_part("b", 0, b"678", now=NOW)
    assert (exchange.occupied("shop"), exchange.occupied("payments"), exchange.occupied("lab")) == (8 + 2 * ROW, 0, 0)


def test_old_deliveries_go_and_broken_ones_sooner(exchange: Exchange, store: Store) -> None:
    deliver(exchange, "old")
    exchange.begin_delivery("broken", "shop", "broken", now=LATER)
    exchange.keep_part("broken", 0, b"x", now=LATER)
    exchange.begin_delivery("whole", "shop", "whole", now=LATER)
    exchange.finish_delivery("whole", "sha256:x", now=LATER)
    after = LATER + timedelta(seconds=1)
    assert exchange.drop_old_deliveries(whole_before=LATER, part_before=after) == 2
    assert exchange.drop_old_deliveries(whole_before=LATER, part_before=after) == 0
    assert [row.job for row in exchange.deliveries("shop", limit=9)] == ["whole"]
    assert parts_kept(store) == 0


def test_many_old_ones_go_a_few_at_a_time(exchange: Exchange) -> None:
    for number in range(30):
        deliver(exchange, str(number), job=str(number))
    assert exchange.drop_old_deliveries(whole_before=LATER, part_before=LATER) == 20
    assert exchange.drop_old_deliveries(whole_before=LATER, part_before=LATER) == 10


def test_what_was_acknowledged_is_in_the_files(tmp_path: Path, opened: Callable[[str], Store]) -> None:
    """A copy of them as they are at that moment, as a process that is killed leaves them, holds it."""
    store = opened(str(tmp_path / "fleet.db"))
    store.exchange.add_connection("shop", b"s" * 32, now=NOW)
    deliver(store.exchange, "key", content=b"kept")
    for name in ("fleet.db", "fleet.db-wal"):
        (tmp_path / f"copy-{name}").write_bytes((tmp_path / name).read_bytes())
    copy = opened(str(tmp_path / "copy-fleet.db")).exchange
    assert copy.delivery("shop", "job") is not None
    assert copy.part("key", 0) == b"kept"


def test_a_log_that_cannot_be_synced_is_an_error(tmp_path: Path, opened: Callable[[str], Store]) -> None:
    store = opened(str(tmp_path / "fleet.db"))
    deliverable = store.exchange
    deliverable.add_connection("shop", b"s" * 32, now=NOW)
    (tmp_path / "fleet.db-wal").rename(tmp_path / "moved")
    (tmp_path / "fleet.db-wal").symlink_to("fleet.db-wal")
    with pytest.raises(StoreError, match="cannot be written: "):
        deliver(deliverable, "key")


def test_a_log_that_is_gone_was_synced_by_who_closed_it(tmp_path: Path, opened: Callable[[str], Store]) -> None:
    store = opened(str(tmp_path / "fleet.db"))
    store.exchange.connections()
    (tmp_path / "fleet.db-wal").unlink(missing_ok=True)
    store._database.settle()

"""Runs: each has a number, and takes up what the last one of its scope left."""

from datetime import datetime, timedelta, timezone

import pytest

from store_samples import LATER, NOW, begun, finished
from tidewaiter.errors import StoreError
from tidewaiter.store.records import RunRow
from tidewaiter.store.store import Store


def test_the_first_run_continues_nothing(store: Store) -> None:
    assert store.begin(command="ecr scan", scope="a", now=NOW) == 1
    assert not store.run(1).continued


def test_a_run_continues_the_last_of_its_scope_if_that_did_not_finish(store: Store) -> None:
    begun(store, "a")
    begun(store, "b")
    assert store.begin(command="ecr scan", scope="a", now=NOW) == 3
    assert store.run(3).continued


def test_a_run_continues_nothing_if_the_last_of_its_scope_finished(store: Store) -> None:
    begun(store, "a")
    finished(store, begun(store, "a"))
    assert not store.run(begun(store, "a")).continued


def test_what_is_known_of_a_run_comes_back(store: Store) -> None:
    run = store.begin(command="ecr scan --region eu-west-1", scope="a", now=NOW)
    expected = RunRow(
        id=run,
        command="ecr scan --region eu-west-1",
        scope="a",
        started=NOW,
        finished=None,
        continued=False,
        layers_read=0,
        bytes_pulled=0,
        looked=0,
        known=0,
    )
    assert store.run(run) == expected


def test_the_counts_of_a_run_may_be_larger_than_32_bits(store: Store) -> None:
    run = begun(store)
    store.finish(run, now=LATER, layers_read=7, bytes_pulled=1 << 50, looked=8, known=9)
    row = store.run(run)
    assert (row.finished, row.layers_read, row.bytes_pulled, row.looked, row.known) == (LATER, 7, 1 << 50, 8, 9)


def test_times_of_any_zone_come_back_as_the_same_moment_in_utc(store: Store) -> None:
    local = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=-7)))
    started = store.run(store.begin(command="x", scope="x", now=local)).started
    assert started == local
    assert started.utcoffset() == timedelta(0)


def test_a_time_without_a_zone_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="a time without a zone"):
        store.begin(command="x", scope="x", now=datetime(2026, 1, 2))  # noqa: DTZ001 - the zone is missing on purpose


def test_a_run_that_is_not_there_is_an_error(store: Store) -> None:
    with pytest.raises(StoreError, match="holds no run 99"):
        store.run(99)

"""Many threads, broken connections, damage: what is promised holds, and errors say what to do and tell no secret."""

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, text

from store_samples import FINGERPRINT, begun, detail, digest, inventory, repository, scan, scanned
from tidewaiter.errors import StoreError
from tidewaiter.model.cloud import Account
from tidewaiter.store.store import Store


def test_threads_write_and_read_at_the_same_time(store: Store) -> None:
    run = begun(store)
    start = threading.Barrier(8)

    def work(thread: int) -> None:
        start.wait()
        for number in range(5):
            image = inventory(f"app {thread} {number}", f"package{number}")
            place = repository(store, run, f"repository {thread}")
            store.saw_manifests(run, place, [detail(f"app {thread} {number}", "latest")], complete=False)
            store.keep_image(image, fingerprint=FINGERPRINT)
            store.settle(run, place, [scanned(f"app {thread} {number}")])
            assert image.image.digest is not None
            assert store.inventory(image.image.digest) == image
            assert store.packages_to_judge("db", run, 1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert len(list(store.contents(run))) == 40
    assert len(store.packages_to_judge("db", run, 100)) == 3 + 5
    assert store.coverage(run)[0].registries[0].scanned == 40


def test_two_stores_on_the_same_database_wait_for_each_other(url: str, opened: Callable[[str], Store]) -> None:
    stores = [opened(url) for _ in range(3)]
    run = begun(stores[0])

    def work(number: int) -> None:
        for each in range(10):
            stores[number].keep_image(inventory(f"app {number} {each}", f"package{each}"), fingerprint=FINGERPRINT)
            stores[number].saw_account(run, Account(id=f"{each:012}"))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    assert len(stores[0].remembered([digest(f"app {n} {m}") for n in range(3) for m in range(10)], FINGERPRINT)) == 30


def test_a_reader_sees_one_moment(store: Store, url: str, opened: Callable[[str], Store]) -> None:
    """Between two statements of one reading another process replaces all that is read."""
    store.keep_image(inventory("app", "django"), fingerprint=FINGERPRINT)
    count = text("SELECT count(*) FROM parcel_package")

    def read(connection: Connection) -> tuple[object, object]:
        before = connection.execute(count).scalar_one()
        opened(url).keep_image(replace(inventory("app"), packages=()), fingerprint=FINGERPRINT)
        return before, connection.execute(count).scalar_one()

    assert store._database.read(read) == (4, 4)
    assert store._database.read(lambda connection: connection.execute(count).scalar_one()) == 0


def test_a_page_of_rows_holds_nothing_open(store: Store) -> None:
    run = begun(store)
    scan(store, run, inventory("app"), inventory("web"))
    contents = store.contents(run)
    next(contents)
    assert store._database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # a pool that counts


def test_a_write_that_fails_leaves_nothing_of_itself(store: Store) -> None:
    with pytest.raises(StoreError, match="cannot be used"):
        store.saw_account(12345, Account(id="111122223333"))
    run = begun(store)
    assert store.coverage(run) == []


def test_connections_that_broke_are_made_anew(server_url: str, postgresql: str, opened: Callable[[str], Store]) -> None:
    store = opened(server_url)
    run = begun(store)
    hits = []

    def work(connection: Connection) -> int:
        hits.append(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
        if len(hits) < 3:
            _end(postgresql, hits[-1])
        connection.execute(text("SELECT 1"))
        return len(hits)

    assert store._database.write(work) == 3
    assert len(set(hits)) == 3
    _end(postgresql, hits[-1])
    scan(store, run, inventory("app"))
    assert store.inventory(digest("app")) == inventory("app")


def test_a_server_that_ends_every_connection_is_given_up(
    server_url: str, postgresql: str, opened: Callable[[str], Store]
) -> None:
    store = opened(server_url)

    def work(connection: Connection) -> None:
        _end(postgresql, connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
        connection.execute(text("SELECT 1"))

    with pytest.raises(StoreError, match="cannot be used: terminating connection"):
        store._database.write(work)


def _end(server: str, backend: int) -> None:
    engine = create_engine(server.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:backend, 5000)"), {"backend": backend})
    engine.dispose()


def test_values_never_stand_in_messages(store: Store) -> None:
    statement = text("SELECT * FROM missing WHERE name = :secret")
    with pytest.raises(StoreError, match="cannot be used") as caught:
        store._database.read(lambda connection: connection.execute(statement, {"secret": "sesame"}))
    assert "sesame" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("table", ["image", "parcel"])
def test_a_record_that_is_damaged_is_an_error(table: str, tmp_path: Path, opened: Callable[[str], Store]) -> None:
    path = tmp_path / "fleet.db"
    store = opened(str(path))
    store.keep_image(inventory("app"), fingerprint=FINGERPRINT)
    with sqlite3.connect(path) as plain:
        plain.execute(f"UPDATE {table} SET content = x'00'")
    plain.close()
    with pytest.raises(StoreError, match="holds a damaged record") as caught:
        store.inventory(digest("app"))
    assert "Scan into a new store" in str(caught.value)


def test_a_file_that_is_damaged_is_an_error(tmp_path: Path, opened: Callable[[str], Store]) -> None:
    path = tmp_path / "fleet.db"
    with opened(str(path)) as store:
        store.keep_image(inventory("app"), fingerprint=FINGERPRINT)
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="cannot be used: database disk image is malformed") as caught:
        opened(str(path)).inventory(digest("app"))
    assert "move it away" in caught.value.advice

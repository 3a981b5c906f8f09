"""The tables: made and changed in one step, and only where they are ours."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

import tidewaiter.store.migrations
from store_samples import FINGERPRINT, digest, inventory
from tidewaiter.errors import StoreError
from tidewaiter.store.address import Address
from tidewaiter.store.database import Database
from tidewaiter.store.schema import REVISION, VERSION_TABLE, metadata
from tidewaiter.store.store import Store


def run(url: str, statement: str) -> None:
    """Executes this in a database in which there may be no store."""
    database = Database(Address.parse(url))
    database.write(lambda connection: connection.execute(text(statement)))
    database.close()


def test_the_migrations_make_the_tables_of_the_schema(store: Store) -> None:
    def differences(connection: Connection) -> object:
        # SQLite gives defaults back in words that are never those of the schema.
        defaults = connection.dialect.name == "postgresql"
        options = {"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": defaults}
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)

    assert store._database.write(differences) == []


def test_the_schema_names_the_last_migration() -> None:
    scripts = ScriptDirectory(str(Path(tidewaiter.store.migrations.__file__).parent))
    assert scripts.get_heads() == [REVISION]


def test_a_store_that_is_there_is_opened_as_it_is(url: str, opened: Callable[[str], Store]) -> None:
    opened(url).keep_image(inventory("app"), fingerprint=FINGERPRINT)
    assert opened(url).inventory(digest("app")) == inventory("app")


def test_a_store_of_a_newer_version_is_refused(url: str, opened: Callable[[str], Store]) -> None:
    opened(url).close()
    run(url, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    with pytest.raises(StoreError, match=r"written by a newer version of tidewaiter \(its schema is 9999"):
        opened(url)


def test_a_database_of_something_else_is_refused_and_left_alone(url: str, opened: Callable[[str], Store]) -> None:
    run(url, "CREATE TABLE run (id INTEGER)")
    with pytest.raises(StoreError, match="holds the tables of something else"):
        opened(url)
    database = Database(Address.parse(url))
    assert database.read(lambda connection: inspect(connection).get_table_names()) == ["run"]
    database.close()


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, opened: Callable[[str], Store]) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("this is no database, but it is long enough to be looked at as one" * 20)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="file is not a database"):
        opened(str(path))
    assert path.read_bytes() == before


def test_an_empty_file_becomes_a_store(tmp_path: Path, opened: Callable[[str], Store]) -> None:
    path = tmp_path / "fleet.db"
    path.touch()
    opened(str(path)).keep_layer(digest("layer"), FINGERPRINT, b"x", 1)


def test_folders_on_the_way_are_made_and_the_file_is_the_users_alone(
    tmp_path: Path, opened: Callable[[str], Store]
) -> None:
    path = tmp_path / "share" / "tidewaiter" / "fleet.db"
    opened(str(path)).keep_layer(digest("layer"), FINGERPRINT, b"x", 1)
    assert {each.name: each.stat().st_mode & 0o777 for each in path.parent.iterdir()} == {
        "fleet.db": 0o600,
        "fleet.db-wal": 0o600,
        "fleet.db-shm": 0o600,
    }


def test_a_path_that_cannot_be_written_is_an_error(tmp_path: Path, opened: Callable[[str], Store]) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"file/fleet.db: cannot be written: "):
        opened(str(tmp_path / "file" / "fleet.db"))
    with pytest.raises(StoreError, match="cannot be written: Is a directory"):
        opened(str(tmp_path))


def test_a_server_that_does_not_answer_is_an_error_without_the_password(opened: Callable[[str], Store]) -> None:
    with pytest.raises(StoreError, match=r"postgresql://tide:\*\*\*@127.0.0.1:1/fleet: cannot be used") as caught:
        opened("postgresql://tide:sesame@127.0.0.1:1/fleet")
    assert "sesame" not in str(caught.value)


OPENER = """
import sys
from tidewaiter.store.store import Store
Store.open(sys.argv[1]).close()
"""


def test_processes_that_make_a_store_at_the_same_time_make_one(url: str, opened: Callable[[str], Store]) -> None:
    makers = [subprocess.Popen([sys.executable, "-c", OPENER, url]) for _ in range(3)]
    assert [maker.wait(60) for maker in makers] == [0, 0, 0]
    opened(url).keep_layer(digest("layer"), FINGERPRINT, b"x", 1)


def test_a_migration_that_breaks_off_leaves_nothing(tmp_path: Path, opened: Callable[[str], Store]) -> None:
    """A table in the way, that appears when half of the others are made, makes the step fail."""
    path = tmp_path / "fleet.db"
    database = Database(Address.parse(str(path)))

    def half(connection: Connection) -> None:
        metadata.tables["run"].create(connection)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        database.write(half)
    database.close()
    with sqlite3.connect(path) as plain:
        assert plain.execute("SELECT name FROM sqlite_master").fetchall() == []
    plain.close()
    opened(str(path))

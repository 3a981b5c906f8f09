"""Stores for servers: made once, and copied for each test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from postgresql_servers import new_schema, postgresql_server
from tidewaiter.store.store import Store


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with nothing in it."""
    path = tmp_path_factory.mktemp("store") / "made.db"
    Store.open(str(path)).close()
    return path


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Iterator[Store]:
    """An empty store of the test's own."""
    shutil.copy(made, tmp_path / "fleet.db")
    with Store.open(str(tmp_path / "fleet.db")) as opened:
        yield opened


@pytest.fixture
def server_url() -> Iterator[str]:
    """The address of a store on a PostgreSQL server that is not there yet."""
    with postgresql_server() as server:
        yield new_schema(server)

"""A store in a file, and one in a real PostgreSQL server that these tests start and end."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from postgresql_servers import new_schema, postgresql_server
from tidewaiter.store.store import Store


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a database on a server of its own, reached by a socket in its folder."""
    with postgresql_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a store that is not there yet, of either kind."""
    if request.param == "sqlite":
        return str(tmp_path / "fleet.db")
    server: str = request.getfixturevalue("postgresql")
    return new_schema(server)


@pytest.fixture
def file_store(tmp_path: Path, opened: Callable[[str], Store]) -> Store:
    """An empty store in a file, where the kind cannot matter."""
    return opened(str(tmp_path / "only.db"))


@pytest.fixture
def server_url(postgresql: str) -> str:
    """The address of a store on the server that is not there yet."""
    return new_schema(postgresql)


@pytest.fixture
def opened() -> Iterator[Callable[[str], Store]]:
    """Opens stores that are closed when the test ends."""
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(Store.open(url))


@pytest.fixture
def store(url: str, opened: Callable[[str], Store]) -> Store:
    """An empty store of either kind."""
    return opened(url)

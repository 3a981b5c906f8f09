"""A store in a file, and one in a real PostgreSQL server that these tests start and end."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tidewaiter.store.store import Store


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a database on a server of its own, reached by a socket in its folder."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), default=None)
    programs = programs or Path(shutil.which("initdb") or "/missing/initdb").parent
    if not (programs / "initdb").exists():
        pytest.skip("SKIPPED LOUDLY: PostgreSQL's server is not installed (Debian: postgresql)")
    with tempfile.TemporaryDirectory(prefix="tidewaiter-", dir="/tmp") as name:
        yield from _server(programs, Path(name))


def _server(programs: Path, folder: Path) -> Iterator[str]:
    """PostgreSQL refuses to run as root: there it runs as the user that its package made."""
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    data = folder / "data"
    made = [
        str(programs / "initdb"),
        "-D",
        str(data),
        "-A",
        "trust",
        "-U",
        "tide",
        "-E",
        "UTF8",
        "--locale=C",
        "--no-sync",
    ]
    subprocess.run(made, check=True, capture_output=True, user=user, cwd=folder)
    quick = ["-c", "fsync=off", "-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([programs / "postgres", "-D", data, *quick], stderr=log, user=user, cwd=folder)
    try:
        _await(programs, folder, server)
        yield f"postgresql://tide@/postgres?host={folder}"
    finally:
        server.send_signal(signal.SIGQUIT)  # at once: nothing of it is kept
        server.wait(30)


def _await(programs: Path, folder: Path, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(300):
        if subprocess.run([programs / "pg_isready", "-h", folder], check=False, capture_output=True).returncode == 0:
            return
        assert server.poll() is None, (folder / "log").read_text()
        time.sleep(0.1)
    pytest.fail((folder / "log").read_text())


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a store that is not there yet, of either kind."""
    if request.param == "sqlite":
        return str(tmp_path / "fleet.db")
    server: str = request.getfixturevalue("postgresql")
    return _schema(server)


@pytest.fixture
def file_store(tmp_path: Path, opened: Callable[[str], Store]) -> Store:
    """An empty store in a file, where the kind cannot matter."""
    return opened(str(tmp_path / "only.db"))


@pytest.fixture
def server_url(postgresql: str) -> str:
    """The address of a store on the server that is not there yet."""
    return _schema(postgresql)


def _schema(server: str) -> str:
    """A new schema is as good as a new database, and a hundred times quicker made."""
    name = f"t{uuid.uuid4().hex}"
    engine = create_engine(server.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    engine.dispose()
    return f"{server}&options=-csearch_path%3D{name}"


@pytest.fixture
def opened() -> Iterator[Callable[[str], Store]]:
    """Opens stores that are closed when the test ends."""
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(Store.open(url))


@pytest.fixture
def store(url: str, opened: Callable[[str], Store]) -> Store:
    """An empty store of either kind."""
    return opened(url)

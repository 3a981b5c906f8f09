"""A real PostgreSQL server that tests start and end."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text


@contextmanager
def postgresql_server() -> Iterator[str]:
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


def new_schema(server: str) -> str:
    """A new schema is as good as a new database, and a hundred times quicker made."""
    name = f"t{uuid.uuid4().hex}"
    engine = create_engine(server.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    engine.dispose()
    return f"{server}&options=-csearch_path%3D{name}"

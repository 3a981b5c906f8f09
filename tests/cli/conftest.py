"""Command lines, run in this process and in one of their own, and small images and advisories to give them."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from command_lines import Ran, World, alpine_image, debian_image
from tidewaiter.cli.main import run
from tidewaiter.feeds.database import build
from tidewaiter.simulator.archives import write_docker_archive, write_layout
from tidewaiter.simulator.aws import SimulatedAws
from tidewaiter.simulator.demonstration import write_advisories, write_images
from tidewaiter.simulator.images import build_index
from tidewaiter.simulator.keys import Keys


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("world")
    debian, alpine = write_images(folder)
    clean = write_layout(folder / "clean", {"clean:1": alpine_image("musl 1.2.4-r1")})
    old = write_docker_archive(folder / "old.tar", {"old:1": debian_image("11", "bash 5.1-2")})
    advisories = write_advisories(folder / "advisories")
    build([advisories], folder / "advisories.db", warn=pytest.fail)
    return World(str(debian), str(alpine), str(clean), str(old), str(advisories), str(folder / "advisories.db"))


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, where no settings, database or temporary files of the user's are in the way."""
    folder = tmp_path / "here"
    folder.mkdir()
    (tmp_path / "tmp").mkdir()
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.startswith("TIDEWAITER_")] + ["COLUMNS", "NO_COLOR"]:
        monkeypatch.delenv(name, raising=False)
    for name in ("XDG_DATA_HOME", "DOCKER_CONFIG", "XDG_CONFIG_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    return folder


@pytest.fixture
def tidewaiter(alone: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Runs a command line in this process, with both streams as pipes."""

    def command(*arguments: str) -> Ran:
        capsys.readouterr()
        code = run(list(arguments))
        captured = capsys.readouterr()
        return Ran(int(code), captured.out, captured.err)

    return command


@pytest.fixture
def start(alone: Path) -> Callable[..., subprocess.Popen[bytes]]:
    """Starts the program in a process of its own."""

    def command(*arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        script = "from tidewaiter.cli.main import main; main()"
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
        return subprocess.Popen([sys.executable, "-c", script, *arguments], **{**streams, **options})

    return command


@pytest.fixture(scope="session")
def platforms(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An OCI layout with an image for two platforms: busybox for the one, busybox and curl for the other."""
    from tidewaiter.model.image import Platform

    small = alpine_image("busybox 1.36.1-r2", platform=Platform("linux", "amd64"))
    large = alpine_image("busybox 1.36.1-r2", "curl 8.3.0-r0", platform=Platform("linux", "arm64"))
    folder = tmp_path_factory.mktemp("platforms") / "layout"
    return str(write_layout(folder, {"app:1": build_index([small, large])}))


@pytest.fixture
def aws(alone: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedAws]:
    """An AWS without accounts, and no credentials or settings of the user's own."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "CR_"))]:
        monkeypatch.delenv(name)
    with SimulatedAws() as aws:
        yield aws


@pytest.fixture
def sign_in(aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch) -> Callable[[Keys], None]:
    """Makes these keys the ambient credentials."""

    def signed_in(keys: Keys) -> None:
        for name, value in aws.environment(keys).items():
            monkeypatch.setenv(name, value)

    return signed_in

"""The command line in a process of its own, which is measured, and in this one, which is quick."""

from pathlib import Path

import pytest

from hostile_targets import Command, Look, Outcome
from tidewaiter.cli.main import run
from tidewaiter.feeds.database import build
from tidewaiter.simulator.demonstration import write_advisories


@pytest.fixture
def command(tmp_path: Path) -> Command:
    folder = tmp_path / "command"
    folder.mkdir()
    return Command(folder)


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small advisory database, for the commands that judge."""
    folder = tmp_path_factory.mktemp("database")
    built = folder / "advisories.db"
    build([write_advisories(folder / "advisories")], built, warn=pytest.fail)
    return built


@pytest.fixture
def look(capsys: pytest.CaptureFixture[str]) -> Look:
    """Runs `tidewaiter sbom --format json` in this process; it must end with `code`, and without a traceback."""

    def looked(*arguments: str | Path, code: int = 2) -> Outcome:
        ended = run(["sbom", "--format", "json", *map(str, arguments)])
        out, err = capsys.readouterr()
        assert ended == code, err or out
        assert "Traceback" not in err
        return Outcome(ended, out, err, peak=0)

    return looked

"""The command line in a process of its own, which is measured, and in this one, which is quick."""

from pathlib import Path

import pytest

from hostile_targets import Command, Look, Outcome
from tidewaiter.cli.main import run


@pytest.fixture
def command(tmp_path: Path) -> Command:
    folder = tmp_path / "command"
    folder.mkdir()
    return Command(folder)


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

"""`tidewaiter demo`: what a newcomer sees first, and can go on with."""

import shlex
from collections.abc import Callable
from pathlib import Path

from command_lines import Ran, names

Run = Callable[..., Ran]


def test_both_images_are_reported_and_nothing_is_left(tidewaiter: Run, alone: Path, tmp_path: Path) -> None:
    done = tidewaiter("demo")
    assert done.code == 0
    assert "Debian GNU/Linux 12 (bookworm)" in done.out
    assert "Alpine Linux v3.18" in done.out
    assert [line for line in done.out.splitlines() if line.endswith("with a fix.")] == done.out.splitlines()[-2:]
    assert "would end with exit code 1: findings" in done.err
    assert "--keep" in done.err
    assert names(alone) == names(tmp_path / "tmp") == []


def test_every_command_that_is_printed_works_on_what_is_kept(tidewaiter: Run, alone: Path) -> None:
    done = tidewaiter("demo", "--keep", "my demo")
    assert done.code == 0
    commands = [shlex.split(line[2:]) for line in done.err.splitlines() if line.startswith("$ ")]
    assert [command[1] for command in commands] == ["db", "scan", "scan", "sbom", "match", "db"]
    (alone / "my demo" / "advisories.db").unlink()
    codes = []
    for command in commands:
        ran = tidewaiter(*command[1:])
        codes.append(ran.code)
        if command is commands[1]:
            assert ran.out == done.out
    assert codes == [0, 1, 1, 0, 1, 0]


def test_a_folder_that_is_there_is_left_alone(tidewaiter: Run, alone: Path) -> None:
    (alone / "mine").mkdir()
    done = tidewaiter("demo", "--keep", "mine")
    assert done.code == 3
    assert done.err == "tidewaiter: mine: --keep wants a new folder: File exists\n"
    assert names(alone / "mine") == []

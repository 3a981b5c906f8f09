"""stdout and stderr as they come."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from command_lines import World
from tidewaiter.cli.streams import confess, put, say

MAIN = "from tidewaiter.cli.main import main; main()"


def shell(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A shell in which `tidewaiter` is the program, and which fails as the first of a pipe fails."""
    program = f'tidewaiter() {{ "{sys.executable}" -c "{MAIN}" "$@"; }}; set -o pipefail; {script}'
    command = ["bash", "-c", program, "bash", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def test_a_message_is_one_line_after_the_programs_name(capsys: pytest.CaptureFixture[str]) -> None:
    say("evil\x1b[31m\nname")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "tidewaiter: evil\\x1b[31m\\nname\n")


def test_a_mistake_of_the_program_is_told_with_its_trace(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise KeyError("lost")  # noqa: TRY301 - the trace is what is tested
    except KeyError as error:
        confess(error)
    err = capsys.readouterr().err
    assert err.startswith("tidewaiter: an error of tidewaiter itself, please report it")
    assert "test_streams.py" in err


def test_what_an_encoding_cannot_say_is_escaped(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    put("a\udcffb\n")
    assert capsysbinary.readouterr().out == b"a\\udcffb\n"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_goes_away_ends_it_with_2_and_without_a_word(world: World, alone: Path, unbuffered: str) -> None:
    done = shell(
        'tidewaiter scan --db "$1" --format json $(printf "$2 %.0s" {1..40}) | head -c 1',
        world.db,
        world.alpine,
        PYTHONUNBUFFERED=unbuffered,
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "{", "")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("format_", ["table", "json"])
def test_a_full_disk_is_no_finding(world: World, alone: Path, unbuffered: str, format_: str) -> None:
    done = shell(
        'tidewaiter scan --db "$1" -f "$3" "$2" >/dev/full',
        world.db,
        world.alpine,
        format_,
        PYTHONUNBUFFERED=unbuffered,
    )
    assert done.returncode == 3
    assert done.stderr == "tidewaiter: stdout: cannot be written: No space left on device\n"


def test_a_full_disk_is_told_by_help_and_status_too(world: World, alone: Path) -> None:
    for command in ("tidewaiter --help", 'tidewaiter db status --db "$1"', "tidewaiter demo"):
        done = shell(f"{command} >/dev/full", world.db)
        assert done.returncode in {2, 3}
        assert "No space left on device" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_closed_stdout_is_told(world: World, alone: Path) -> None:
    done = shell('tidewaiter scan --db "$1" "$2" >&-', world.db, world.alpine)
    assert (done.returncode, done.stderr) == (
        3,
        "tidewaiter: there is no stdout to write to. Name a file with --output.\n",
    )
    assert shell('tidewaiter scan --db "$1" "$2" -o report >&-', world.db, world.alpine).returncode == 1


def test_a_closed_stderr_does_not_send_messages_to_stdout(world: World, alone: Path) -> None:
    done = shell('tidewaiter scan --db "$1" -f json none.tar 2>&-', world.db)
    assert done.returncode == 2
    assert done.stdout.startswith("{")
    assert "tidewaiter: none.tar" not in done.stdout

"""`tidewaiter demo`: what a newcomer sees first, and can go on with."""

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from command_lines import Ran, names

Run = Callable[..., Ran]
Start = Callable[..., "subprocess.Popen[bytes]"]

_COMMANDS = 8


def test_an_organization_is_scanned_over_the_whole_way_and_nothing_is_left(
    tidewaiter: Run, alone: Path, tmp_path: Path
) -> None:
    before = dict(os.environ)
    done = tidewaiter("demo")
    assert done.code == 0
    assert dict(os.environ) == before
    assert names(alone) == names(tmp_path / "tmp") == []
    assert re.search(r"images +29 images and 2 indexes scanned: 22 different images", done.out)
    for distribution in ("Debian GNU/Linux 12", "Alpine Linux v3.18", "AlmaLinux 9.2"):
        assert distribution in done.out
    for account in ("harbour-authority", "security-tooling", "storefront", "payments", "analytics"):
        assert re.search(rf"^  \d{{12}} {account} ", done.out, re.MULTILINE)
    assert "That command ended with exit code 2: incomplete" in done.err
    assert "--keep" in done.err
    assert "--serve" in done.err
    _assert_gaps_are_told(" ".join(done.out.split()))


def _assert_gaps_are_told(out: str) -> None:
    """What was not looked at is named, with what would help."""
    assert "denied account 100000000006 (acquired-shop)" in out
    assert "arn:aws:iam::100000000006:role/tidewaiter-member: { " in out
    assert '"Principal": {"AWS": "arn:aws:iam::100000000001:role/tidewaiter-management"}' in out
    assert "malformed jobs/etl-6:stable" in out
    for left_out in ("cosign signature", "Helm chart", "archived", "provenance, SBOM or signature", "SUSPENDED"):
        assert left_out in out


def test_every_command_that_is_printed_works_on_what_is_kept_and_served(
    start: Start, tidewaiter: Run, alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = start("demo", "--keep", "my demo", "--serve")
    said = list(_said(process))
    for line in said:
        if line.startswith("export "):
            name, _, value = shlex.split(line)[1].partition("=")
            monkeypatch.setenv(name, value)
    commands = [shlex.split(line[2:]) for line in said if line.startswith("$ ")]
    assert [" ".join(command[1:3]) for command in commands if command[1] in ("db", "org")] == [
        *("db build", "org scan", "db status", "org list", "org scan"),
    ]
    (alone / "my demo" / "advisories.db").unlink()
    done = [tidewaiter(*command[1:]) for command in commands]
    assert [each.code for each in done] == [0, 2, 1, 0, 1, 0, 2, 2]
    assert "22 known from before" in done[1].out
    assert "jobs/etl-1" in done[-2].out
    assert len(list((alone / "my demo" / "reports").rglob("*.json"))) == 29
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0


def _said(process: "subprocess.Popen[bytes]") -> Iterator[str]:
    """What it says until it waits to be stopped."""
    assert process.stderr is not None
    commands = 0
    while commands < _COMMANDS:
        line = process.stderr.readline()
        assert line, "it ended early"
        commands += line.startswith(b"$ ")
        yield line.decode().rstrip()


def test_a_folder_that_is_there_is_left_alone(tidewaiter: Run, alone: Path) -> None:
    (alone / "mine").mkdir()
    done = tidewaiter("demo", "--keep", "mine")
    assert done.code == 3
    assert done.err == "tidewaiter: mine: --keep wants a new folder: File exists\n"
    assert names(alone / "mine") == []

"""`tidewaiter demo`: what a newcomer sees first, and can go on with."""

import os
import re
import shlex
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from command_lines import Ran, names

Run = Callable[..., Ran]
Start = Callable[..., "subprocess.Popen[bytes]"]

_COMMANDS = 13


def test_an_organization_is_scanned_over_the_whole_way_and_nothing_is_left(
    tidewaiter: Run, alone: Path, tmp_path: Path
) -> None:
    before = dict(os.environ)
    done = tidewaiter("demo")
    assert done.code == 0
    assert dict(os.environ) == before
    assert names(alone) == names(tmp_path / "tmp") == []
    organization, brokered = re.split("^tidewaiter ecr scan --via acquired-shop$", done.out, flags=re.MULTILINE)
    assert re.search(r"images +29 images and 2 indexes scanned: 22 different images", organization)
    assert re.search(r"asked by +arn:aws:iam::100000000006:user/agent .*\n +arn:.*:role/tidewaiter-agent\n", brokered)
    assert re.search(r"100000000006 acquired-shop +eu-central-1 +3 +4 +3 +1 not-an-image\n", brokered)
    assert "Not looked at" not in brokered
    for distribution in ("Debian GNU/Linux 12", "Alpine Linux v3.18", "AlmaLinux 9.2"):
        assert distribution in done.out
    for account in ("harbour-authority", "security-tooling", "storefront", "payments", "analytics"):
        assert re.search(rf"^  \d{{12}} {account} ", done.out, re.MULTILINE)
    assert "That command ended with exit code 2: incomplete" in done.err
    assert "That command ended with exit code 1: findings" in done.err
    for check in ("tunnel", "agent", "results", "identity", "role", "registry"):
        assert re.search(rf"^acquired-shop +ok +{check} ", done.err, re.MULTILINE)
    for url in re.findall(r"http://127\.0\.0\.1:\d+", done.err):
        assert not answers(url), "it left a program behind"
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
    lines = [shlex.split(line[2:]) for line in said if line.startswith("$ ")]
    beside = [line for line in lines if line[-1] == "&"]
    assert [line[1:3] for line in beside] == [["broker", "serve"], ["agent", "--port"], ["broker", "--server-url"]]
    commands = [line for line in lines if line[-1] != "&" and ">" not in line]
    assert [" ".join(command[1:3]) for command in commands if command[1] in ("db", "ecr", "org")] == [
        *("db build", "org scan", "ecr scan", "db status", "org list", "org scan"),
    ]
    (alone / "my demo" / "advisories.db").unlink()
    done = [tidewaiter(*command[1:]) for command in commands]
    assert [each.code for each in done] == [0, 2, 1, 1, 0, 1, 0, 2, 2]
    assert "22 known from before" in done[1].out
    assert "3 known from before" in done[2].out
    assert "jobs/etl-1" in done[-2].out
    assert len(list((alone / "my demo" / "reports").rglob("*.json"))) == 32
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert not any(answers(url) for line in beside for url in line if url.startswith("http:"))
    _assert_no_secret_is_told(alone / "my demo" / "broker", "\n".join([*said, *(each.out + each.err for each in done)]))


def _assert_no_secret_is_told(folder: Path, said: str) -> None:
    """Neither on the terminal nor in a log; and nobody else may read the files that hold them."""
    logs = [path.read_text() for path in folder.glob("*.log")]
    assert len(logs) == 3
    assert folder.stat().st_mode & 0o077 == 0
    for name in ("api-key", "token", "external-id"):
        secret = (folder / name).read_text().strip()
        assert len(secret) >= 32
        assert not any(secret in text for text in (said, *logs))


def _said(process: "subprocess.Popen[bytes]") -> Iterator[str]:
    """What it says until it waits to be stopped."""
    assert process.stderr is not None
    commands = 0
    while commands < _COMMANDS:
        line = process.stderr.readline()
        assert line, "it ended early"
        commands += line.startswith(b"$ ")
        yield line.decode().rstrip()


def answers(url: str) -> bool:
    """Whether anybody listens there."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((str(parts.hostname), parts.port or 0), timeout=5):
            return True
    except OSError:
        return False


def test_a_folder_that_is_there_is_left_alone(tidewaiter: Run, alone: Path) -> None:
    (alone / "mine").mkdir()
    done = tidewaiter("demo", "--keep", "mine")
    assert done.code == 3
    assert done.err == "tidewaiter: mine: --keep wants a new folder: File exists\n"
    assert names(alone / "mine") == []

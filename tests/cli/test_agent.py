"""`tidewaiter agent` as it is started: settings in their order, what cannot be, and a process that listens and ends."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tidewaiter.broker.agent.settings import AgentSettings
from tidewaiter.cli.agent import command
from tidewaiter.cli.agent_options import agent_settings
from tidewaiter.cli.exit import Exit
from tidewaiter.cli.main import run

COMMAND = Path(sys.executable).with_name("tidewaiter")


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings of the machine that runs the tests."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "TIDEWAITER_", "CR_", "BROKER_", "SNYK_"))]:
        monkeypatch.delenv(name)
    for name in ("PORT", "MAX_ACTIVE_OPERATIONS", "CA_CERT", "LOG_LEVEL", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def settings(*arguments: str, defaults: Mapping[str, Any] = {}) -> AgentSettings:
    context = command.make_context(
        "agent", list(arguments), auto_envvar_prefix="TIDEWAITER_AGENT", default_map=dict(defaults)
    )
    return agent_settings(context.params)


def test_without_settings_an_agent_is_for_this_machine(tmp_path: Path) -> None:
    found = settings()
    assert (found.host, found.port, found.secret, found.unprotected) == ("127.0.0.1", 17500, "", False)
    assert found.ceilings.image_bytes == 2 << 30
    assert found.ceilings.operations >= 1
    assert found.folder == str(tmp_path / ".local/share/tidewaiter/agent")


def test_flags_win_over_the_environment_that_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings(defaults={"port": 1}).port == 1
    monkeypatch.setenv("SNYK_PORT", "2")
    assert settings(defaults={"port": 1}).port == 2
    monkeypatch.setenv("TIDEWAITER_AGENT_PORT", "3")
    assert settings(defaults={"port": 1}).port == 3
    assert settings("--port", "4", defaults={"port": 1}).port == 4


def test_the_references_variables_are_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_ACTIVE_OPERATIONS", "7")
    monkeypatch.setenv("BROKER_CLIENT_URL", "http://client:7341")
    monkeypatch.setenv("TIDEWAITER_AGENT_SECRET", "a-secret-of-both-sides")
    found = settings("--image-bytes", "500MB", "--shelf-bytes", "1.5GiB", "--limit", "layers=9")
    assert (found.ceilings.operations, found.callback, found.secret) == (
        7,
        "http://client:7341",
        "a-secret-of-both-sides",
    )
    assert (found.ceilings.image_bytes, found.ceilings.shelf_bytes, found.limits.layers) == (500_000_000, 3 << 29, 9)
    assert "a-secret" not in repr(found)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--host", "0.0.0.0"], "without proof of who asks"),
        (["--secret", "short"], "shared secret"),
        (["--https-cert", "missing.pem"], "missing.pem"),
        (["--client-ca", "ca.pem", "--secret", "a-secret-of-both-sides"], "over TLS"),
        (["--image-bytes", "much"], "no size"),
        (["--operations", "0"], "operations"),
        (["--limit", "nothing=1"], "no such limit"),
        (["--connect", "https://broker.example.com"], "token"),
        (["--connect", "https://b.example.com", "--token", "t", "--secret", "a-secret-of-both-sides"], "--connect"),
        (["--connect", "https://b.example.com", "--token", "t", "--host", "10.0.0.1"], "10.0.0.1"),
        (["--connect", "http://b.example.com", "--token", "t"], "plain"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_is_said_before_anything_listens(
    capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert run(["agent", *arguments]) == Exit.USAGE
    said = capsys.readouterr()
    assert says in said.err.lower() + said.err
    assert "a-secret-of-both-sides" not in said.err


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """An agent in a process of its own, and where it listens."""
    called: list[str | Path] = [COMMAND, "agent", "--port", "0", "--folder", folder, "--operations", "1", *arguments]
    with subprocess.Popen(called, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            found = next(found for line in process.stderr if (found := re.search(r"url=(\S+)", line)))
            yield process, found[1]
        finally:
            process.kill()


def test_a_process_listens_and_ends_when_it_is_told(tmp_path: Path) -> None:
    with running(tmp_path / "agent") as (process, url):
        with urllib.request.urlopen(f"{url}/healthcheck", timeout=20) as answer:
            assert answer.status == 200
        second = subprocess.run(
            [COMMAND, "agent", "--port", "0", "--folder", tmp_path / "agent"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert second.returncode == Exit.USAGE
        assert "in use by another agent" in second.stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0

"""The programs beside the demonstration: they come up or it is told why not, and they end with it, however it ends."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from tidewaiter.cli.demo_stage import Programs, interruptible, printed, surroundings
from tidewaiter.errors import SourceError

KEY = "an-api-key-of-some-length"


def serve(programs: Programs, folder: Path) -> str:
    """Starts a server and gives its address."""
    store = ("--store", str(folder / "store.db"))
    server = programs.start(
        "server", "broker", "serve", "--port", "0", *store, environment={"TIDEWAITER_BROKER_KEY": KEY}
    )
    return server.url()


def test_what_was_started_is_shown_and_ends_with_an_interrupt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDEWAITER_BROKER_SERVE_PORT", "no port")
    with suppress(KeyboardInterrupt), Programs(tmp_path) as programs:
        url = serve(programs, tmp_path)
        raise KeyboardInterrupt
    assert programs.started[0].process.returncode == 0
    log = (tmp_path / "server.log").read_text()
    assert url in log
    assert "about to stop" in log
    said = capsys.readouterr().err
    assert said.startswith("$ tidewaiter broker serve --port 0 --store ")
    assert said.endswith(f" 2> {tmp_path}/server.log &\n")
    assert KEY not in said + log


def test_a_program_that_does_not_come_up_is_told_with_its_reason(tmp_path: Path) -> None:
    with Programs(tmp_path) as programs:
        server = programs.start("server", "broker", "serve", environment={})
        with pytest.raises(SourceError, match=r"server did not come up: .*has no API key"):
            server.url()
    with pytest.raises(SourceError, match=r"match did not work: .*\n.*\n\n.*no-such-file"):
        printed("match", "no-such-file")


def test_an_interrupt_that_is_taken_for_the_end_of_a_scan_ends_the_demonstration() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), interruptible(), suppress(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
    with interruptible():
        pass


def test_nothing_of_the_user_changes_what_is_scanned(monkeypatch: pytest.MonkeyPatch) -> None:
    users = ("AWS_PROFILE", "TIDEWAITER_ECR_SCAN_TAG", "CR_ROLE_ARN", "BROKER_TOKEN", "PORT", "LOG_LEVEL")
    for name in users:
        monkeypatch.setenv(name, "mine")
    before = dict(os.environ)
    with surroundings({"AWS_REGION": "us-east-1"}):
        assert not any(name in os.environ for name in users)
        assert os.environ["AWS_REGION"] == "us-east-1"
    assert dict(os.environ) == before

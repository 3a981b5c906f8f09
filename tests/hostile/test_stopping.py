"""A run that is stopped, or fails, leaves nothing behind and earlier reports as they were."""

import gzip
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from hostile_targets import MIB, PURL, SOUND, Command, huge, packed, write_image, zeros
from tarballs import tar
from tidewaiter.simulator.archives import write_docker_archive, write_layout
from tidewaiter.simulator.images import build_image, build_layer

SIZE = 64 * 1024 * MIB
ENDLESS = ("--limit", "ratio=1000000", "--limit", f"layer_bytes={2 * SIZE}", "--limit", f"archive_bytes={2 * SIZE}")


@pytest.fixture
def long_layer(tmp_path: Path) -> Path:
    """An image that takes half a minute to read."""
    member = zeros(1024 * MIB)
    layer = packed(gzip.compress(b"".join(SOUND) + huge("zeros", SIZE), mtime=0) + member * 64)
    return write_layout(tmp_path / "layout", [build_image([layer])])


@pytest.fixture
def long_archive(tmp_path: Path) -> Path:
    """An archive that takes as long to unpack."""
    path = tmp_path / "archive.tar.gz"
    path.write_bytes(gzip.compress(b"".join(SOUND) + huge("zeros", SIZE), mtime=0) + zeros(1024 * MIB) * 64)
    return path


def wait_until_open(process: "subprocess.Popen[bytes]", name: str) -> None:
    """Until the process has a file open in whose name this stands."""
    for _ in range(600):
        try:
            files = [os.readlink(entry.path) for entry in os.scandir(f"/proc/{process.pid}/fd")]
        except FileNotFoundError:
            files = []
        if any(name in file for file in files):
            return
        assert process.poll() is None
        time.sleep(0.05)
    raise AssertionError(name)


def stop(command: Command, process: "subprocess.Popen[bytes]", number: signal.Signals) -> str:
    """Sends the signal; the process must end soon, without success, and leave no temporary file."""
    process.send_signal(number)
    out, err = process.communicate(timeout=15)
    assert process.returncode not in (0, 1)
    assert out == b""
    assert list(command.temporary.iterdir()) == []
    return err.decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_a_layer_is_read_ends_the_run(
    command: Command, tmp_path: Path, long_layer: Path, number: signal.Signals
) -> None:
    report = tmp_path / "report.json"
    report.write_text("of yesterday")
    process = command.started("sbom", "--format", "json", "-o", report, long_layer, *ENDLESS)
    wait_until_open(process, "/blobs/sha256/")
    err = stop(command, process, number)
    assert err.strip() == "tidewaiter: stopped before the end; nothing was written"
    assert report.read_text() == "of yesterday"
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["report.json"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_signal_while_an_archive_is_unpacked_leaves_no_file(
    command: Command, long_archive: Path, number: signal.Signals
) -> None:
    process = command.started("sbom", "--format", "json", long_archive, *ENDLESS)
    wait_until_open(process, str(command.temporary))
    err = stop(command, process, number)
    assert "Traceback" not in err


class TestOutput:
    def test_a_broken_image_is_reported_as_any_other(self, command: Command, tmp_path: Path) -> None:
        report = tmp_path / "report.json"
        report.write_text("of yesterday")
        outcome = command("sbom", "--format", "json", "-o", report, tmp_path / "none.tar")
        assert outcome.out == ""
        assert '"why": "not-an-image"' in report.read_text()
        assert sorted(file.name for file in tmp_path.iterdir()) == ["command", "report.json"]

    def test_wrong_usage_leaves_an_earlier_report(self, command: Command, tmp_path: Path) -> None:
        report = tmp_path / "report.json"
        report.write_text("of yesterday")
        (target,) = write_image(tmp_path, "layout", tar(*SOUND))
        for options in (["--limit", "nothing=1"], ["--format", "nothing"], ["--platform", "linux"]):
            command("sbom", "-o", report, *options, target, code=3)
        command("scan", "--db", tmp_path / "none.db", "-o", report, target, code=3)
        assert report.read_text() == "of yesterday"

    def test_a_report_that_cannot_be_written_leaves_nothing(self, command: Command, tmp_path: Path) -> None:
        (target,) = write_image(tmp_path, "layout", tar(*SOUND))
        outcome = command("sbom", "-o", tmp_path / "none/report.json", target, code=3)
        assert "none/report.json" in outcome.err
        outcome = command("sbom", "--format", "json", "-o", "/dev/full", target, code=3)
        assert "/dev/full" in outcome.err


def test_a_disk_that_is_full_is_an_error_that_says_what_to_do(command: Command, tmp_path: Path) -> None:
    """The limit on the size of files stands for the disk's."""
    image = build_image([build_layer(os.urandom(4 * MIB), compression="")])
    path = write_docker_archive(tmp_path / "saved.tar.gz", {"a:1": image}, compression="gzip")
    script = 'ulimit -f 1000; exec "$@"'
    done = subprocess.run(
        ["bash", "-c", script, "bash", command.program, "sbom", "--format", "json", path],
        capture_output=True,
        text=True,
        env=command.environment,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert str(path) in done.stderr
    assert "TMPDIR" in done.stderr
    assert list(command.temporary.iterdir()) == []


def test_the_sound_image_of_these_tests_is_read(command: Command, tmp_path: Path) -> None:
    (target,) = write_image(tmp_path, "saved and compressed", tar(*SOUND))
    assert command.sbom(target, code=0).packages == [PURL]

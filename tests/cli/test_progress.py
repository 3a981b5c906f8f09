"""Bars: on a terminal and nowhere else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from command_lines import World, alpine_image
from terminals import Start, on_terminal
from tidewaiter.simulator.images import build_image, build_layer
from tidewaiter.simulator.registry import SimulatedRegistry

PAUSE = 0.15  # seconds before each 64 KiB: longer together than a scan goes without a bar


@pytest.fixture
def slow() -> Iterator[str]:
    """The reference of an image whose one large layer takes its time to come."""
    noise = b"".join(number.to_bytes(4, "big") for number in range(150_000))
    image = build_image(
        [
            build_layer({"etc/os-release": b"ID=alpine\nVERSION_ID=3.18.4\n", "data": noise}, compression=""),
            build_layer({"lib/apk/db/installed": b"P:curl\nV:8.3.0-r0\nA:x86_64\n\n"}),
        ]
    )
    with SimulatedRegistry() as registry:
        registry.faults.pause = PAUSE
        yield registry.push("team/app", "1", image)


def test_a_terminal_sees_a_bar_and_stdout_only_the_report(start: Start, world: World, slow: str) -> None:
    seen, out, code = on_terminal(start, "scan", "--db", world.db, slow)
    assert code == 1
    assert b"layer 1 " in seen
    assert b"\x1b[" in seen
    assert b"layer 1 " not in out
    assert b"\x1b" not in out
    assert b"2 findings in 1 package, 2 with a fix." in out


def test_quiet_draws_nothing(start: Start, world: World, slow: str) -> None:
    seen, out, code = on_terminal(start, "scan", "--quiet", "--db", world.db, slow)
    assert (seen, code) == (b"", 1)
    assert b"2 findings" in out


def test_a_pipe_gets_no_bar(start: Start, world: World, slow: str) -> None:
    process = start("scan", "--db", world.db, slow)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (1, b"")
    assert b"2 findings" in out


def test_failures_are_told_on_a_terminal_too_also_with_quiet(start: Start, world: World) -> None:
    seen, _, code = on_terminal(start, "scan", "--quiet", "--db", world.db, "none.tar")
    assert code == 2
    assert seen.startswith(b"tidewaiter: none.tar: there is no such file or folder")


def test_building_a_database_draws_a_bar_unless_quiet(start: Start, world: World, alone: Path) -> None:
    build = ("db", "build", "--from", world.advisories, "--output", "tw.db")
    seen, out, code = on_terminal(start, *build)
    assert (out, code) == (b"", 0)
    assert b"reading advisories" in seen
    assert b"11 advisories" in seen
    assert on_terminal(start, *build, "--quiet") == (b"", b"", 0)


def test_a_scan_that_is_interrupted_ends_at_once_without_a_report(start: Start, world: World, tmp_path: Path) -> None:
    image = alpine_image("curl 8.3.0-r0")
    with SimulatedRegistry() as registry:
        reference = registry.push("team/app", "1", image)
        registry.faults.pause = 3
        process = start("scan", "--db", world.db, reference)
        while not registry.asked_for("blobs"):
            assert process.poll() is None
        process.terminate()
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, b"")
    assert err.strip() == b"tidewaiter: stopped before the end; nothing was written"
    assert list((tmp_path / "tmp").iterdir()) == []

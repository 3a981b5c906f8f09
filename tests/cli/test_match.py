"""`tidewaiter match`, from the command line to the exit code."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from command_lines import Json, Ran, World

Run = Callable[..., Ran]
Start = Callable[..., subprocess.Popen[bytes]]


def found(report: Json) -> set[tuple[str, str, str]]:
    return {(each["package"], each["vulnerability"], each["fix"]["state"]) for each in report["findings"]}


@pytest.fixture
def sbom(tidewaiter: Run, world: World, alone: Path) -> Callable[..., str]:
    """Writes an SBOM of an image."""

    def write(format_: str, target: str = world.debian) -> str:
        path = f"{Path(target).name}.{format_}"
        assert tidewaiter("sbom", "--format", format_, "--output", path, target).code == 0
        return path

    return write


@pytest.mark.parametrize("format_", ["json", "cyclonedx", "spdx"])
def test_an_sbom_of_any_format_gives_the_findings_of_the_scan(
    tidewaiter: Run, world: World, sbom: Callable[..., str], format_: str
) -> None:
    for target in (world.debian, world.alpine):
        scanned = tidewaiter("scan", "--db", world.db, "--format", "json", target)
        done = tidewaiter("match", "--db", world.db, "--format", "json", sbom(format_, target))
        assert (done.code, done.err) == (1, "")
        assert found(done.json) == found(scanned.json) != set()


def test_stdin_is_read_for_a_dash(start: Start, tidewaiter: Run, world: World, sbom: Callable[..., str]) -> None:
    path = sbom("cyclonedx")
    with Path(path).open("rb") as stdin:
        process = start("match", "--db", world.db, "-", stdin=stdin)
        out, err = process.communicate()
    assert (process.returncode, err) == (1, b"")
    assert b"7 findings in 5 packages, 6 with a fix." in out


def test_a_report_is_judged_again(tidewaiter: Run, world: World, alone: Path) -> None:
    first = tidewaiter("scan", "--db", world.db, "--format", "json", world.alpine, world.debian)
    (alone / "reports.json").write_text(first.out)
    assert tidewaiter("match", "--db", world.db, "--format", "json", "reports.json").json == first.json


def test_one_that_is_no_sbom_is_told_and_the_others_go_on(
    tidewaiter: Run, world: World, sbom: Callable[..., str], alone: Path
) -> None:
    (alone / "notes.txt").write_text("no SBOM")
    done = tidewaiter("match", "--db", world.db, "--format", "json", "notes.txt", sbom("json"))
    assert done.code == 2
    broken, whole = done.json["reports"]
    assert [gap["why"] for gap in broken["gaps"]] == ["unsupported"]
    assert len(whole["findings"]) == 7
    assert done.err.startswith("tidewaiter: notes.txt: no SBOM of a known format")


def test_filters_and_thresholds_are_those_of_scan(tidewaiter: Run, world: World, sbom: Callable[..., str]) -> None:
    options = ("match", "--db", world.db, "--format", "json", sbom("json"))
    chosen = tidewaiter(*options, "--severity", "critical", "--only-fixed")
    assert (chosen.code, len(chosen.json["findings"]), chosen.json["hidden"]) == (1, 2, 5)
    assert tidewaiter(*options, "--severity", "low", "--fail-on", "high").code == 0


def test_output_and_cyclonedx(tidewaiter: Run, world: World, sbom: Callable[..., str], alone: Path) -> None:
    done = tidewaiter("match", "--db", world.db, "--format", "cyclonedx", "-o", "bom.json", "-q", sbom("json"))
    assert (done.code, done.out, done.err) == (1, "", "")
    assert '"vulnerabilities"' in (alone / "bom.json").read_text()
    several = tidewaiter("match", "--db", world.db, "--format", "cyclonedx", sbom("json"), sbom("spdx"))
    assert (several.code, several.out) == (3, "")


@pytest.mark.parametrize("file", ["none.json", "."])
def test_what_is_no_file_is_a_matter_of_usage(tidewaiter: Run, world: World, file: str) -> None:
    done = tidewaiter("match", "--db", world.db, file)
    assert (done.code, done.out) == (3, "")
    assert file in done.err

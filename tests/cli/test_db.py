"""`tidewaiter db`, from the command line to the exit code."""

import json
import signal
import subprocess
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from command_lines import Json, Ran, World, names

Run = Callable[..., Ran]
Start = Callable[..., subprocess.Popen[bytes]]


def record(identifier: str, **fields: object) -> Json:
    affected = [{"package": {"ecosystem": "npm", "name": f"package-{identifier}"}, "versions": ["1.0.0"]}]
    return {"id": identifier, "modified": "2024-01-01T00:00:00Z", "affected": affected, **fields}


def write_zip(path: Path, *records: Json) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for each in records:
            archive.writestr(f"{each['id']}.json", json.dumps(each))
    return path


# build


def test_a_database_is_built_and_said_to_be(tidewaiter: Run, world: World, alone: Path) -> None:
    done = tidewaiter("db", "build", "--from", world.advisories, "--output", "tw.db")
    assert (done.code, done.out) == (0, "")
    assert done.err == "tidewaiter: tw.db: 11 advisories, 13 rows that can match, 32.8 kB\n"
    assert (alone / "tw.db").read_bytes() == Path(world.db).read_bytes()
    assert tidewaiter("scan", "--db", "tw.db", world.debian).code == 1


def test_without_an_output_it_lies_where_scan_looks_for_it(tidewaiter: Run, world: World, tmp_path: Path) -> None:
    done = tidewaiter("db", "build", "--quiet", "--from", world.advisories)
    assert (done.code, done.out, done.err) == (0, "", "")
    assert (tmp_path / "home" / "tidewaiter" / "advisories.db").is_file()
    assert tidewaiter("scan", world.alpine).code == 1
    assert tidewaiter("db", "status").code == 0


def test_several_folders_make_one_database(tidewaiter: Run, world: World, alone: Path) -> None:
    write_zip(alone / "npm" / "all.zip", record("GHSA-aaaa-aaaa-aaaa"))
    assert tidewaiter("db", "build", "--from", world.advisories, "--from", "npm", "-o", "tw.db").code == 0
    status = tidewaiter("db", "status", "--db", "tw.db", "--format", "json").json
    assert status["ecosystems"] == {"AlmaLinux:9": 5, "Alpine:v3.18": 3, "Debian:12": 5, "npm": 1}


def test_a_broken_record_is_named_left_out_and_counted(tidewaiter: Run, alone: Path) -> None:
    good, broken = record("GHSA-good-good-good"), record("GHSA-evil-evil-evil", modified=3)
    write_zip(alone / "bulk" / "npm" / "all.zip", good, broken)
    done = tidewaiter("db", "build", "--from", "bulk", "--output", "tw.db")
    assert done.code == 0
    assert done.err.splitlines() == [
        "tidewaiter: npm/all.zip/GHSA-evil-evil-evil.json: modified: expected a string",
        "tidewaiter: tw.db: 1 advisories, 1 rows that can match, 32.8 kB; 1 broken records were left out",
    ]


def test_a_broken_archive_fails_the_build_and_leaves_the_old_file(tidewaiter: Run, world: World, alone: Path) -> None:
    tidewaiter("db", "build", "--from", world.advisories, "--output", "tw.db")
    before = (alone / "tw.db").read_bytes()
    path = write_zip(alone / "bulk" / "all.zip", record("GHSA-aaaa-aaaa-aaaa"))
    path.write_bytes(path.read_bytes()[:-30])
    done = tidewaiter("db", "build", "--from", "bulk", "--output", "tw.db")
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("tidewaiter: bulk/all.zip: cannot be read")
    assert (alone / "tw.db").read_bytes() == before
    assert names(alone) == ["bulk", "tw.db"]


@pytest.mark.parametrize(
    ("source", "said"),
    [("none", "there is no such folder"), ("empty", "no advisories were found"), ("all.zip", "it is a file")],
)
def test_what_is_no_folder_of_advisories_is_refused(tidewaiter: Run, alone: Path, source: str, said: str) -> None:
    (alone / "empty").mkdir()
    write_zip(alone / "all.zip", record("GHSA-aaaa-aaaa-aaaa"))
    done = tidewaiter("db", "build", "--from", source, "--output", "tw.db")
    assert done.code == 3
    assert f"{source}: {said}" in done.err
    assert not (alone / "tw.db").exists()


def test_settings_bear_the_names_of_options(
    tidewaiter: Run, world: World, alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEWAITER_DB_BUILD_FROM", world.advisories)
    assert tidewaiter("db", "build", "--output", "one.db").code == 0
    monkeypatch.delenv("TIDEWAITER_DB_BUILD_FROM")
    (alone / "tidewaiter.toml").write_text(f'[db.build]\nfrom = "{world.advisories}"\noutput = "two.db"\n')
    assert tidewaiter("db", "build").code == 0
    assert (alone / "one.db").read_bytes() == (alone / "two.db").read_bytes()


@pytest.mark.parametrize("phase", ["reading", "writing"])
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_build_leaves_the_old_file_and_nothing_else(
    start: Start, alone: Path, tmp_path: Path, phase: str, sent: signal.Signals
) -> None:
    broken = record("GHSA-0000-0000-0000", modified=3)
    write_zip(alone / "bulk" / "all.zip", broken, *(record(f"GHSA-{number}") for number in range(30_000)))
    (alone / "out").mkdir()
    (alone / "out" / "tw.db").write_bytes(b"an older database")
    process = start("db", "build", "--from", "bulk", "--output", "out/tw.db")
    assert process.stderr is not None
    assert b"GHSA-0000-0000-0000" in process.stderr.readline()
    while phase == "writing" and len(names(alone / "out")) == 1:
        assert process.poll() is None
        time.sleep(0.001)
    process.send_signal(sent)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err.strip() == b"tidewaiter: stopped before the end; nothing was written"
    assert names(alone / "out") == ["tw.db"]
    assert (alone / "out" / "tw.db").read_bytes() == b"an older database"
    assert names(tmp_path / "tmp") == []


# status


def test_status_tells_people_feeds_inputs_and_ecosystems(tidewaiter: Run, world: World) -> None:
    done = tidewaiter("db", "status", "--db", world.db)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "feed       advisories  rows  withdrawn  broken  newest",
        "almalinux           3     5          0       0  2023-10-31",
        "alpine              3     3          0       0  2023-10-31",
        "debian              5     5          0       0  2023-10-31",
        "",
        "read from  advisories  rows  superseded  broken  newest",
        "*                  11    13           0       0  2023-10-31",
        "",
        "ecosystem  rows  releases, with their rows",
        "AlmaLinux     5  9 5",
        "Alpine        3  v3.18 3",
        "Debian        5  12 5",
    ]


def test_status_wraps_releases_only_where_the_terminal_is_narrow(
    tidewaiter: Run, alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"package": {"ecosystem": f"Debian:{release}", "name": "a"}, "versions": ["1"]} for release in range(3, 15)]
    write_zip(alone / "bulk" / "all.zip", record("DSA-1-1", affected=rows))
    tidewaiter("db", "build", "--from", "bulk", "--output", "tw.db")
    monkeypatch.setenv("COLUMNS", "40")
    lines = tidewaiter("db", "status", "--db", "tw.db").out.splitlines()
    assert "debian           1    12          0       0  2024-01-01" in lines
    assert lines[-3:] == [
        "Debian       12  3 1, 4 1, 5 1, 6 1, 7",
        "                 1, 8 1, 9 1, 10 1, 11",
        "                 1, 12 1, 13 1, 14 1",
    ]


def test_status_tells_programs_the_whole_manifest(tidewaiter: Run, world: World) -> None:
    status = tidewaiter("db", "status", "--db", world.db, "--format", "json").json
    assert status["schema"] == "tidewaiter/database/1"
    counted = [(feed["name"], feed["advisories"]) for feed in status["feeds"]]
    assert counted == [("almalinux", 3), ("alpine", 3), ("debian", 5)]
    assert status["inputs"][0]["digest"].startswith("sha256:")
    assert status["ecosystems"] == {"AlmaLinux:9": 5, "Alpine:v3.18": 3, "Debian:12": 5}


def test_status_without_a_database_says_how_to_make_one(tidewaiter: Run) -> None:
    done = tidewaiter("db", "status")
    assert done.code == 3
    assert "tidewaiter db build" in done.err

"""The command line as a whole: start-up, help, errors, configuration."""

import subprocess
import sys
from pathlib import Path

import pytest

import tidewaiter
from command_lines import World
from tidewaiter.cli.main import run

_HEAVY = (
    "boto3",
    "botocore",
    "sqlalchemy",
    "fastapi",
    "urllib3",
    "cyclonedx",
    "spdx_tools",
    "rich",
    "msgspec",
    "cvss",
    "sqlite3",
)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["--help"],
        ["scan", "--help"],
        ["db", "build", "--help"],
        ["ecr", "scan", "--help"],
        ["org", "list", "--help"],
    ],
)
def test_version_and_help_import_nothing_heavy(arguments: list[str]) -> None:
    script = (
        "import sys; from tidewaiter.cli.main import run; code = run(sys.argv[1:]); "
        f"print(code, [name for name in {_HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "0 []"
    assert done.stdout


@pytest.mark.parametrize("target", ["image.tar", "registry:127.0.0.1:9/app:1"])
def test_a_scan_of_one_image_imports_nothing_that_only_fleets_need(target: str, world: World) -> None:
    heavy = ("boto3", "botocore", "sqlalchemy", "alembic", "yaml", "rich", "tidewaiter.store")
    script = (
        "import sys; from tidewaiter.cli.main import run; code = run(sys.argv[1:]); "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    arguments = ["scan", "--db", world.db, "--output", "/dev/null", target]
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_version_is_told_by_the_process_and_by_the_module() -> None:
    for start in ([sys.executable, "-m", "tidewaiter"], [str(Path(sys.executable).with_name("tidewaiter"))]):
        done = subprocess.run([*start, "--version"], capture_output=True, text=True, check=True)
        assert done.stdout == f"tidewaiter {tidewaiter.__version__}\n"


def test_a_version_that_cannot_be_written_is_no_finding() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tidewaiter", "--version"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 3
    assert "cannot be written" in done.stderr


def test_help_names_every_command_and_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    for word in (
        "scan",
        "sbom",
        "match",
        "ecr",
        "org",
        "db",
        "demo",
        "0 clean",
        "1 findings",
        "2 the scan is incomplete",
        "3 usage",
    ):
        assert word in out


@pytest.mark.parametrize(
    "name", ["scan", "sbom", "match", "ecr", "org", "serve", "broker", "agent", "iam", "db", "demo"]
)
def test_every_listed_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert "Usage: tidewaiter" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["unknown"],
        ["scan"],
        ["scan", "--format", "nothing", "image"],
        ["scan", "--severity", "terrible", "image"],
        ["scan", "--limit", "nothing=1", "image"],
        ["scan", "--platform", "linux", "image"],
        ["scan", "--platform", "linux/amd64", "--all-platforms", "image"],
        ["match", "no-such-file.json"],
        ["db", "build"],
    ],
)
def test_wrong_usage_is_told_on_stderr_with_exit_code_3(
    arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["scna"], "Did you mean 'scan'?"),
        (["frobnicate"], "The commands are scan, sbom, match, ecr, org, serve, broker, agent, iam, db, demo."),
        (["db", "bild"], "Did you mean 'build'?"),
        (["scan", "--fromat", "json", "x"], "Did you mean '--format'?"),
        (["scan", "--severity", "hgih", "x"], "hgih: not among unknown, negligible, low, medium, high, critical"),
    ],
)
def test_what_was_meant_is_named(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 3
    assert said in capsys.readouterr().err


def test_a_mistake_of_the_program_is_no_finding() -> None:
    script = (
        "import click, sys, types; import tidewaiter.cli.main as main; "
        "broken = types.ModuleType('broken'); broken.command = click.command('demo')(lambda: 1 / 0); "
        "sys.modules['tidewaiter.cli.demo'] = broken; sys.exit(main.run(['demo']))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("tidewaiter: an error of tidewaiter itself, please report it")
    assert "ZeroDivisionError" in done.stderr


def test_a_missing_database_is_a_matter_of_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["scan", "--db", str(tmp_path / "none.db"), str(tmp_path)]) == 3
    assert "tidewaiter db build --from" in capsys.readouterr().err


def test_settings_are_read_from_the_file_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tidewaiter.toml").write_text('[scan]\nseverity = ["terrible"]\n')
    assert run(["scan", "image"]) == 3
    assert "terrible" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[scan]\ndb = ['a', 'b']\n", "[scan] db is one value, not a list"),
        ("[scan]\nformat = {a = 1}\n", "[scan] format is one value, not a table"),
        ("[db]\nbuild = 3\n", "[db.build] is a table of settings"),
        ("[scan]\nonly-fixd = true\n", "only-fixed"),
        ("[scan\n", "settings.toml"),
        ("[unknown]\nx = 1\n", "settings.toml"),
        ("scan = 3\n", "settings.toml"),
        ("[scan]\nfromat = 'json'\n", "fromat"),
        ("[db.build]\nform = 'x'\n", "form"),
    ],
)
def test_a_wrong_setting_is_named(text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    command = ["db", "build", "--from", str(tmp_path)] if "[db" in text else ["scan", "image"]
    assert run(["--config", str(path), *command]) == 3
    err = capsys.readouterr().err
    assert said in err
    assert "settings.toml" in err


def test_the_environment_sets_options(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("TIDEWAITER_SCAN_FORMAT", "nothing")
    assert run(["scan", "image"]) == 3
    assert "nothing" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    script = "import sys; from tidewaiter.cli.main import run; sys.exit(run(sys.argv[1:]))"
    reader = subprocess.Popen(
        [sys.executable, "-c", script, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert reader.stdout is not None
    reader.stdout.close()
    assert reader.stderr is not None
    errors = reader.stderr.read()
    reader.stderr.close()
    reader.wait()
    assert "Traceback" not in errors

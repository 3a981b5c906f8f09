"""A simulated cloud, an environment without anybody's own credentials, the doctor's patient, and where to scan."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_lines import Ran
from harbours import Harbour, Look, command
from patients import Patient
from tidewaiter.cli.main import run
from tidewaiter.iam.wishes import Wishes
from tidewaiter.simulator.aws import SimulatedAws

HAS_PROVIDER = bool(os.environ.get("TIDEWAITER_TERRAFORM_PLUGINS"))
collect_ignore = [] if HAS_PROVIDER else ["test_terraform_provider.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says what was not tried: the provider is to be had from Terraform's registry only."""
    if not HAS_PROVIDER:
        told = "NOT TRIED: modules with Terraform's provider for AWS; set TIDEWAITER_TERRAFORM_PLUGINS to its folder"
        terminalreporter.write_line(told, yellow=True)


@pytest.fixture
def cloud() -> Iterator[SimulatedAws]:
    with SimulatedAws() as cloud:
        yield cloud


@pytest.fixture
def patient(cloud: SimulatedAws, monkeypatch: pytest.MonkeyPatch) -> Patient:
    """A sound organization, and the keys of its base user in the environment."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    return Patient(cloud, monkeypatch)


@pytest.fixture
def harbour(cloud: SimulatedAws) -> Harbour:
    return Harbour.of(cloud)


@pytest.fixture
def look(
    harbour: Harbour,
    database: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Look:
    """Scans as what was wished says, with nothing but the credentials that are to be had there."""

    def looked(wishes: Wishes) -> Ran:
        for variable in [each for each in os.environ if each.startswith(("AWS_", "TIDEWAITER_", "CR_"))]:
            monkeypatch.delenv(variable)
        with harbour.inside(wishes, tmp_path) as variables:
            for name, value in variables.items():
                monkeypatch.setenv(name, value)
            store = ["--db", str(database), "--store", str(tmp_path / "fleet.db")]
            code = run([*command(wishes, tmp_path), "--format", "json", "--workers", "1", *store])
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return looked

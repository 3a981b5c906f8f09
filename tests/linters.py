"""The programs that rendered policies, templates and scripts are held against; `make linters` installs them."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

_FOLDER = Path(__file__).parents[1] / ".linters" / "bin"
_QUIET = {"CHECKPOINT_DISABLE": "1", "PYTHONWARNINGS": "ignore"}
"""Terraform asks nobody for newer versions; what linters are built of may be deprecated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What parliament found: the kind, in which file, and what about."""

    kind: str
    file: str
    detail: str


def linter(name: str) -> str:
    """The path of `parliament`, `cfn-lint`, `shellcheck` or `terraform`: from PATH, or from the folder of the checkout.

    Without it the test is skipped, which CI does not take.
    """
    found = shutil.which(name) or shutil.which(name, path=str(_FOLDER))
    if not found:
        pytest.skip(f"SKIPPED LOUDLY: {name} is not installed; `make linters` does it")
    return found


def lint(name: str, *arguments: str | Path, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a linter, with `given` on its standard input, and gives back how it ended."""
    command = [linter(name), *(str(argument) for argument in arguments)]
    return subprocess.run(
        command, input=given, capture_output=True, text=True, check=False, env={**os.environ, **_QUIET}
    )


def parliament(folder: Path) -> Sequence[Finding]:
    """What parliament finds in the policies (`*.json`) of a folder."""
    done = lint("parliament", "--directory", folder, "--json")
    lines = done.stdout.splitlines()
    assert done.returncode == (1 if lines else 0), done.stderr
    return [_finding(json.loads(line)) for line in lines]


def _finding(line: Mapping[str, object]) -> Finding:
    location = line["location"]
    assert isinstance(location, dict)
    return Finding(kind=str(line["issue"]), file=Path(location["filepath"]).name, detail=str(line["detail"]))

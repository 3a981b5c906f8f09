"""Modules as Terraform and its provider for AWS take them: checked, applied in the simulated AWS, and found so again.

It needs the provider in a folder (TIDEWAITER_TERRAFORM_PLUGINS), laid out as `terraform providers mirror` does it, and
is not collected without: `conftest.py` says so. Of a provider before version 6 what that one lacks is not asked.
"""

import json
import os
import re
from pathlib import Path

import pytest

from harbours import MEMBERS, Harbour
from linters import lint
from tidewaiter.iam.terraform import render
from tidewaiter.iam.topologies import blueprint
from tidewaiter.iam.wishes import Runs, Topology
from topology_samples import GRANTS, MANAGEMENT, wished

PLUGINS = Path(os.environ.get("TIDEWAITER_TERRAFORM_PLUGINS", "none"))
IS_OLD = not list(PLUGINS.glob("registry.terraform.io/hashicorp/aws/[6-9].*"))
EVERYWHERE = {"exclusion_regions": ("us-east-1",), "events_regions": ("us-east-1",)}
CASES = [(Topology.SINGLE, runs) for runs in Runs] + [(Topology.ORGANIZATION, Runs.EC2)]


class Workspace:
    """A folder with one module, which Terraform is let loose on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, text: str) -> None:
        """Puts a module here in place of any other."""
        (self.folder / "main.tf").write_text(_as_old(text) if IS_OLD else text)
        self.terraform("init", "-input=false", f"-plugin-dir={PLUGINS}")

    def terraform(self, *words: str) -> str:
        """What a command prints, which has to end well."""
        done = lint("terraform", f"-chdir={self.folder}", *words)
        assert done.returncode == 0, done.stdout + done.stderr[-2000:]
        return done.stdout


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.mark.parametrize(("topology", "runs"), CASES)
def test_terraform_finds_every_module_valid(workspace: Workspace, topology: Topology, runs: Runs) -> None:
    for file in render(blueprint(wished(topology, runs, grants=GRANTS["all"], **EVERYWHERE))):
        workspace.keep(file.text)
        told = json.loads(workspace.terraform("validate", "-json"))
        assert (told["valid"], told["warning_count"]) == (True, 0), told


@pytest.mark.parametrize(("name", "account"), [("management", MANAGEMENT), ("member", MEMBERS[0])])
def test_what_was_applied_needs_no_change(
    workspace: Workspace, harbour: Harbour, monkeypatch: pytest.MonkeyPatch, name: str, account: str
) -> None:
    for variable, value in harbour.cloud.environment(harbour.sites[account].operator).items():
        monkeypatch.setenv(variable, value)
    (text,) = (file.text for file in render(blueprint(wished(Topology.ORGANIZATION))) if file.part == name)
    workspace.keep(text)
    workspace.terraform("apply", "-auto-approve", "-input=false")
    workspace.terraform("plan", "-detailed-exitcode", "-input=false")
    assert harbour.cloud.directory.role(f"arn:aws:iam::{account}:role/tidewaiter-{name}")


def _as_old(text: str) -> str:
    """The module without what version 5 of the provider lacks: regions of resources, and exclusions."""
    lowered = re.sub(r'version = ">= 6[.0-9]*"', 'version = ">= 5.0"', text)
    lowered = re.sub(r"^  region +=.*\n", "", lowered, flags=re.MULTILINE)
    kind = 'resource "aws_ecr_pull_time_update_exclusion"'
    return re.sub(rf"^{kind}.*?^}}\n", "", lowered, flags=re.MULTILINE | re.DOTALL)

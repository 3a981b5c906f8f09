"""What is asked of AWS, and what stands in the table of permissions, are the same: for each feature and each holder."""

import os
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from command_lines import Ran, alpine_image
from tidewaiter.aws.permissions import PERMISSIONS, Feature, Holder, Permission
from tidewaiter.cli.main import run
from tidewaiter.simulator.aws import SimulatedAccount, SimulatedAws
from tidewaiter.simulator.keys import Keys
from tidewaiter.simulator.policies import Document, allowing, trusting

REGION = "us-east-1"
IMAGE = alpine_image("curl 8.3.0-r0")
SCANNING = [each for each in PERMISSIONS if each.feature is not Feature.DOCTOR]
TABLE = {(each.held_by, each.action) for each in SCANNING}
ACTION = re.compile(r"\b(?:sts|ec2|ecr|ecr-public|organizations):[A-Z]\w+")

Asked = tuple[Holder, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A command, the features that it uses, and those of their permissions that it does not need."""

    words: str
    features: Collection[Feature]
    unneeded: Collection[str] = ()
    own: bool = False
    without_configs: bool = False

    @property
    def asks(self) -> set[Asked]:
        wanted = (each for each in PERMISSIONS if each.feature in self.features)
        return {(each.held_by, each.action) for each in wanted if each.action not in self.unneeded}


READING = (Feature.LISTING, Feature.PULLING)
ORGANIZATION = (Feature.IDENTITY, Feature.ORGANIZATION, Feature.REGIONS, *READING)
MANAGEMENT = "--management-role-arn arn:aws:iam::300000000001:role/lister --member-role-name reader"
SCENARIOS = {
    "units of an organization": Scenario(
        words=f"org scan {MANAGEMENT} --ou Workloads --ou r-sim1", features=(*ORGANIZATION, Feature.UNITS)
    ),
    "an organization": Scenario(words=f"org scan {MANAGEMENT}", features=ORGANIZATION),
    "an account by its role": Scenario(
        words=f"ecr scan --role-arn arn:aws:iam::300000000002:role/reader --region {REGION}",
        features=(Feature.IDENTITY, *READING),
    ),
    "the own account": Scenario(
        words="ecr scan",
        features=(Feature.IDENTITY, Feature.REGIONS, *READING),
        unneeded={"sts:AssumeRole"},
        own=True,
    ),
    "the Docker API": Scenario(
        words=f"ecr scan --region {REGION}",
        features=(Feature.IDENTITY, *READING, Feature.DOCKER_PULLING),
        unneeded={"sts:AssumeRole"},
        own=True,
        without_configs=True,
    ),
    "the public registry": Scenario(
        words=f"ecr scan --region {REGION} --public",
        features=(Feature.IDENTITY, *READING, Feature.PUBLIC),
        unneeded={"sts:AssumeRole"},
        own=True,
    ),
    "a reference with a tag": Scenario(
        words=f"scan 300000000002.dkr.ecr.{REGION}.amazonaws.com/team/app:1.0",
        features=READING,
        unneeded={"ecr:DescribeRepositories"},
        own=True,
    ),
}
USERS = {
    Feature.IDENTITY: "units of an organization",
    Feature.ORGANIZATION: "units of an organization",
    Feature.UNITS: "units of an organization",
    Feature.REGIONS: "the own account",
    Feature.LISTING: "units of an organization",
    Feature.PULLING: "units of an organization",
    Feature.DOCKER_PULLING: "the Docker API",
    Feature.PUBLIC: "the public registry",
}


@dataclass(slots=True)
class Harbour:
    """An organization in which everybody may do what the table says of them, but for one thing that is taken away."""

    cloud: SimulatedAws
    denied: Asked | None = None
    holders: dict[str, tuple[Holder, ...]] = field(default_factory=dict)

    def made(self) -> tuple[Keys, Keys]:
        """The keys of the base identity in an account of its own, and of one in the member's account."""
        boss = self.cloud.account("boss", id="300000000001", regions=[REGION])
        web = self.cloud.account("web", id="300000000002", ou="Workloads", regions=[REGION])
        tools = self.cloud.account("tools", id="300000000003", outside=True)
        base = self._user(tools, "base", Holder.BASE)
        own = self._user(web, "own", Holder.BASE, Holder.REGISTRY)
        self._role(boss, "lister", tools.id, Holder.MANAGEMENT, Holder.REGISTRY)
        self._role(web, "reader", f"{boss.arn('role/lister')} {tools.id}", Holder.REGISTRY)
        web.registry(REGION).push("team/app", "1.0", IMAGE)
        web.public_registry().push("app", "1.0", alpine_image("musl 1.2.4-r1"))
        return base, own

    def asked(self) -> set[Asked]:
        """What was asked of the cloud, and as which of the caller's holders."""
        return {self._attributed(call.principal, call.action) for call in self.cloud.calls}

    def _attributed(self, principal: str, action: str) -> Asked:
        name = principal.split("/")[1]
        held = [(holder, action) for holder in self.holders[name] if (holder, action) in TABLE]
        assert held, f"{name} asks for {action}, which does not stand in the table for {self.holders[name]}"
        return held[0]

    def _user(self, account: SimulatedAccount, name: str, *holders: Holder) -> Keys:
        self.holders[name] = holders
        return account.user(name, policy=self._policy(holders))

    def _role(self, account: SimulatedAccount, name: str, trusted: str, *holders: Holder) -> None:
        self.holders[name] = holders
        account.role(name, trust=trusting(*trusted.split()), policy=self._policy(holders))

    def _policy(self, holders: Collection[Holder]) -> Document:
        allowed = {(holder, action) for holder, action in TABLE if holder in holders} - {self.denied}
        return allowing(*sorted(action for _, action in filter(None, allowed)))


@pytest.fixture
def scan(
    cloud: SimulatedAws,
    database: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[[str, Harbour], Ran]:
    """Runs a scenario's command line in this process."""

    def scanned(name: str, harbour: Harbour) -> Ran:
        scenario = SCENARIOS[name]
        base, own = harbour.made()
        cloud.registries.registry("300000000002", REGION).faults.unknown_configs = scenario.without_configs
        for variable in [each for each in os.environ if each.startswith(("AWS_", "TIDEWAITER_", "CR_"))]:
            monkeypatch.delenv(variable)
        for variable, value in cloud.environment(own if scenario.own else base).items():
            monkeypatch.setenv(variable, value)
        store = [] if scenario.words.startswith("scan") else ["--store", str(tmp_path / "fleet.db"), "--workers", "1"]
        code = run([*scenario.words.split(), "--format", "json", "--db", str(database), *store])
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return scanned


Scan = Callable[[str, Harbour], Ran]


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_command_asks_for_what_the_table_says_of_its_features_and_for_nothing_else(
    cloud: SimulatedAws, scan: Scan, name: str
) -> None:
    harbour = Harbour(cloud)
    done = scan(name, harbour)
    assert done.code == 1, done.err or done.out
    assert '"curl"' in done.out, "with the advisories about it, a scan that works ends with findings"
    assert all(call.allowed for call in cloud.calls)
    assert harbour.asked() == SCENARIOS[name].asks


def test_the_commands_together_ask_for_all_that_stands_in_the_table_for_scans() -> None:
    assert set().union(*(scenario.asks for scenario in SCENARIOS.values())) == TABLE


@pytest.mark.parametrize("permission", SCANNING, ids=lambda each: f"{each.held_by} {each.action}")
def test_what_is_not_allowed_is_named_and_never_reads_as_clean(
    cloud: SimulatedAws, scan: Scan, permission: Permission
) -> None:
    done = scan(USERS[permission.feature], Harbour(cloud, denied=(permission.held_by, permission.action)))
    if permission.action == "sts:GetCallerIdentity":  # AWS allows it to everybody
        assert done.code == 1
        return
    assert done.code == 2
    assert set(ACTION.findall(done.out or done.err)) == {permission.action}
    assert f'"Action": "{permission.action}"' in (done.out or done.err).replace('\\"', '"')
    if permission.feature in (Feature.PULLING, Feature.DOCKER_PULLING):
        assert [image["state"] for image in done.json["images"]] == ["failed"]
    elif permission.feature is Feature.REGIONS:
        assert [image["state"] for image in done.json["images"]] == ["scanned"], permission.why

"""An organization in the simulated AWS in which nobody is allowed anything yet, and who looks at it from where."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aws_clients import client
from command_lines import Ran, alpine_image
from stacks import Site
from tidewaiter.iam.wishes import Runs, Topology, Wishes
from tidewaiter.simulator import metadata as services
from tidewaiter.simulator.aws import SimulatedAws
from tidewaiter.simulator.keys import Keys
from tidewaiter.simulator.metadata import SimulatedMetadata, web_identity
from tidewaiter.simulator.policies import allowing
from topology_samples import HOME, ISSUER, MANAGEMENT, TARGETS

Look = Callable[[Wishes], Ran]
"""Scans as what was wished says."""

REGION = "us-east-1"
EXISTING = "ops/scanner"
MEMBERS = (HOME, *(target.account for target in TARGETS))
POD = {
    "eks-cluster-name": "tools",
    "kubernetes-namespace": "tidewaiter",
    "kubernetes-service-account": "tidewaiter",
}

_SERVICES = {Runs.EC2: services.INSTANCE, Runs.ECS: services.TASK, Runs.POD_IDENTITY: services.POD}


@dataclass(slots=True)
class Harbour:
    """An organization with an image in each account, in which nobody is allowed anything yet."""

    cloud: SimulatedAws
    sites: dict[str, Site] = field(default_factory=dict)

    @classmethod
    def of(cls, cloud: SimulatedAws) -> "Harbour":
        found = cls(cloud)
        for number in (MANAGEMENT, *MEMBERS):
            account = cloud.account(f"account-{number[0]}", id=number, regions=[REGION], invited=True)
            account.registry(REGION).push("team/app", "1.0", alpine_image("curl 8.3.0-r0"))
            operator = account.user("operator", policy=allowing("*"))
            found.sites[number] = Site(cloud, account, operator)
        return found

    def prepare(self, wishes: Wishes) -> None:
        """Makes what is to be there already."""
        if wishes.runs is Runs.EXISTING:
            path, _, name = EXISTING.rpartition("/")
            client(self.cloud, self.sites[HOME].operator, "iam").create_user(UserName=name, Path=f"/{path}/")

    @contextmanager
    def inside(self, wishes: Wishes, folder: Path) -> Iterator[dict[str, str]]:
        """The variables of a program that runs where it is to run."""
        home, file = self.sites[HOME].account, folder / "token"
        role = home.arn(f"role/{wishes.name}")
        tags = POD if wishes.topology is Topology.SINGLE else {}
        with SimulatedMetadata(self.cloud, role, region=REGION, tags=tags) as metadata:
            match wishes.runs:
                case Runs.USER:
                    yield self.cloud.environment(home.access_key(wishes.name))
                case Runs.EXISTING:
                    yield self.cloud.environment(home.access_key(EXISTING))
                case Runs.EC2:
                    yield metadata.instance()
                case Runs.ECS:
                    yield metadata.task()
                case Runs.POD_IDENTITY:
                    yield metadata.pod(file)
                case Runs.IRSA:
                    token = home.web_identity_token(ISSUER, "system:serviceaccount:tidewaiter:tidewaiter")
                    yield web_identity(self.cloud, role, token, file)

    def service_session(self, wishes: Wishes) -> Keys | None:
        """Keys of a session of the base role, as the service that the role is for gives them; None where it may not."""
        home = self.sites[HOME].account
        tags = POD if wishes.topology is Topology.SINGLE else {}
        with SimulatedMetadata(self.cloud, home.arn(f"role/{wishes.name}"), region=REGION, tags=tags) as metadata:
            return metadata.credentials(_SERVICES[wishes.runs])


def command(wishes: Wishes, folder: Path) -> list[str]:
    """The scan that the topology, and what is granted, are for."""
    return [*_scan(wishes, folder), *_extent(wishes)]


def _extent(wishes: Wishes) -> list[str]:
    """What is looked at: regions have to be named where nobody may find them out."""
    regions = [] if wishes.grants.regions else ["--region", REGION]
    public = ["--public"] if wishes.grants.public else []
    return [*regions, *public, *(word for glob in wishes.repositories for word in ("--repository", glob))]


def _scan(wishes: Wishes, folder: Path) -> list[str]:
    match wishes.topology:
        case Topology.SINGLE:
            return ["ecr", "scan"]
        case Topology.CROSS_ACCOUNT | Topology.BROKERED:
            accounts = [
                {
                    "role_arn": f"arn:aws:iam::{target.account}:role/{wishes.target_role}",
                    "external_id": target.external_ids[-1],
                }
                for target in wishes.targets
            ]
            (folder / "accounts.json").write_text(json.dumps({"accounts": accounts}))
            return ["ecr", "scan", "--accounts", str(folder / "accounts.json")]
        case Topology.ORGANIZATION:
            management = f"arn:aws:iam::{wishes.management_account}:role/{wishes.management_role}"
            roles = ["--management-role-arn", management, "--member-role-name", wishes.member_role]
            (external_id,) = wishes.management_external_ids
            (of_members,) = wishes.member_external_ids
            return ["org", "scan", *roles, "--management-external-id", external_id, "--external-id", of_members]


SCANNED = {
    Topology.SINGLE: {HOME},
    Topology.CROSS_ACCOUNT: {target.account for target in TARGETS},
    Topology.BROKERED: {target.account for target in TARGETS},
    Topology.ORGANIZATION: {MANAGEMENT, *MEMBERS},
}

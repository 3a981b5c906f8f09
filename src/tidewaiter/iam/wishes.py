"""What an operator wants to put up: the topology, the names, who asks from where."""

from dataclasses import dataclass, field
from enum import StrEnum


class Topology(StrEnum):
    """Where registries are, seen from where tidewaiter runs."""

    SINGLE = "single"
    CROSS_ACCOUNT = "cross-account"
    ORGANIZATION = "organization"
    BROKERED = "brokered"


class Runs(StrEnum):
    """What gives tidewaiter its first credentials. EXISTING: a role or user that is there already, by its ARN."""

    USER = "user"
    EC2 = "ec2"
    ECS = "ecs"
    IRSA = "irsa"
    POD_IDENTITY = "pod-identity"
    EXISTING = "existing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An account whose registries are looked at through a role, with the external IDs that its trust takes."""

    account: str
    external_ids: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """Which features beyond listing and pulling from ECR are granted too.

    `docker`: pulling through the registry's Docker API what the API of ECR does not give. `public`: ECR Public.
    `regions`: finding out the enabled regions; without it they have to be named. `ou_filters`: listing organizational
    units. `doctor`: what the doctor reads to tell more than calls alone can tell.
    """

    docker: bool = True
    public: bool = False
    regions: bool = True
    ou_filters: bool = True
    doctor: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """All that decides what is rendered; the same wishes give the same bytes.

    `account` is where tidewaiter runs. `existing_arn` is for Runs.EXISTING; `issuer`, `namespace`, `service_account`
    and `cluster` for Kubernetes. `repositories` (globs) narrow what a registry role may read. `exclusion_regions`:
    where its pulls shall leave no pull time. `events_regions`: where pushes shall be told to a queue.
    """

    topology: Topology
    account: str
    runs: Runs = Runs.EC2
    partition: str = "aws"
    name: str = "tidewaiter"
    existing_arn: str = ""
    issuer: str = ""
    namespace: str = "tidewaiter"
    service_account: str = "tidewaiter"
    cluster: str = ""
    targets: tuple[Target, ...] = ()
    target_role: str = "tidewaiter-reader"
    management_account: str = ""
    management_role: str = "tidewaiter-management"
    management_external_ids: tuple[str, ...] = field(default=(), repr=False)
    member_role: str = "tidewaiter-member"
    member_external_ids: tuple[str, ...] = field(default=(), repr=False)
    repositories: tuple[str, ...] = ()
    exclusion_regions: tuple[str, ...] = ()
    events_regions: tuple[str, ...] = ()
    grants: Grants = field(default_factory=Grants)

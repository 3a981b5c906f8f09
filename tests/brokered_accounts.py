"""Accounts of a simulated AWS that trust an agent, each by a role and an external ID of its own."""

import json
from dataclasses import dataclass

from agents import for_role
from tidewaiter.aws.permissions import session_policy
from tidewaiter.broker.messages import Credentials
from tidewaiter.simulator.aws import SimulatedAccount, SimulatedAws
from tidewaiter.simulator.images import Built, build_attestation, build_image, build_index, build_layer
from tidewaiter.simulator.keys import Keys
from tidewaiter.simulator.policies import Document, allowing, trusting

REGIONS = ("us-east-1", "eu-west-1")
REGION = "eu-west-1"
AGENT = "300000000001"
OWNERS = {"web": "300000000002", "data": "300000000003"}
READER: Document = json.loads(session_policy("aws"))
"""What the role of an account allows: just what is needed."""


@dataclass(frozen=True)
class Owner:
    """An account, the role that the agent may take there, and its image."""

    account: SimulatedAccount
    role: str
    external_id: str
    image: Built
    index: Built

    def credentials(self, *regions: str) -> Credentials:
        """What the account's connection is entered with."""
        return for_role(self.role, self.external_id, *regions)

    def host(self, region: str = REGION) -> str:
        """Its registry in a region."""
        return f"{self.account.id}.dkr.ecr.{region}.amazonaws.com"


@dataclass(frozen=True)
class World:
    """The cloud, the account and keys of the agent, and two accounts that let it in."""

    cloud: SimulatedAws
    agent: SimulatedAccount
    keys: Keys
    web: Owner
    data: Owner


def world_of(cloud: SimulatedAws) -> World:
    """Fills an empty cloud: each owner has two repositories in one of two regions."""
    agent = cloud.account("tools", id=AGENT, regions=REGIONS)
    keys = agent.user("agent", policy=allowing("sts:AssumeRole"))
    return World(cloud, agent, keys, _owner(cloud, agent, "web"), _owner(cloud, agent, "data"))


def _owner(cloud: SimulatedAws, agent: SimulatedAccount, name: str) -> Owner:
    account = cloud.account(name, id=OWNERS[name], regions=REGIONS)
    external_id = f"external-id-of-{name}"
    role = account.role(f"{name}-reader", trust=trusting(agent.id, external_id=external_id), policy=READER)
    image = build_image([build_layer({"etc/owner": name.encode()})])
    index = build_index([image, build_attestation(image)])
    registry = account.registry(REGION)
    registry.push(f"{name}/app", "1.0", image)
    registry.push(f"{name}/app", "latest", image)
    registry.push(f"{name}/app", "several", index)
    registry.create(f"{name}/empty")
    return Owner(account, role, external_id, image, index)

"""An organization in the simulated AWS for the doctor to look at: sound, until a test takes something away."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from aws_clients import client
from tidewaiter.aws.chain import Chain
from tidewaiter.aws.permissions import PERMISSIONS, Feature, Holder
from tidewaiter.aws.targets import AccountRequest, OrganizationRequest
from tidewaiter.iam.doctor import diagnose
from tidewaiter.model.diagnosis import Check, Diagnosis, Health
from tidewaiter.simulator.aws import SimulatedAccount, SimulatedAws
from tidewaiter.simulator.images import build_image, build_layer
from tidewaiter.simulator.keys import Keys
from tidewaiter.simulator.policies import Document, allowing, trusting

REGIONS = ("eu-west-1", "us-east-1")
IMAGE = build_image([build_layer({"etc/hostname": b"here"})])
BOSS_ID, MEMBER_ID = "id-of-the-boss", "id-of-the-members"


def may(*holders: Holder, but: str = "", doctor: bool = False) -> Document:
    """What the table says of these holders, without one action; what only the doctor reads is there if so asked."""
    scans = {each.action for each in PERMISSIONS if each.held_by in holders and each.feature is not Feature.DOCTOR}
    reads = {each.action for each in PERMISSIONS if each.feature is Feature.DOCTOR} if doctor else set()
    return allowing(*sorted((scans | reads) - {but}))


class Patient:
    """A base user in an account outside, a management role, a member with images and an empty one."""

    def __init__(self, cloud: SimulatedAws, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cloud = cloud
        self.monkeypatch = monkeypatch
        self.boss = cloud.account("boss", regions=REGIONS[1:])
        self.tools = cloud.account("tools", regions=REGIONS[1:], outside=True)
        self.web = cloud.account("web", regions=REGIONS, ou="Workloads")
        self.data = cloud.account("data", regions=REGIONS[1:])
        self.become(self.tools.user("scanner", policy=may(Holder.BASE)))
        self.lister(may(Holder.MANAGEMENT, Holder.REGISTRY))
        for member in (self.web, self.data):
            self.reader(member, may(Holder.REGISTRY))
        self.web.registry("us-east-1").push("team/app", "1.0", IMAGE)

    def become(self, keys: Keys) -> None:
        """Puts keys into the environment."""
        self.monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
        for name, value in self.cloud.environment(keys).items():
            self.monkeypatch.setenv(name, value)

    def lister(self, policy: Document | Sequence[Document], *, trust: Document | None = None) -> str:
        """Makes the management role anew."""
        trusted = trust or trusting(self.tools.arn("user/scanner"), external_id=BOSS_ID)
        return self.boss.role("lister", trust=trusted, policy=policy)

    def reader(self, member: SimulatedAccount, policy: Document, *, trust: Document | None = None) -> str:
        """Makes a member role anew."""
        trusted = trust or trusting(self.boss.arn("role/lister"), external_id=MEMBER_ID)
        return member.role("reader", trust=trusted, policy=policy)

    def account_request(self, policy: Document, *, regions: tuple[str, ...] = ("us-east-1",)) -> AccountRequest:
        """The member with images, by a role with this policy that trusts the base user."""
        trust = trusting(self.tools.arn("user/scanner"), external_id=MEMBER_ID)
        arn = self.reader(self.web, policy, trust=trust)
        return AccountRequest(role_arn=arn, external_id=MEMBER_ID, regions=regions)

    def made_by_hand(
        self, account: SimulatedAccount, name: str, *, trust: Document, policy: Document, attached: str = ""
    ) -> str:
        """Makes a role through IAM itself, so that IAM can be asked about it."""
        iam = client(self.cloud, account.user("administrator", policy=allowing("*")), "iam")
        role: dict[str, Any] = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=json.dumps(policy))
        if attached:
            made = iam.create_policy(PolicyName="attached", PolicyDocument=attached)["Policy"]
            iam.attach_role_policy(RoleName=name, PolicyArn=made["Arn"])
        return str(role["Arn"])

    def images(self, region: str) -> list[dict[str, Any]]:
        """What the member with images lists of them, as its administrator sees it."""
        ecr = client(self.cloud, self.web.user("administrator", policy=allowing("*")), "ecr", region)
        found: list[dict[str, Any]] = ecr.describe_images(repositoryName="team/app")["imageDetails"]
        return found

    @property
    def request(self) -> OrganizationRequest:
        """The organization, as a scan is told of it."""
        return OrganizationRequest(
            management_role_arn=self.boss.arn("role/lister"),
            management_external_id=BOSS_ID,
            member_role_name="reader",
            member_external_id=MEMBER_ID,
        )

    def examined(
        self, request: Sequence[AccountRequest] | OrganizationRequest | None = None, **options: Any
    ) -> Diagnosis:
        """What the doctor says."""
        return diagnose(Chain.ambient(attempts=1), self.request if request is None else request, **options)


def faults(diagnosis: Diagnosis) -> list[Check]:
    """The checks that make a diagnosis unhealthy."""
    return [each for each in diagnosis.checks if each.counts and each.health is not Health.RIGHT]

"""A topology's rendered policies, put up through IAM in the simulated AWS; each can be another one for a while."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aws_clients import client
from harbours import EXISTING, MEMBERS, REGION, Harbour
from stacks import PATIENT
from tidewaiter.aws.targets import AccountRequest, OrganizationRequest
from tidewaiter.iam.blueprint import (
    Attachment,
    Blueprint,
    InstanceProfile,
    OidcProvider,
    Part,
    PodIdentity,
    Policy,
    PullTimeExclusion,
    PushEvents,
    Resource,
    Role,
    User,
)
from tidewaiter.iam.formats import render
from tidewaiter.iam.instructions import file_name
from tidewaiter.iam.topologies import blueprint
from tidewaiter.iam.wishes import Topology, Wishes
from tidewaiter.simulator.policies import denying
from topology_samples import HOME, MANAGEMENT

Json = dict[str, Any]
Files = Mapping[str, Json]


def rendered(wanted: Blueprint) -> Files:
    """The documents that are rendered as policies, by file name."""
    return {file.name: json.loads(file.text) for file in render(wanted, "policy") if file.name.endswith(".json")}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document stands: on a role or user, under the policy's name, "" for the role's trust."""

    account: str
    arn: str
    policy: str = ""

    @property
    def named(self) -> Mapping[str, str]:
        """The role or user, as IAM is asked about it."""
        kind = "RoleName" if ":role/" in self.arn else "UserName"
        return {kind: self.arn.rpartition("/")[2]}

    @property
    def document(self) -> str:
        """What the doctor calls it."""
        return f"{'identity' if self.policy else 'trust'} policy of {self.arn}"


@dataclass(slots=True)
class Rollout:
    """What is rendered for some wishes, in an organization where nobody was allowed anything.

    `places` are where each file's document stands: in several accounts where the part is for each alike.
    """

    harbour: Harbour
    wishes: Wishes
    files: dict[str, Json] = field(default_factory=dict)
    places: dict[str, list[Place]] = field(default_factory=dict)

    def put_up(self) -> None:
        """Makes all that is rendered, in the order of the parts."""
        wanted = blueprint(self.wishes)
        self.files = dict(rendered(wanted))
        self.harbour.prepare(self.wishes)
        for part in wanted.parts:
            for account in (part.account,) if part.account else MEMBERS:
                for resource in part.resources:
                    self._make(part, account, resource)

    def attach(self) -> None:
        """Attaches a policy that takes away what nobody needs to every role, as guard rails do."""
        for role in {place for places in self.places.values() for place in places if not place.policy}:
            iam = self._iam(role.account)
            text = json.dumps(denying("ecr:DeleteRepository"))
            made = iam.create_policy(PolicyName=f"guard-rail-{role.named['RoleName']}", PolicyDocument=text)["Policy"]
            iam.attach_role_policy(PolicyArn=made["Arn"], **role.named)

    @contextmanager
    def replaced(self, name: str, document: Json | None) -> Iterator[None]:
        """Has another document stand, or none, in the first of a file's places."""
        place = self.places[name][0]
        self._put(place, document)
        try:
            yield
        finally:
            self._put(place, self.files[name])

    def request(self, *, external_id: str = "") -> list[AccountRequest] | OrganizationRequest:
        """What a scan of this topology asks for: of an organization the management account and its first member."""
        wishes = self.wishes
        match wishes.topology:
            case Topology.SINGLE:
                return [AccountRequest()]
            case Topology.ORGANIZATION:
                return OrganizationRequest(
                    management_role_arn=f"arn:aws:iam::{MANAGEMENT}:role/{wishes.management_role}",
                    management_external_id=wishes.management_external_ids[0],
                    member_role_name=wishes.member_role,
                    member_external_id=wishes.member_external_ids[0],
                    accounts=(MANAGEMENT, HOME),
                    ous=(self.harbour.cloud.unit(""),),
                )
            case _:
                given = ((each, each.external_ids) for each in wishes.targets)
                return [
                    AccountRequest(
                        role_arn=f"arn:aws:iam::{each.account}:role/{wishes.target_role}",
                        external_id=external_id if external_id in known else known[0],
                    )
                    for each, known in given
                ]

    def _make(self, part: Part, account: str, resource: Resource) -> None:
        iam = self._iam(account)
        match resource:
            case Role(name=name, policies=policies):
                place = Place(account, f"arn:aws:iam::{account}:role/{name}")
                trust = file_name(part, f"{name}-trust")
                iam.create_role(AssumeRolePolicyDocument=json.dumps(self.files[trust]), **place.named)
                self.places.setdefault(trust, []).append(place)
                self._give(part, place, policies)
            case User(name=name, policies=policies):
                iam.create_user(UserName=name)
                self._give(part, Place(account, f"arn:aws:iam::{account}:user/{name}"), policies)
            case Attachment(principal_arn=arn, policies=policies):
                assert arn.endswith(EXISTING)
                self._give(part, Place(account, arn), policies)
            case OidcProvider(issuer=issuer, audience=audience):
                self.harbour.sites[account].account.provider(issuer, audiences=(audience,))
            case PullTimeExclusion(principal_arn=arn, regions=regions):
                own = arn.replace("::*:", f"::{account}:")
                for region in regions:
                    ecr = client(self.harbour.cloud, self.harbour.sites[account].operator, "ecr", region)
                    ecr.register_pull_time_update_exclusion(principalArn=own)
            case InstanceProfile() | PodIdentity() | PushEvents():
                """The simulated metadata stand for the first two; nobody here reads the queue."""

    def _give(self, part: Part, holder: Place, policies: tuple[Policy, ...]) -> None:
        for policy in policies:
            place = Place(holder.account, holder.arn, policy.name)
            name = file_name(part, policy.name)
            self.places.setdefault(name, []).append(place)
            self._put(place, self.files[name])

    def _put(self, place: Place, document: Json | None) -> None:
        iam, kind, text = self._iam(place.account), "role" if ":role/" in place.arn else "user", json.dumps(document)
        if not place.policy:
            iam.update_assume_role_policy(PolicyDocument=text, **place.named)
        elif document is None:
            getattr(iam, f"delete_{kind}_policy")(PolicyName=place.policy, **place.named)
        else:
            getattr(iam, f"put_{kind}_policy")(PolicyName=place.policy, PolicyDocument=text, **place.named)

    def _iam(self, account: str) -> Any:
        return client(self.harbour.cloud, self.harbour.sites[account].operator, "iam", REGION, PATIENT)

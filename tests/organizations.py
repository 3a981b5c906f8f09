"""Organizations put up in a simulated AWS as `iam render` says it: a sound one, and one with five faults."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from deployments import put_up
from tidewaiter.iam.blueprint import Blueprint, Role
from tidewaiter.iam.topologies import blueprint
from tidewaiter.iam.wishes import Grants, Runs, Topology, Wishes
from tidewaiter.simulator.aws import SimulatedAccount, SimulatedAws
from tidewaiter.simulator.images import build_image, build_layer
from tidewaiter.simulator.policies import Document, denying

BASE, MANAGEMENT, SHOP, BANK, LAB, CLUB = (
    *("111122223333", "777788889999", "222233334444"),
    *("333344445555", "444455556666", "555566667777"),
)
REGIONS = ("eu-west-1", "us-east-1")
MANAGEMENT_ROLE = f"arn:aws:iam::{MANAGEMENT}:role/tidewaiter-management"
MEMBER_ROLE = "tidewaiter-member"
DOCTOR = ("iam", "doctor", "--management-role-arn", MANAGEMENT_ROLE, "--member-role-name", MEMBER_ROLE)


@contextmanager
def sound_organization() -> Iterator[Mapping[str, str]]:
    """All is as it was rendered, with the doctor's rights: the variables of the user who asks."""
    with SimulatedAws() as cloud:
        yield _made(cloud)[0]


@contextmanager
def ailing_organization() -> Iterator[Mapping[str, str]]:
    """The same, and an account each in which something is amiss."""
    with SimulatedAws() as cloud:
        environment, accounts, member = _made(cloud)
        trust, policies = member.trust.written(), [policy.document.written() for policy in member.policies]
        accounts[SHOP].role(MEMBER_ROLE, trust=trust, policy=_without(policies, "ecr:BatchGetImage"))
        accounts[BANK].remove(f"role/{MEMBER_ROLE}")
        accounts[LAB].restrict(denying("ecr:*", condition={"StringEquals": {"aws:RequestedRegion": "us-east-1"}}))
        accounts[CLUB].role(MEMBER_ROLE, trust=_trusting_all(trust), policy=policies)
        accounts[BASE].role(MEMBER_ROLE, trust=trust, policy=_without(policies, "ec2:DescribeRegions"))
        yield environment


def _made(cloud: SimulatedAws) -> tuple[Mapping[str, str], dict[str, SimulatedAccount], Role]:
    """The organization: how to reach it, its accounts, and the member role as it was rendered."""
    names = {MANAGEMENT: "authority", BASE: "tooling", SHOP: "shop", BANK: "bank", LAB: "lab", CLUB: "club"}
    accounts = {id_: cloud.account(name, id=id_, regions=REGIONS, invited=True) for id_, name in names.items()}
    rendered = _rendered()
    members = {id_: account for id_, account in accounts.items() if id_ != MANAGEMENT}
    keys = put_up(cloud, rendered, accounts, members)
    image = build_image([build_layer({"srv/app": b"app"})])
    for id_ in (SHOP, BANK, LAB, CLUB):
        accounts[id_].registry("eu-west-1").push("team/app", "1", image)
    (member,) = (each for part in rendered.parts for each in part.resources if _is_member(each))
    assert isinstance(member, Role)
    return cloud.environment(keys["tidewaiter"], region="eu-west-1"), accounts, member


def _rendered() -> Blueprint:
    return blueprint(
        Wishes(
            topology=Topology.ORGANIZATION,
            account=BASE,
            runs=Runs.USER,
            management_account=MANAGEMENT,
            exclusion_regions=REGIONS,
            grants=Grants(doctor=True),
        )
    )


def _is_member(resource: object) -> bool:
    return isinstance(resource, Role) and resource.name == MEMBER_ROLE


def _without(policies: Sequence[dict[str, object]], action: str) -> list[Document]:
    """The policies without one action."""
    return [{**policy, "Statement": list(_kept(policy["Statement"], action))} for policy in policies]


def _kept(statements: object, action: str) -> Iterator[Document]:
    assert isinstance(statements, list)
    for statement in statements:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        if left := [each for each in actions if each != action]:
            yield {**statement, "Action": left}


def _trusting_all(trust: dict[str, object]) -> Document:
    """The trust policy for whoever asks."""
    statements = trust["Statement"]
    assert isinstance(statements, list)
    return {**trust, "Statement": [{**statement, "Principal": {"AWS": "*"}} for statement in statements]}

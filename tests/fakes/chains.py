"""AWS in memory, behind the methods of a chain: its roles, its answers and refusals, and what it was asked."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tidewaiter.errors import CloudDeniedError, CloudError
from tidewaiter.model.cloud import Identity, RoleHop

Arguments = Mapping[str, Any]
Answerer = Callable[[str, str, Arguments], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A call: by whom, of what."""

    account: str
    region: str
    action: str
    arguments: Arguments
    resource: str
    policy: str
    hops: tuple[RoleHop, ...]


@dataclass(slots=True)
class FakeAws:
    """What AWS answers. `roles` are those that can be assumed, with the external ID that each demands.

    An answer to an action is a list of pages, for one (account, region), or one account, or all. Actions without any
    give one empty page. `refusals` are errors by (account, region, action), of which each may be "*".
    """

    partition: str = "aws"
    account: str = "111111111111"
    roles: dict[str, str] = field(default_factory=dict)
    regions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    answers: dict[tuple[str, ...], Sequence[Mapping[str, Any]] | Answerer] = field(default_factory=dict)
    refusals: dict[tuple[str, str, str], CloudError] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def chain(self) -> "FakeChain":
        return FakeChain(self, self.account)

    def refuse(
        self, *, account: str = "*", region: str = "*", action: str = "*", code: str = "AccessDeniedException"
    ) -> None:
        """Make such calls fail as denied."""
        where = f"account {account}, {region}"
        self.refusals[account, region, action] = CloudDeniedError(f"{action} is denied", where=where, code=code)

    def counts(self) -> Counter[str]:
        return Counter(each.action for each in self.asked)

    def refusal(self, account: str, region: str, action: str) -> CloudError | None:
        for key, error in self.refusals.items():
            if all(wanted in ("*", given) for wanted, given in zip(key, (account, region, action), strict=True)):
                return error
        return None

    def pages(self, account: str, region: str, action: str, arguments: Arguments) -> Sequence[Mapping[str, Any]]:
        if action == "ec2:DescribeRegions":
            names = self.regions.get(account, ("us-east-1",))
            return [{"Regions": [{"RegionName": name} for name in names]}]
        for key in ((account, region, action), (account, action), (action,)):
            if (found := self.answers.get(key)) is not None:
                return [found(account, region, arguments)] if callable(found) else found
        return [{}]


class FakeChain:
    """An identity in the fake cloud."""

    def __init__(self, aws: FakeAws, account: str, hops: tuple[RoleHop, ...] = (), policy: str = "") -> None:
        self.aws = aws
        self.account = account
        self.hops = hops
        self.policy = policy

    def identity(self) -> Identity:
        for hop in self.hops:
            if self.aws.roles.get(hop.role_arn) != hop.external_id:
                raise CloudDeniedError(f"{hop.role_arn} can not be assumed", code="AccessDenied")
        arn = self.hops[-1].role_arn if self.hops else f"arn:{self.aws.partition}:iam::{self.account}:user/somebody"
        return Identity(arn=arn, account=self.account, partition=self.aws.partition, hops=self.hops)

    def then(self, hop: RoleHop, *, policy: str = "", region: str = "") -> "FakeChain":  # noqa: ARG002 - the chain's signature
        return FakeChain(self.aws, hop.role_arn.split(":")[4], (*self.hops, hop), policy)

    def call(
        self, service: str, region: str, action: str, arguments: Arguments, *, resource: str = "*"
    ) -> Mapping[str, Any]:
        return next(self.pages(service, region, action, arguments, resource=resource))

    def pages(
        self, service: str, region: str, action: str, arguments: Arguments, *, resource: str = "*"
    ) -> Iterator[Mapping[str, Any]]:
        assert action.startswith(f"{service}:")
        self.identity()
        self.aws.asked.append(Asked(self.account, region, action, dict(arguments), resource, self.policy, self.hops))
        refusal = self.aws.refusal(self.account, region, action)
        if refusal is not None:
            raise refusal
        yield from self.aws.pages(self.account, region, action, arguments)

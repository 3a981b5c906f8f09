"""Which regions the accounts of the simulated cloud have, and the services that tell it: of EC2, and of an account."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

from tidewaiter.simulator.service import Answer, Arguments, Caller, ServiceError

DESCRIBE = "DescribeRegions"

_DEFAULT = frozenset(
    [
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
        "ca-central-1",
        "sa-east-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "eu-central-1",
        "eu-north-1",
        "ap-south-1",
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-southeast-1",
        "ap-southeast-2",
    ]
)
"""The regions of the partition aws that every account has; all newer ones must be opted into.

https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html
"""


@cache
def regions_of(partition: str) -> tuple[str, ...]:
    """All regions of a partition, as botocore knows them."""
    from botocore.session import Session

    return tuple(sorted(Session().get_available_regions("ec2", partition)))


def must_be_opted_into(partition: str, region: str) -> bool:
    """Whether an account has the region only after it asked for it."""
    return partition == "aws" and region not in _DEFAULT


def home_region(partition: str) -> str:
    """The region that the services without regions belong to.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-requestedregion
    """
    homes = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
    return homes.get(partition) or regions_of(partition)[0]


class Regions:
    """The regions that each account has. All have those that need no opting in, unless they were given others."""

    def __init__(self, partition: str) -> None:
        self.partition = partition
        self._listed: dict[str, frozenset[str]] = {}
        self._opted: dict[str, set[str]] = {}
        self._without_sts: dict[str, set[str]] = {}

    def give(self, account: str, regions: Sequence[str]) -> None:
        """Makes these the regions that the account is told to have; others that need no opting in work all the same."""
        self._listed[account] = frozenset(regions)
        self._opted[account] = {region for region in regions if must_be_opted_into(self.partition, region)}

    def switch_off_sts(self, account: str, region: str) -> None:
        """Lets no sessions of the account be made in the region."""
        self._without_sts.setdefault(account, set()).add(region)

    def of(self, account: str) -> list[str]:
        """The regions that the account is told to have."""
        every = (each for each in regions_of(self.partition) if not must_be_opted_into(self.partition, each))
        return sorted(self._listed.get(account) or every)

    def work(self, account: str, region: str) -> bool:
        """Whether the account's keys are good in the region."""
        return not must_be_opted_into(self.partition, region) or region in self._opted.get(account, ())

    def makes_sessions(self, account: str, region: str) -> bool:
        """Whether STS in the region makes sessions of the account."""
        return self.work(account, region) and region not in self._without_sts.get(account, ())

    def status(self, account: str, region: str) -> str:
        """EC2's word for how the account has the region, or has it not."""
        if not must_be_opted_into(self.partition, region):
            return "opt-in-not-required"
        return "opted-in" if self.work(account, region) else "not-opted-in"


class Ec2Regions:
    """The one operation of EC2 that tells an account's regions."""

    def __init__(self, regions: Regions) -> None:
        self._regions = regions

    def action_and_resource(self, region: str, account: str, operation: str, arguments: Arguments) -> tuple[str, str]:  # noqa: ARG002  what a service looks like
        """It is asked for on everything."""
        return f"ec2:{operation}", "*"

    def handle(self, caller: Caller, region: str, operation: str, arguments: Arguments) -> Answer:  # noqa: ARG002  what a service looks like
        """The regions, all of the partition's if so asked.

        https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html
        """
        regions, account = self._regions, caller.account
        every = arguments.get("AllRegions") == "true"
        found = sorted({*regions_of(regions.partition), *regions.of(account)}) if every else regions.of(account)
        named = _numbered(arguments, "RegionName.{}")
        if missing := sorted(set(named) - {*regions_of(regions.partition)}):
            raise ServiceError("InvalidParameterValue", f"Invalid region names {missing}")
        wanted = _numbered(arguments, "Filter.1.Value.{}") if _filters_status(arguments) else []
        described = [(each, regions.status(account, each)) for each in found if not named or each in named]
        return {
            "regionInfo": [
                {"regionName": each, "regionEndpoint": f"ec2.{each}.amazonaws.com", "optInStatus": status}
                for each, status in described
                if not wanted or status in wanted
            ]
        }


class AccountRegions:
    """The operations of AWS Account Management on regions: of the caller's account, or of a member of its organization.

    https://docs.aws.amazon.com/accounts/latest/APIReference/API_ListRegions.html
    """

    def __init__(self, regions: Regions, may_ask: Callable[[str, str], bool]) -> None:
        self._regions = regions
        self._may_ask = may_ask

    def action_and_resource(self, region: str, account: str, operation: str, arguments: Arguments) -> tuple[str, str]:  # noqa: ARG002  what a service looks like
        """Of an account's own regions, or those of another."""
        of = arguments.get("AccountId", account)
        return _action(operation), f"arn:{self._regions.partition}:account::{of}:account"

    def handle(self, caller: Caller, region: str, operation: str, arguments: Arguments) -> Answer:  # noqa: ARG002  what a service looks like
        """The regions with their status, or the status of one."""
        account = str(arguments.get("AccountId", caller.account))
        if account != caller.account and not self._may_ask(caller.account, account):
            raise ServiceError(
                "AccessDeniedException", "You do not have sufficient access to perform this action.", 403
            )
        if _action(operation) == "account:GetRegionOptStatus":
            name = str(arguments.get("RegionName", ""))
            return {"RegionName": name, "RegionOptStatus": self._status(account, name)}
        wanted = arguments.get("RegionOptStatusContains") or list(_OPT_STATUS.values())
        every = ((each, self._status(account, each)) for each in regions_of(self._regions.partition))
        found = [{"RegionName": each, "RegionOptStatus": status} for each, status in every if status in wanted]
        size, start = int(arguments.get("MaxResults", 50)), int(arguments.get("NextToken", 0))
        following = {"NextToken": str(start + size)} if start + size < len(found) else {}
        return {"Regions": found[start : start + size], **following}

    def _status(self, account: str, region: str) -> str:
        return _OPT_STATUS[self._regions.status(account, region)]


_OPT_STATUS: Mapping[str, str] = {
    "opt-in-not-required": "ENABLED_BY_DEFAULT",
    "opted-in": "ENABLED",
    "not-opted-in": "DISABLED",
}


def _action(operation: str) -> str:
    """IAM's action for an operation that is named by its path (`/listRegions`)."""
    name = operation.removeprefix("/")
    known = {"listRegions": "ListRegions", "getRegionOptStatus": "GetRegionOptStatus"}
    if name not in known:
        raise ServiceError("UnknownOperationException", f"{name} is not simulated")
    return f"account:{known[name]}"


def _filters_status(arguments: Arguments) -> bool:
    name = arguments.get("Filter.1.Name")
    if name not in {None, "opt-in-status"} or "Filter.2.Name" in arguments:
        raise ServiceError("InvalidParameterValue", f"The filter {name} is not simulated")
    return name is not None


def _numbered(arguments: Arguments, pattern: str) -> list[str]:
    """The values of a list in a form: `RegionName.1`, `RegionName.2`."""
    found: list[str] = []
    while (name := pattern.format(len(found) + 1)) in arguments:
        found.append(str(arguments[name]))
    return found

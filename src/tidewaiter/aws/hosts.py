"""What an ARN, a region and a registry's host say of where something lies: the partition, the region, the account.

Pure text, and light: `tidewaiter scan` asks it of every reference. Nothing here loads boto3.
"""

import re
from dataclasses import dataclass
from typing import Final

from tidewaiter.errors import UsageError

PUBLIC_REGION: Final = "us-east-1"
"""The region that answers for ECR Public, and signs its requests."""

DEFAULT_PARTITION: Final = "aws"


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """A part of Amazon's cloud with accounts and identities of its own: roles and organizations never leave it.

    `regions` matches its regions' names; `suffix` ends its hosts, `dual_stack_suffix` those of its registries that
    answer on IPv6 too ("" where it is not known to have any); `home` is the region that is always enabled.
    https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html
    """

    id: str
    regions: re.Pattern[str]
    suffix: str
    home: str
    dual_stack_suffix: str = ""


_PARTITIONS: Final = (
    Partition(
        id="aws",
        regions=re.compile(r"(us|eu|ap|sa|ca|me|af|il|mx)-\w+-\d+"),
        suffix="amazonaws.com",
        home="us-east-1",
        dual_stack_suffix="on.aws",
    ),
    Partition(
        id="aws-cn",
        regions=re.compile(r"cn-\w+-\d+"),
        suffix="amazonaws.com.cn",
        home="cn-northwest-1",
        dual_stack_suffix="on.amazonwebservices.com.cn",
    ),
    Partition(
        id="aws-us-gov",
        regions=re.compile(r"us-gov-\w+-\d+"),
        suffix="amazonaws.com",
        home="us-gov-west-1",
        dual_stack_suffix="on.aws",
    ),
    Partition(id="aws-iso", regions=re.compile(r"us-iso-\w+-\d+"), suffix="c2s.ic.gov", home="us-iso-east-1"),
    Partition(id="aws-iso-b", regions=re.compile(r"us-isob-\w+-\d+"), suffix="sc2s.sgov.gov", home="us-isob-east-1"),
    Partition(id="aws-iso-e", regions=re.compile(r"eu-isoe-\w+-\d+"), suffix="cloud.adc-e.uk", home="eu-isoe-west-1"),
    Partition(id="aws-iso-f", regions=re.compile(r"us-isof-\w+-\d+"), suffix="csp.hci.ic.gov", home="us-isof-south-1"),
    Partition(id="aws-eusc", regions=re.compile(r"eusc-(de)-\w+-\d+"), suffix="amazonaws.eu", home="eusc-de-east-1"),
)
_BY_ID: Final = {partition.id: partition for partition in _PARTITIONS}
_ACCOUNT: Final = re.compile(r"\d{12}")
_HOST: Final = re.compile(
    r"(?P<account>\d{12})\.dkr(?P<joint>[.-])ecr(?P<fips>-fips)?\.(?P<region>[a-z0-9-]+)\.(?P<suffix>[a-z0-9.-]+)",
    re.ASCII,
)
_ARN_PARTS: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Arn:
    """A name of something in AWS, in its parts.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
    """

    partition: str
    service: str
    region: str
    account: str
    resource: str

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EcrHost:
    """The host of a private registry, in its parts.

    https://docs.aws.amazon.com/general/latest/gr/ecr.html
    """

    account: str
    region: str
    partition: str
    fips: bool = False
    dual_stack: bool = False

    def __str__(self) -> str:
        return registry_host(self.account, self.region, fips=self.fips, dual_stack=self.dual_stack)


def partition(name: str) -> Partition:
    """The partition of this name. Raises UsageError for one that is not known."""
    found = _BY_ID.get(name)
    if found is None:
        raise UsageError(f"there is no partition {name!r} of AWS", advice=f"Known ones are {', '.join(_BY_ID)}.")
    return found


def partition_of_region(region: str) -> str:
    """The partition's name; `aws` for a region that no pattern matches, as AWS' own libraries assume."""
    matching = (known.id for known in _PARTITIONS if known.regions.fullmatch(region))
    return next(matching, DEFAULT_PARTITION)


def is_account(text: str) -> bool:
    """True for the 12 digits of an account."""
    return _ACCOUNT.fullmatch(text) is not None


def parse_arn(text: str) -> Arn:
    """The parts of an ARN. Raises UsageError for what has not its form, or lies in a partition that is not known."""
    parts = text.split(":", _ARN_PARTS - 1)
    if len(parts) != _ARN_PARTS or parts[0] != "arn" or not parts[5]:
        raise UsageError(
            "is not an ARN", where=text or "(empty)", advice="It has the form arn:aws:iam::ACCOUNT:role/NAME."
        )
    return Arn(partition=partition(parts[1]).id, service=parts[2], region=parts[3], account=parts[4], resource=parts[5])


def registry_host(account: str, region: str, *, fips: bool = False, dual_stack: bool = False) -> str:
    """The host of an account's registry in a region. Raises UsageError where the partition has no such host."""
    where = _BY_ID[partition_of_region(region)]
    if dual_stack and not where.dual_stack_suffix:
        raise UsageError(f"the partition {where.id} has no dual-stack registries", where=region)
    service = f"dkr{'-' if dual_stack else '.'}ecr{'-fips' if fips else ''}"
    return f"{account}.{service}.{region}.{where.dual_stack_suffix if dual_stack else where.suffix}"


def parse_host(host: str) -> EcrHost | None:
    """The private registry that a host of a reference is, None for any other host.

    The region must belong to the partition that the host's end names, so that no foreign host is taken for Amazon's.
    """
    found = _HOST.fullmatch(host.lower())
    if found is None:
        return None
    dual_stack = found["joint"] == "-"
    where = _BY_ID[partition_of_region(found["region"])]
    if found["suffix"] != (where.dual_stack_suffix if dual_stack else where.suffix):
        return None
    return EcrHost(
        account=found["account"],
        region=found["region"],
        partition=where.id,
        fips=found["fips"] is not None,
        dual_stack=dual_stack,
    )

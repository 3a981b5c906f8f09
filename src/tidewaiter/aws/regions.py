"""Which regions there are, and which of them an account has enabled."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import msgspec

from tidewaiter.aws import hosts
from tidewaiter.aws.answers import typed
from tidewaiter.aws.principal import Principal
from tidewaiter.errors import CloudError, UsageError

_ACTION = "ec2:DescribeRegions"
_ASKED = ("us-east-1", "eu-west-1", "ap-southeast-1")
"""Regions of the partition `aws` that answer for all: several, for an organization may deny its accounts some."""

_ALWAYS_ENABLED = frozenset(
    {
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-central-1",
        "eu-north-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    }
)
"""https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html"""


class _Region(msgspec.Struct, frozen=True, rename="pascal"):
    region_name: str


class _Regions(msgspec.Struct, frozen=True, rename="pascal"):
    regions: tuple[_Region, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnabledRegions:
    """The regions of an account, sorted. Where it would not tell, all that are known, and `refusal` says why."""

    names: tuple[str, ...]
    refusal: CloudError | None = None


@cache
def known_regions(partition: str) -> tuple[str, ...]:
    """The regions of a partition that have ECR, as far as the installed boto3 knows, sorted."""
    import boto3

    return tuple(sorted(boto3.session.Session().get_available_regions("ecr", partition_name=partition)))


def is_optional(region: str, partition: str) -> bool:
    """Whether a region has to be enabled by an account before it can be used."""
    return partition == hosts.DEFAULT_PARTITION and region not in _ALWAYS_ENABLED


def check_regions(names: Iterable[str], partition: str) -> None:
    """Raises UsageError for a region that is not known in the partition: a typing error must not read as empty."""
    known = known_regions(partition)
    for name in names:
        if name not in known:
            raise UsageError(f"{name!r} is no region of the partition {partition}", advice=_advice(name, known))


def enabled_regions(chain: Principal, partition: str, *, preferred: Sequence[str] = ()) -> EnabledRegions:
    """The regions that the account of `chain` has enabled; one of the `preferred` regions is asked first.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html
    """
    usual = _ASKED if partition == hosts.DEFAULT_PARTITION else (hosts.partition(partition).home,)
    refusals: list[CloudError] = []
    for asked in dict.fromkeys((*preferred[:1], *usual)):
        try:
            return EnabledRegions(names=_answered(chain, asked))
        except CloudError as error:
            refusals.append(error)
    return EnabledRegions(names=known_regions(partition), refusal=refusals[0])


def _answered(chain: Principal, asked: str) -> tuple[str, ...]:
    """What one region says. Raises CloudError, also where it names none: that would read as an account without any."""
    regions = typed(chain.call("ec2", asked, _ACTION, {}), _Regions, action=_ACTION).regions
    if not regions:
        raise CloudError(f"AWS answered {_ACTION}, and names no region", where=asked)
    return tuple(sorted(region.region_name for region in regions))


def _advice(name: str, known: Sequence[str]) -> str:
    swapped = [each for each in known if sorted(each) == sorted(name)]
    meant = swapped or difflib.get_close_matches(name, known, n=1)
    guess = f"Did you mean {meant[0]}?" if meant else f"Known are {', '.join(known)}."
    return f"{guess} A region that is newer than the installed boto3 needs a newer boto3."

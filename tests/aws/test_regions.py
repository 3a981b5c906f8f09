"""Which regions an account has enabled, and what is told of one that there is not."""

import pytest

from fakes.chains import FakeAws
from tidewaiter.aws import hosts
from tidewaiter.aws.regions import check_regions, enabled_regions, is_optional, known_regions
from tidewaiter.errors import CloudDeniedError, UsageError

PARTITIONS = ("aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc")


def test_the_enabled_regions_are_what_the_account_says() -> None:
    aws = FakeAws(regions={"111111111111": ("us-east-1", "af-south-1")})
    enabled = enabled_regions(aws.chain(), "aws")
    assert (enabled.names, enabled.refusal) == (("af-south-1", "us-east-1"), None)
    assert "AllRegions" not in aws.asked[0].arguments


def test_where_one_region_is_denied_another_is_asked() -> None:
    aws = FakeAws(regions={"111111111111": ("eu-west-1",)})
    aws.refuse(region="us-east-1")
    assert enabled_regions(aws.chain(), "aws").names == ("eu-west-1",)
    assert [each.region for each in aws.asked] == ["us-east-1", "eu-west-1"]


def test_the_region_that_is_wanted_is_asked_first() -> None:
    aws = FakeAws()
    enabled_regions(aws.chain(), "aws", preferred=("ca-central-1", "us-west-2"))
    assert [each.region for each in aws.asked] == ["ca-central-1"]


def test_an_account_that_does_not_tell_has_all_known_regions_and_the_first_refusal_is_kept() -> None:
    aws = FakeAws()
    aws.refuse(region="us-east-1", code="UnauthorizedOperation")
    aws.refuse(code="Other")
    enabled = enabled_regions(aws.chain(), "aws")
    assert enabled.names == known_regions("aws")
    assert isinstance(enabled.refusal, CloudDeniedError)
    assert enabled.refusal.code == "UnauthorizedOperation"


@pytest.mark.parametrize("partition", PARTITIONS)
def test_each_partition_has_regions_and_its_home_is_one_of_them(partition: str) -> None:
    known = known_regions(partition)
    assert hosts.partition(partition).home in known
    assert {hosts.partition_of_region(name) for name in known} == {partition}
    check_regions(known, partition)


def test_outside_the_usual_partition_its_own_home_is_asked() -> None:
    aws = FakeAws(partition="aws-cn", regions={"111111111111": ("cn-north-1",)})
    assert enabled_regions(aws.chain(), "aws-cn").names == ("cn-north-1",)
    assert [each.region for each in aws.asked] == ["cn-northwest-1"]


@pytest.mark.parametrize(
    ("name", "meant"), [("eu-wset-1", "eu-west-1"), ("us-esat-1", "us-east-1"), ("us-east1", "us-east-1")]
)
def test_a_mistyped_region_is_refused_with_the_one_that_may_be_meant(name: str, meant: str) -> None:
    with pytest.raises(UsageError, match=f"Did you mean {meant}"):
        check_regions([name], "aws")


def test_a_region_of_another_partition_is_refused() -> None:
    with pytest.raises(UsageError, match="no region of the partition aws-cn"):
        check_regions(["eu-west-1"], "aws-cn")


def test_only_newer_regions_have_to_be_enabled() -> None:
    assert is_optional("af-south-1", "aws")
    assert not is_optional("eu-north-1", "aws")
    assert not is_optional("cn-north-1", "aws-cn")

"""Which regions the simulated accounts have, and where their keys are good."""

import pytest
from botocore.exceptions import ClientError

from aws_clients import assume, client, code_of
from tidewaiter.simulator.aws import MEMBER_ROLE, SimulatedAccount, SimulatedAws
from tidewaiter.simulator.keys import Keys
from tidewaiter.simulator.policies import allowing


def names(answer: dict[str, list[dict[str, str]]]) -> list[str]:
    return [region["RegionName"] for region in answer["Regions"]]


def test_an_account_has_the_regions_that_need_no_opting_in(aws: SimulatedAws, keys: Keys) -> None:
    found = client(aws, keys, "ec2").describe_regions()
    assert len(names(found)) == 17
    assert "eu-south-1" not in names(found)


def test_an_account_can_be_given_few_regions(aws: SimulatedAws, home: SimulatedAccount, keys: Keys) -> None:
    home.set_regions(["eu-south-1", "eu-west-1"])
    found = client(aws, keys, "ec2", "eu-west-1").describe_regions()
    assert {region["RegionName"]: region["OptInStatus"] for region in found["Regions"]} == {
        "eu-south-1": "opted-in",
        "eu-west-1": "opt-in-not-required",
    }


def test_all_regions_are_told_with_their_status_when_asked_for(aws: SimulatedAws, keys: Keys) -> None:
    found = client(aws, keys, "ec2").describe_regions(AllRegions=True)
    assert {"eu-south-1", "eu-west-1"} < set(names(found))
    status = [{"Name": "opt-in-status", "Values": ["not-opted-in"]}]
    left = client(aws, keys, "ec2").describe_regions(AllRegions=True, Filters=status)
    assert "eu-south-1" in names(left)
    assert "eu-west-1" not in names(left)


def test_regions_can_be_asked_for_by_name(aws: SimulatedAws, keys: Keys) -> None:
    ec2 = client(aws, keys, "ec2")
    assert names(ec2.describe_regions(RegionNames=["eu-west-1", "eu-west-2"])) == ["eu-west-1", "eu-west-2"]
    with pytest.raises(ClientError, match="mars-1"):
        ec2.describe_regions(RegionNames=["mars-1"])


def test_keys_are_not_good_in_a_region_that_was_not_opted_into(
    aws: SimulatedAws, home: SimulatedAccount, keys: Keys
) -> None:
    with pytest.raises(ClientError) as error:
        client(aws, keys, "ecr", "eu-south-1").describe_repositories()
    assert code_of(error.value) == "UnrecognizedClientException"
    with pytest.raises(ClientError) as error:
        client(aws, keys, "ec2", "eu-south-1").describe_regions()
    assert code_of(error.value) == "AuthFailure"
    home.set_regions(["eu-south-1"])
    client(aws, keys, "ecr", "eu-south-1").describe_repositories()


def test_a_refusal_of_ec2_has_its_own_code(aws: SimulatedAws, home: SimulatedAccount) -> None:
    powerless = home.user("powerless")
    with pytest.raises(ClientError, match="not authorized to perform: ec2:DescribeRegions") as error:
        client(aws, powerless, "ec2").describe_regions()
    assert code_of(error.value) == "UnauthorizedOperation"


def test_an_account_tells_its_regions_page_by_page(aws: SimulatedAws, home: SimulatedAccount, keys: Keys) -> None:
    home.set_regions(["eu-south-1"])
    account = client(aws, keys, "account")
    wanted = ["ENABLED", "ENABLED_BY_DEFAULT"]
    pages = list(account.get_paginator("list_regions").paginate(RegionOptStatusContains=wanted, MaxResults=10))
    assert [len(page["Regions"]) for page in pages] == [10, 8]
    assert account.get_region_opt_status(RegionName="eu-south-1")["RegionOptStatus"] == "ENABLED"
    assert account.get_region_opt_status(RegionName="eu-south-2")["RegionOptStatus"] == "DISABLED"


def test_the_management_account_may_ask_for_a_members_regions_and_no_member_for_anothers(
    aws: SimulatedAws, home: SimulatedAccount, keys: Keys
) -> None:
    member = aws.account("member", regions=["eu-south-1"])
    found = client(aws, keys, "account").list_regions(AccountId=member.id, RegionOptStatusContains=["ENABLED"])
    assert names(found) == ["eu-south-1"]
    session = assume(aws, keys, member.arn(f"role/{MEMBER_ROLE}"))
    with pytest.raises(ClientError) as error:
        client(aws, session, "account").list_regions(AccountId=home.id)
    assert code_of(error.value) == "AccessDeniedException"


def test_another_partition_has_its_own_regions_and_arns() -> None:
    with SimulatedAws("aws-cn") as aws:
        account = aws.account("management")
        keys = account.user("operator", policy=allowing("*"))
        assert aws.environment(keys)["AWS_DEFAULT_REGION"] == "cn-north-1"
        identity = client(aws, keys, "sts", "cn-north-1").get_caller_identity()
        assert identity["Arn"] == f"arn:aws-cn:iam::{account.id}:user/operator"
        found = client(aws, keys, "ec2", "cn-northwest-1").describe_regions()
        assert names(found) == ["cn-north-1", "cn-northwest-1"]

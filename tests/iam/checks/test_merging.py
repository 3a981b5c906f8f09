from dataclasses import replace

from tidewaiter.iam.checks.merging import merged
from tidewaiter.model.diagnosis import Check, Health, Topic


def fault(region: str, *, account: str = "111122223333", name: str = "*") -> Check:
    resource = f"arn:aws:ecr:{region}:{account}:repository/{name}"
    return Check(
        account=account,
        region=region,
        topic=Topic.PULLING,
        health=Health.WRONG,
        says="refused",
        action="ecr:BatchGetImage",
        resource=resource,
        statement=f'{{"Resource": "{resource}"}}',
    )


def test_one_fault_in_several_regions_is_one_check() -> None:
    (found,) = merged([fault("us-east-1"), fault("eu-west-1")])
    assert found.region == ""
    assert found.says == "refused (in 2 regions: eu-west-1, us-east-1)"
    assert found.resource == "arn:aws:ecr:*:111122223333:repository/*"
    assert found.statement == '{"Resource": "arn:aws:ecr:*:111122223333:repository/*"}'


def test_a_fault_of_one_region_stays_as_it_is() -> None:
    assert list(merged([fault("us-east-1")])) == [fault("us-east-1")]


def test_other_accounts_and_repositories_are_other_faults() -> None:
    several = [fault("us-east-1"), fault("eu-west-1", account="444455556666"), fault("eu-west-1", name="team/*")]
    assert list(merged(several)) == several


def test_what_is_right_is_told_for_each_region() -> None:
    several = [replace(fault(region), health=Health.RIGHT) for region in ("us-east-1", "eu-west-1")]
    assert list(merged(several)) == several

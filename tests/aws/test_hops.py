"""The rules of AssumeRole, checked before AWS is asked."""

import pytest

from tidewaiter.aws.hops import arguments, check_hop, check_policy
from tidewaiter.errors import UsageError
from tidewaiter.model.cloud import RoleHop

_ROLE = "arn:aws:iam::123456789012:role/path/reader"


def test_a_hop_that_keeps_all_rules_gives_the_roles_parts() -> None:
    hop = RoleHop(role_arn=_ROLE, session_name="a_b+c=d,e.f@g-h", external_id="a:b/c=d,e.f@g-h+i_j", duration=43200)
    role = check_hop(hop, partition="aws")
    assert (role.partition, role.account, role.resource) == ("aws", "123456789012", "role/path/reader")


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "reader",
        "arn:aws:iam::123456789012:user/ann",
        "arn:aws:sts::123456789012:role/reader",
        "arn:aws:iam::1234:role/reader",
        "arn:aws:iam::123456789012:role/" + "r" * 2048,
        "arn:aws-moon:iam::123456789012:role/reader",
    ],
)
def test_what_is_no_arn_of_a_role_is_a_usage_error(arn: str) -> None:
    with pytest.raises(UsageError):
        check_hop(RoleHop(role_arn=arn))


@pytest.mark.parametrize("name", ["", "x", "n" * 65, "with space", "slash/ed", "ümlaut"])
def test_a_session_name_that_aws_would_refuse_is_named(name: str) -> None:
    with pytest.raises(UsageError, match="the session name") as caught:
        check_hop(RoleHop(role_arn=_ROLE, session_name=name))
    assert caught.value.where == _ROLE


@pytest.mark.parametrize("external_id", ["x", "i" * 1225, "with space", "star*", "übung", "line\nbreak"])
def test_an_external_id_that_aws_would_refuse_is_not_shown(external_id: str) -> None:
    with pytest.raises(UsageError, match="the external ID is not one that AWS allows") as caught:
        check_hop(RoleHop(role_arn="arn:aws:iam::123456789012:role/R", external_id=external_id))
    assert external_id == "x" or external_id not in str(caught.value)


@pytest.mark.parametrize("duration", [0, 899, 43201])
def test_a_duration_outside_of_the_bounds_is_a_usage_error(duration: int) -> None:
    with pytest.raises(UsageError, match="900 to 43200 seconds"):
        check_hop(RoleHop(role_arn=_ROLE, duration=duration))


def test_a_role_of_another_partition_is_a_usage_error_that_names_both() -> None:
    with pytest.raises(UsageError, match="the role is in aws, who asks for it in aws-cn"):
        check_hop(RoleHop(role_arn=_ROLE), partition="aws-cn")


def test_a_session_policy_beyond_2048_characters_is_a_usage_error() -> None:
    check_policy("x" * 2048)
    with pytest.raises(UsageError, match="2049 characters"):
        check_policy("x" * 2049)


@pytest.mark.parametrize(("chained", "seconds"), [(True, 3600), (False, 7200)])
def test_only_a_chained_session_is_cut_to_an_hour(*, chained: bool, seconds: int) -> None:
    asked = arguments(RoleHop(role_arn=_ROLE, duration=7200), policy="", chained=chained)
    assert asked == {"RoleArn": _ROLE, "RoleSessionName": "tidewaiter", "DurationSeconds": seconds}


def test_what_is_shorter_than_an_hour_stays_so() -> None:
    assert arguments(RoleHop(role_arn=_ROLE, duration=900), policy="", chained=True)["DurationSeconds"] == 900


def test_external_id_and_policy_are_sent_where_they_are_given() -> None:
    asked = arguments(RoleHop(role_arn=_ROLE, external_id="abc"), policy="{}", chained=True)
    assert (asked["ExternalId"], asked["Policy"]) == ("abc", "{}")

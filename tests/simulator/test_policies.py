"""Policies allow, deny and trust as IAM's documentation says."""

import json

import pytest

from tidewaiter.simulator.conditions import glob
from tidewaiter.simulator.policies import (
    Asked,
    Asker,
    Document,
    Policy,
    PolicyError,
    Trust,
    allowing,
    denying,
    trusting,
)

REPOSITORY = "arn:aws:ecr:eu-west-1:111111111111:repository/team/app"


def asked(action: str = "ecr:BatchGetImage", resource: str = REPOSITORY, **context: str) -> Asked:
    keys = {key.replace("_", ":").lower(): [value] for key, value in context.items()}
    return Asked(action=action, resource=resource, context=keys)


def when(operator: str, key: str, value: object) -> Policy:
    return Policy.parse(allowing("*", condition={operator: {key: value}}))


@pytest.mark.parametrize(
    ("pattern", "value", "matches"),
    [
        ("*", "", True),
        ("ecr:Batch*", "ecr:BatchGetImage", True),
        ("ecr:Get?mage", "ecr:GetImage", True),
        ("ecr:Get?mage", "ecr:Getmage", False),
        ("a.c", "abc", False),
        ("a[bc]", "ab", False),
        ("a[bc]", "a[bc]", True),
        ("a[!b]", "a[!b]", True),
        ("a", "a\n", False),
        ("*", "two\nlines", True),
    ],
)
def test_only_stars_and_question_marks_are_wild(pattern: str, value: str, matches: bool) -> None:
    assert glob(pattern, value) is matches


def test_an_action_is_allowed_in_any_case_of_letters() -> None:
    assert Policy.parse(allowing("ECR:batchgetimage")).allows(asked())


def test_an_action_that_is_not_named_is_not_allowed() -> None:
    assert not Policy.parse(allowing("ecr:DescribeImages", "sts:*")).allows(asked())


def test_a_resource_is_matched_in_its_own_case_of_letters() -> None:
    policy = Policy.parse(allowing("ecr:*", resource="arn:aws:ecr:*:111111111111:repository/team/*"))
    assert policy.allows(asked())
    assert not policy.allows(asked(resource=REPOSITORY.replace("team", "Team")))


def test_not_action_allows_everything_else() -> None:
    policy = Policy.parse({"Statement": {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}})
    assert policy.allows(asked())
    assert not policy.allows(asked("iam:CreateRole"))


def test_not_resource_allows_everything_else() -> None:
    policy = Policy.parse({"Statement": {"Effect": "Allow", "Action": "*", "NotResource": [REPOSITORY]}})
    assert policy.allows(asked(resource=REPOSITORY + "-2"))
    assert not policy.allows(asked())


def test_a_denial_does_not_allow() -> None:
    policy = Policy.parse(denying("ecr:*"))
    assert policy.denies(asked())
    assert not policy.allows(asked())


@pytest.mark.parametrize(
    ("operator", "key", "value", "holds"),
    [
        ("StringEquals", "aws:RequestedRegion", "eu-west-1", True),
        ("StringEquals", "AWS:requestedregion", ["us-east-1", "eu-west-1"], True),
        ("StringEquals", "aws:RequestedRegion", "eu-*", False),
        ("StringEqualsIgnoreCase", "aws:RequestedRegion", "EU-WEST-1", True),
        ("StringLike", "aws:RequestedRegion", "eu-*", True),
        ("StringNotEquals", "aws:RequestedRegion", ["us-east-1", "us-east-2"], True),
        ("StringNotEquals", "aws:RequestedRegion", ["us-east-1", "eu-west-1"], False),
        ("StringNotLike", "aws:RequestedRegion", "eu-*", False),
        ("StringEquals", "sts:ExternalId", "secret", False),
        ("StringNotEquals", "sts:ExternalId", "secret", True),
        ("StringEqualsIfExists", "sts:ExternalId", "secret", True),
        ("StringEqualsIfExists", "aws:RequestedRegion", "us-east-1", False),
        ("Null", "sts:ExternalId", "true", True),
        ("Null", "aws:RequestedRegion", "true", False),
        ("Null", "aws:RequestedRegion", False, True),
        ("Bool", "aws:SecureTransport", "true", True),
        ("Bool", "aws:SecureTransport", False, False),
        ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/team-*", True),
        ("ArnEquals", "aws:PrincipalArn", "arn:aws:iam::111111111111:role/*", True),
        ("ArnLike", "aws:PrincipalArn", "arn:*:role/team-a", False),
        ("ArnNotLike", "aws:PrincipalArn", "arn:aws:iam::*:role/team-*", False),
        ("NumericLessThanEquals", "sts:DurationSeconds", 3600, True),
        ("NumericGreaterThan", "sts:DurationSeconds", "3600", False),
        ("DateLessThan", "aws:CurrentTime", "2026-02-01T00:00:00Z", True),
        ("DateGreaterThan", "aws:CurrentTime", "2026-02-01T00:00:00Z", False),
        ("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", ["o-1/*", "o-2/*"], True),
        ("ForAllValues:StringLike", "aws:PrincipalOrgPaths", "o-1/*", True),
        ("ForAllValues:StringLike", "aws:Missing", "o-1/*", True),
        ("ForAnyValue:StringLike", "aws:Missing", "o-1/*", False),
    ],
)
def test_conditions_hold_as_iam_describes_them(operator: str, key: str, value: object, holds: bool) -> None:
    request = asked(
        aws_RequestedRegion="eu-west-1",
        aws_SecureTransport="true",
        aws_PrincipalArn="arn:aws:iam::111111111111:role/team-a",
        aws_CurrentTime="2026-01-01T00:00:00+00:00",
        aws_PrincipalOrgPaths="o-1/r-1/",
        sts_DurationSeconds="3600",
    )
    assert when(operator, key, value).allows(request) is holds


def test_all_lines_of_a_condition_have_to_hold() -> None:
    lines = {"StringEquals": {"aws:RequestedRegion": "eu-west-1", "sts:ExternalId": "secret"}}
    policy = Policy.parse(allowing("*", condition=lines))
    assert policy.allows(asked(aws_RequestedRegion="eu-west-1", sts_ExternalId="secret"))
    assert not policy.allows(asked(aws_RequestedRegion="eu-west-1"))


def test_variables_stand_for_values_of_the_request() -> None:
    policy = Policy.parse(allowing("*", resource="arn:aws:ecr:*:${aws:PrincipalAccount}:repository/*"))
    assert policy.allows(asked(aws_PrincipalAccount="111111111111"))
    assert not policy.allows(asked(aws_PrincipalAccount="222222222222"))
    assert not policy.allows(asked())


@pytest.mark.parametrize(
    ("names", "trust"),
    [
        ("*", Trust.PRINCIPAL),
        ("arn:aws:iam::111111111111:role/team-a", Trust.PRINCIPAL),
        ("arn:aws:sts::111111111111:assumed-role/team-a/s", Trust.PRINCIPAL),
        ("arn:aws:iam::111111111111:root", Trust.ACCOUNT),
        ("arn:aws-cn:iam::111111111111:root", Trust.ACCOUNT),
        ("111111111111", Trust.ACCOUNT),
        ("arn:aws:iam::222222222222:root", Trust.NOBODY),
        ("arn:aws:iam::111111111111:role/team-b", Trust.NOBODY),
        ("ec2.amazonaws.com", Trust.NOBODY),
    ],
)
def test_a_trust_policy_names_principals_or_accounts(names: str, trust: Trust) -> None:
    asker = Asker(
        arns=("arn:aws:iam::111111111111:role/team-a", "arn:aws:sts::111111111111:assumed-role/team-a/s"),
        account="111111111111",
    )
    policy = Policy.parse(trusting(names), trust=True)
    assert policy.trusts(asker, asked("sts:AssumeRole", "arn:aws:iam::333333333333:role/r")) is trust


def test_a_denial_in_a_trust_policy_counts_more() -> None:
    statements = [{**trusting("*")["Statement"][0], "Effect": effect} for effect in ("Allow", "Deny")]
    policy = Policy.parse({"Statement": statements}, trust=True)
    asker = Asker(arns=("arn:aws:iam::111111111111:user/u",), account="111111111111")
    assert policy.trusts(asker, asked("sts:AssumeRole", "*")) is Trust.NOBODY


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("{", "truncated"),
        ('{"Version": "2012-10-17"}', "Statement"),
        ({"Statement": [{"Effect": "allow", "Action": "*", "Resource": "*"}]}, r"Statement\[0\]: Effect"),
        ({"Statement": [{"Effect": "Allow", "Resource": "*"}]}, "Action"),
        ({"Statement": [{"Effect": "Allow", "Action": "*", "NotAction": "*", "Resource": "*"}]}, "Action"),
        ({"Statement": [{"Effect": "Allow", "Action": "*"}]}, "Resource"),
        ({"Statement": [{"Effect": "Allow", "Action": "read", "Resource": "*"}]}, "service:Action"),
        ({"Statement": [{"Effect": "Allow", "Actions": "*", "Resource": "*"}]}, "Actions"),
        ({"Statement": [{"Effect": "Allow", "Action": [1], "Resource": "*"}]}, r"Action"),
        (allowing("*", condition={"StringIs": {"a:b": "c"}}), "operators"),
        (trusting("111111111111"), "Principal"),
    ],
)
def test_a_malformed_policy_is_refused_with_the_place(document: Document | str, says: str) -> None:
    with pytest.raises(PolicyError, match=says):
        Policy.parse(document)


def test_a_trust_policy_names_no_resource() -> None:
    with pytest.raises(PolicyError, match="Principal"):
        Policy.parse(json.dumps(allowing("sts:AssumeRole")), trust=True)

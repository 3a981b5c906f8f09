"""The one table of calls, and the policies that are made from it."""

import json
from collections import Counter
from fnmatch import fnmatchcase

import botocore.session
import pytest
from botocore import xform_name

from tidewaiter.aws.permissions import (
    LONGEST_SESSION_POLICY,
    PERMISSIONS,
    Feature,
    Holder,
    Scope,
    is_listed,
    pattern,
    session_policy,
    statement,
)
from tidewaiter.errors import UsageError

PARTITIONS = ("aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc")
_READING = ("Get", "List", "Describe", "BatchGet", "Simulate")


def test_each_action_stands_once_for_each_feature() -> None:
    assert max(Counter((each.feature, each.action) for each in PERMISSIONS).values()) == 1


def test_every_feature_has_a_permission_and_every_permission_a_reason() -> None:
    assert {each.feature for each in PERMISSIONS} == set(Feature)
    assert all(each.why for each in PERMISSIONS)


def test_all_calls_exist_in_the_apis_of_aws() -> None:
    session = botocore.session.get_session()
    for action in {each.action for each in PERMISSIONS if not each.implied}:
        service, _, operation = action.partition(":")
        assert operation in session.get_service_model(service).operation_names, action
        assert xform_name(operation).isidentifier()


def test_nothing_but_reading_and_becoming_a_role_stands_in_the_table() -> None:
    for each in PERMISSIONS:
        operation = each.action.partition(":")[2]
        assert operation == "AssumeRole" or operation.startswith(_READING), each.action


def test_an_implied_permission_is_no_call() -> None:
    assert is_listed("ecr-public:GetAuthorizationToken")
    assert not is_listed("sts:GetServiceBearerToken")
    assert not is_listed("ecr:PutImage")


def test_what_aws_allows_to_everybody_is_free_and_what_only_the_doctor_reads_is_optional() -> None:
    assert [each.action for each in PERMISSIONS if each.free] == ["sts:GetCallerIdentity"]
    assert all(each.optional for each in PERMISSIONS if each.feature is Feature.DOCTOR)


@pytest.mark.parametrize("partition", PARTITIONS)
def test_a_session_policy_is_short_enough_and_names_its_partition_only(partition: str) -> None:
    policy = session_policy(partition)
    assert len(policy) <= LONGEST_SESSION_POLICY
    document = json.loads(policy)
    assert document["Version"] == "2012-10-17"
    for each in document["Statement"]:
        assert each["Effect"] == "Allow"
        assert each["Resource"] == "*" or each["Resource"].startswith(f"arn:{partition}:")


@pytest.mark.parametrize("partition", PARTITIONS)
def test_a_session_policy_allows_what_reading_a_registry_needs_and_no_more(partition: str) -> None:
    allowed: set[str] = set()
    for each in json.loads(session_policy(partition))["Statement"]:
        allowed |= {each["Action"]} if isinstance(each["Action"], str) else set(each["Action"])
    reading = [each for each in PERMISSIONS if each.feature is not Feature.DOCTOR]
    held = {each.action for each in reading if each.held_by is Holder.REGISTRY}
    public = {each.action for each in PERMISSIONS if each.feature is Feature.PUBLIC}
    assert allowed == (held if partition == "aws" else held - public)
    assert not any(action.startswith(("organizations:", "iam:", "sts:Assume")) for action in allowed)


def test_the_doctors_own_session_may_ask_what_only_the_doctor_asks() -> None:
    statements = json.loads(session_policy("aws", (Feature.DOCTOR,)))["Statement"]
    allowed = {
        action
        for each in statements
        for action in ([each["Action"]] if isinstance(each["Action"], str) else each["Action"])
    }
    assert allowed == {each.action for each in PERMISSIONS if each.feature is Feature.DOCTOR}


def test_a_session_policy_covers_the_repositories_that_are_pulled_from() -> None:
    repository = "arn:aws:ecr:eu-west-1:123456789012:repository/team/shop"
    statements = json.loads(session_policy("aws"))["Statement"]
    matching = [each for each in statements if fnmatchcase(repository, each["Resource"]) and each["Resource"] != "*"]
    assert "ecr:BatchGetImage" in matching[0]["Action"]


def test_an_unknown_partition_has_no_session_policy() -> None:
    with pytest.raises(UsageError, match="aws-moon"):
        session_policy("aws-moon")


def test_a_statement_of_one_action_is_as_short_as_aws_writes_it() -> None:
    assert statement(["ecr:BatchGetImage"], ["*"]) == {
        "Effect": "Allow",
        "Action": "ecr:BatchGetImage",
        "Resource": "*",
    }
    assert statement(["a:B", "a:C"], ["x", "y"]) == {
        "Effect": "Allow",
        "Action": ["a:B", "a:C"],
        "Resource": ["x", "y"],
    }


def test_every_scope_is_a_pattern_of_resources() -> None:
    assert {scope: pattern(scope, "aws-cn") for scope in Scope} == {
        Scope.ANY: "*",
        Scope.ROLE: "arn:aws-cn:iam::*:role/*",
        Scope.POLICY: "arn:aws-cn:iam::*:policy/*",
        Scope.ALL_REPOSITORIES: "arn:aws-cn:ecr:*:*:repository/*",
        Scope.REPOSITORY: "arn:aws-cn:ecr:*:*:repository/*",
        Scope.ALL_PUBLIC_REPOSITORIES: "arn:aws-cn:ecr-public::*:repository/*",
        Scope.PUBLIC_REPOSITORY: "arn:aws-cn:ecr-public::*:repository/*",
    }

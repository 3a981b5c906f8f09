"""What the simulated IAM tells of roles that were made in the simulated cloud, as boto3 reads it."""

import pytest
from botocore.exceptions import ClientError

from aws_clients import client
from tidewaiter.simulator.aws import SimulatedAws
from tidewaiter.simulator.policies import allowing, trusting


def test_a_roles_trust_and_policies_are_told_as_they_were_given() -> None:
    with SimulatedAws() as aws:
        account = aws.account("home")
        trust, policy = trusting(account.id, external_id="agreed"), allowing("ecr:DescribeImages")
        account.role("reader", trust=trust, policy=[policy])
        iam = client(aws, account.user("admin", policy=allowing("iam:*")), "iam", "us-east-1")
        role = iam.get_role(RoleName="reader")["Role"]
        names = iam.list_role_policies(RoleName="reader")["PolicyNames"]
        told = [iam.get_role_policy(RoleName="reader", PolicyName=name)["PolicyDocument"] for name in names]
        assert role["Arn"] == account.arn("role/reader")
        assert role["AssumeRolePolicyDocument"] == trust
        assert told == [policy]
        assert iam.list_attached_role_policies(RoleName="reader")["AttachedPolicies"] == []


def test_it_takes_a_permission_on_that_role() -> None:
    with SimulatedAws() as aws:
        account = aws.account("home")
        account.role("reader", trust=trusting(account.id), policy=allowing("ecr:DescribeImages"))
        own = allowing("iam:GetRole", resource=account.arn("role/reader"))
        iam = client(aws, account.user("curious", policy=own), "iam", "us-east-1")
        assert iam.get_role(RoleName="reader")["Role"]["RoleName"] == "reader"
        with pytest.raises(ClientError, match="AccessDenied"):
            iam.list_role_policies(RoleName="reader")


def test_what_is_not_there_is_not_found() -> None:
    with SimulatedAws() as aws:
        account = aws.account("home")
        account.role("reader", trust=trusting(account.id), policy=allowing("ecr:DescribeImages"))
        iam = client(aws, account.user("admin", policy=allowing("iam:*")), "iam", "us-east-1")
        with pytest.raises(ClientError, match="NoSuchEntity"):
            iam.get_role_policy(RoleName="reader", PolicyName="another")
        with pytest.raises(ClientError, match="NoSuchEntity"):
            iam.get_role(RoleName="nobody")

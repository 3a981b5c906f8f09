"""The documents of two other systems mean what the published ones mean, and what is said of them holds."""

import json
from pathlib import Path

import pytest

from linters import parliament
from tidewaiter.aws.permissions import PERMISSIONS
from tidewaiter.errors import UsageError
from tidewaiter.iam.reference import REFERENCES, Reference, reference
from tidewaiter.iam.reference_files import render

READ_ONLY = {
    "ecr:GetAuthorizationToken",
    "ecr:BatchCheckLayerAvailability",
    "ecr:GetDownloadUrlForLayer",
    "ecr:GetRepositoryPolicy",
    "ecr:DescribeRepositories",
    "ecr:ListImages",
    "ecr:DescribeImages",
    "ecr:BatchGetImage",
    "ecr:GetLifecyclePolicy",
    "ecr:GetLifecyclePolicyPreview",
    "ecr:ListTagsForResource",
}
"""As both documentations list them; Sysdig's has ecr:DescribeImageScanFindings too."""


def document(found: Reference, name: str) -> dict[str, object]:
    (one,) = [cited.document.written() for cited in found.documents if cited.name == name]
    return one


def granted(found: Reference) -> set[str]:
    return {action for cited in found.documents for each in cited.document.statements for action in each.actions}


def test_snyk_reads_with_eleven_actions_on_everything() -> None:
    (statement,) = reference("snyk").documents[3].document.statements
    assert statement.sid == "SnykAllowPull"
    assert set(statement.actions) == READ_ONLY
    assert statement.resources == ("*",)


def test_snyks_agent_may_become_everybody_first_and_one_role_an_account_in_the_end() -> None:
    found = reference("snyk")
    assert document(found, "SnykCraAssumeRolePolicy")["Statement"] == [
        {"Sid": "SnykCraAssumeRolePolicy", "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
    ]
    assert document(found, "SnykCraAssumeRolePolicy, hardened")["Statement"] == [
        {
            "Sid": f"SnykCraAssumeRolePolicyAccount{letter}",
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Resource": f"arn:aws:iam::{account}:role/SnykEcrServiceRole",
        }
        for letter, account in (("A", "222233334444"), ("B", "333344445555"))
    ]


def test_snyks_service_role_trusts_the_agent_with_several_external_ids() -> None:
    assert document(reference("snyk"), "SnykEcrServiceRole") == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::111122223333:role/SnykCraEc2Role"},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": {
                        "sts:ExternalId": [
                            "11111111-1111-1111-1111-111111111111",
                            "22222222-2222-2222-2222-222222222222",
                        ]
                    }
                },
            }
        ],
    }


def test_snyks_hosted_integration_trusts_one_user_and_asks_for_no_external_id() -> None:
    assert document(reference("snyk"), "SnykECRRole")["Statement"] == [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::198361731867:user/ecr-integration-user"},
            "Action": "sts:AssumeRole",
        }
    ]


def test_sysdig_reads_a_single_account_with_twelve_actions() -> None:
    login, read = reference("sysdig").documents[0].document.statements
    assert {*login.actions, *read.actions} == {*READ_ONLY, "ecr:DescribeImageScanFindings"}
    assert login.resources == ("*",)
    assert read.resources == ("arn:aws:ecr:us-east-1:333344445555:repository/*",)


def test_sysdig_goes_by_the_management_role_to_the_member_roles() -> None:
    found = reference("sysdig")
    management = "arn:aws:iam::222233334444:role/registry-scanner-management"
    statements = {cited.name: cited.document.written()["Statement"] for cited in found.documents}
    assert statements["AllowAssumeManagementRole"] == [
        {"Sid": "AllowAssumeManagementRole", "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": management}
    ]
    assert statements["AllowManagementRoleToAssumeMember"] == [
        {
            "Sid": "AllowManagementRoleToAssumeMember",
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Resource": "arn:aws:iam::*:role/registry-scanner-member",
        }
    ]
    assert statements["member role"] == [
        {"Effect": "Allow", "Principal": {"AWS": management}, "Action": "sts:AssumeRole"}
    ]
    assert {managed.arn.rpartition("/")[2] for managed in found.managed} == {
        "AWSOrganizationsReadOnlyAccess",
        "AmazonEC2ContainerRegistryReadOnly",
        "AdministratorAccess",
    }


def test_sysdigs_service_account_is_trusted_by_subject_and_audience() -> None:
    (statement,) = [each for each in reference("sysdig").documents if each.name == "service account"]
    issuer = "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"
    assert statement.document.written()["Statement"] == [
        {
            "Effect": "Allow",
            "Principal": {"Federated": f"arn:aws:iam::222233334444:oidc-provider/{issuer}"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {
                    f"{issuer}:sub": "system:serviceaccount:registry-scanner:registry-scanner",
                    f"{issuer}:aud": "sts.amazonaws.com",
                }
            },
        }
    ]


def test_sysdigs_further_policies_find_regions_and_simulate() -> None:
    found = reference("sysdig")
    for name, action in (
        ("CustomPolicyAllowDescribeRegions", "ec2:DescribeRegions"),
        ("validation", "iam:SimulatePrincipalPolicy"),
    ):
        assert document(found, name)["Statement"] == [
            {"Sid": "CustomPolicyAllowDescribeRegions", "Effect": "Allow", "Action": action, "Resource": "*"}
        ]


@pytest.mark.parametrize("name", REFERENCES)
def test_every_action_is_asked_by_tidewaiter_or_called_needless(name: str) -> None:
    found = reference(name)
    asked = {permission.action for permission in PERMISSIONS if not permission.optional}
    regions = {"ec2:DescribeRegions", "sts:AssumeRoleWithWebIdentity"}
    needless = {about for remark in found.needless for about in remark.about}
    assert granted(found) - asked - regions == {about for about in needless if about.startswith(("ecr:", "iam:"))}


@pytest.mark.parametrize("name", REFERENCES)
def test_what_is_called_missing_is_granted_nowhere(name: str) -> None:
    found = reference(name)
    single = {"ec2:DescribeRegions"} if name == "sysdig" else set()  # it is missing for a single account only
    missing = {about for remark in found.missing for about in remark.about} - single
    assert not missing & granted(found)
    assert {"ecr:RegisterPullTimeUpdateExclusion", "sts:ExternalId"} <= missing


@pytest.mark.parametrize("name", REFERENCES)
def test_the_files_are_documents_and_notes(name: str, tmp_path: Path) -> None:
    found = reference(name)
    *files, notes = render(found)
    assert [json.loads(file.text) for file in files] == [cited.document.written() for cited in found.documents]
    assert len({file.name for file in files}) == len(files)
    assert all(file.name in notes.text for file in files)
    told = [*found.needless, *found.missing]
    assert [remark for remark in told if f"{', '.join(remark.about)}: {remark.why}" not in notes.text] == []
    assert [managed for managed in found.managed if managed.arn not in notes.text] == []


@pytest.mark.parametrize("name", REFERENCES)
def test_a_linter_finds_nothing_but_what_is_too_wide(name: str, tmp_path: Path) -> None:
    for file in render(reference(name))[:-1]:
        if file.name.endswith("-policy.json"):
            (tmp_path / file.name).write_text(file.text)
    assert {finding.kind for finding in parliament(tmp_path)} <= {"RESOURCE_STAR"}


def test_another_reference_is_refused() -> None:
    with pytest.raises(UsageError, match="there is no reference 'trivy'"):
        reference("trivy")

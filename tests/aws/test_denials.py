"""AWS' sentences on denied access, as its documentation gives them, and what the user is told to write."""

import json
from dataclasses import replace

import pytest

from tidewaiter.aws.calls import Asked
from tidewaiter.aws.denials import Denial, role_of

_SESSION = "arn:aws:sts::123456789012:assumed-role/reader/tidewaiter"
_ROLE = "arn:aws:iam::123456789012:role/reader"
_REPOSITORY = "arn:aws:ecr:eu-west-1:123456789012:repository/shop"
_PULL = Asked(action="ecr:BatchGetImage", region="eu-west-1", resource=_REPOSITORY, principal=_SESSION)
_STATEMENT = {"Effect": "Allow", "Action": "ecr:BatchGetImage", "Resource": _REPOSITORY}


def _sentence(cause: str) -> str:
    return f"User: {_SESSION} is not authorized to perform: ecr:BatchGetImage on resource: {_REPOSITORY} {cause}"


@pytest.mark.parametrize(
    ("kind", "owner"),
    [
        ("identity-based policy", f"Add to the identity policy of {_ROLE}: "),
        ("service control policy", "The service control policy (SCP) over the account has to allow "),
        ("resource control policy", "The resource control policy (RCP) over the account has to allow "),
        ("permissions boundary", "The permissions boundary of the identity has to allow "),
        ("session policy", "The session policy that the identity was given has to allow "),
        ("VPC endpoint policy", "The policy of the VPC endpoint on the way has to allow "),
        ("resource-based policy", "The resource's own policy has to allow "),
    ],
)
def test_the_policy_that_does_not_allow_is_named_with_the_statement(kind: str, owner: str) -> None:
    denial = Denial.read(_sentence(f"because no {kind} allows the ecr:BatchGetImage action"), _PULL)
    assert denial.reason == f"no {kind.replace('-based', '')} allows it"
    assert denial.advice.startswith(owner)
    assert json.loads(denial.advice.removeprefix(owner)) == _STATEMENT


@pytest.mark.parametrize(
    "kind",
    [
        "identity-based policy",
        "service control policy",
        "permissions boundary",
        "session policy",
        "VPC endpoint policy",
    ],
)
def test_an_explicit_deny_is_told_apart_for_no_allow_helps(kind: str) -> None:
    denial = Denial.read(_sentence(f"with an explicit deny in a {kind}"), _PULL)
    assert denial.explicit
    article = "an" if kind.startswith("identity") else "a"
    assert denial.reason == f"an explicit Deny in {article} {kind.replace('-based', '')}"
    assert f"has to except {_ROLE} from its Deny" in denial.advice


def test_an_organization_that_gives_no_reason_may_have_been_asked_from_another_account() -> None:
    asked = replace(_PULL, action="organizations:ListAccounts", resource="*")
    unsaid = Denial.read("You don't have permissions to access this resource.", asked)
    assert "--management-role-arn" in unsaid.advice
    assert f"Add to the identity policy of {_ROLE}: " in unsaid.advice
    said = f"User: {_SESSION} is not authorized to perform: organizations:ListAccounts on resource: * because no"
    assert "--management-role-arn" not in Denial.read(f"{said} identity-based policy allows it", asked).advice


def test_the_denying_policy_is_named_where_aws_names_it() -> None:
    policy = "arn:aws:organizations::111111111111:policy/o-abc/service_control_policy/p-def"
    denial = Denial.read(_sentence(f"with an explicit deny in a service control policy: {policy}."), _PULL)
    assert denial.policy == policy
    assert denial.advice.startswith(f"{policy} has to except {_ROLE}")


def test_what_is_missing_can_be_another_action_than_was_asked() -> None:
    asked = Asked(action="ecr-public:GetAuthorizationToken", region="us-east-1", principal=_SESSION)
    message = f"User: {_SESSION} is not authorized to perform: sts:GetServiceBearerToken on resource: *"
    assert '"Action": "sts:GetServiceBearerToken"' in Denial.read(message, asked).advice


def test_the_resource_that_aws_names_is_taken_where_none_was_known() -> None:
    asked = Asked(action="ecr:DescribeRepositories", region="eu-west-1", principal=_SESSION)
    message = f"User: x is not authorized to perform: ecr:DescribeRepositories on resource: {_REPOSITORY} because no"
    assert Denial.read(message, asked).resource == _REPOSITORY


def test_ec2_says_twice_what_is_not_authorized() -> None:
    asked = Asked(action="ec2:DescribeRegions", region="eu-west-1")
    message = (
        f"You are not authorized to perform this operation. User: {_SESSION} is not authorized to perform: "
        "ec2:DescribeRegions because no identity-based policy allows the ec2:DescribeRegions action"
    )
    denial = Denial.read(message, asked)
    assert denial.what == f"{_SESSION} may not do ec2:DescribeRegions on *"
    assert denial.reason == "no identity policy allows it"


def test_a_service_that_says_nothing_leaves_what_was_asked() -> None:
    denial = Denial.read("", _PULL)
    assert denial.what == f"{_SESSION} may not do ecr:BatchGetImage on {_REPOSITORY}"
    assert denial.reason == ""
    assert json.loads(denial.advice.partition(": ")[2]) == _STATEMENT


def _assuming(principal: str, *, external_id: bool = False) -> Asked:
    return Asked(
        action="sts:AssumeRole", region="eu-west-1", resource=_ROLE, principal=principal, external_id=external_id
    )


def _trust(denial: Denial) -> object:
    text = denial.advice.partition(f"the trust policy of {_ROLE}: ")[2].partition(" and to the identity policy")[0]
    return json.loads(text)


def test_a_role_that_does_not_let_in_needs_both_policies() -> None:
    asker = "arn:aws:sts::111111111111:assumed-role/base/i-0"
    message = f"User: {asker} is not authorized to perform: sts:AssumeRole on resource: {_ROLE}"
    denial = Denial.read(message, _assuming(asker))
    base = "arn:aws:iam::111111111111:role/base"
    assert _trust(denial) == {"Effect": "Allow", "Principal": {"AWS": base}, "Action": "sts:AssumeRole"}
    own = json.loads(denial.advice.partition(f"the identity policy of {base}: ")[2])
    assert own == {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": _ROLE}
    assert "ask for an external ID, and none was given" in denial.advice


def test_the_trust_policy_asks_for_an_external_id_where_one_is_given() -> None:
    denial = Denial.read("", _assuming("arn:aws:iam::111111111111:user/ann", external_id=True))
    assert _trust(denial) == {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111111111111:user/ann"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": "THE EXTERNAL ID"}},
    }
    assert "ask for another external ID than was given" in denial.advice


def test_a_role_of_the_identity_center_is_trusted_by_a_pattern_because_its_path_is_not_told() -> None:
    asker = "arn:aws:sts::111111111111:assumed-role/AWSReservedSSO_Admin_0123/ann@example.com"
    assert _trust(Denial.read("", _assuming(asker))) == {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "ArnLike": {
                "aws:PrincipalArn": "arn:aws:iam::111111111111:role/aws-reserved/sso.amazonaws.com/"
                "*AWSReservedSSO_Admin_0123"
            }
        },
    }


def test_where_aws_says_that_the_callers_policy_lacks_it_the_trust_policy_is_left_alone() -> None:
    message = "x is not authorized to perform: sts:AssumeRole on resource: y because no identity-based policy allows it"
    denial = Denial.read(message, _assuming("arn:aws:iam::111111111111:user/ann"))
    assert denial.advice.startswith("Add to the identity policy of arn:aws:iam::111111111111:user/ann: ")


def test_where_aws_says_that_the_role_does_not_trust_the_trust_policy_is_shown() -> None:
    message = "x is not authorized to perform: sts:AssumeRole on resource: y because no role trust policy allows it"
    assert "the trust policy of" in Denial.read(message, _assuming("arn:aws:iam::111111111111:user/ann")).advice


def test_an_scp_against_assuming_roles_is_not_blamed_on_the_role() -> None:
    message = "x is not authorized to perform: sts:AssumeRole because no service control policy allows it"
    denial = Denial.read(message, _assuming("arn:aws:iam::111111111111:user/ann"))
    assert denial.advice.startswith("The service control policy (SCP) over the account has to allow ")


@pytest.mark.parametrize(
    ("principal", "role"),
    [
        (_SESSION, _ROLE),
        ("arn:aws-cn:sts::111111111111:assumed-role/r/s", "arn:aws-cn:iam::111111111111:role/r"),
        ("arn:aws:iam::111111111111:user/ann", "arn:aws:iam::111111111111:user/ann"),
        ("arn:aws:iam::111111111111:root", "arn:aws:iam::111111111111:root"),
        ("this identity", "this identity"),
    ],
)
def test_a_policy_names_the_role_of_a_session(principal: str, role: str) -> None:
    assert role_of(principal) == role

"""What Sysdig's documentation of its registry scanner grants, for one account and for an organization.

As published on https://docs.sysdig.com/ under "AWS Elastic Container Registry Scanner".
"""

from typing import Final

from tidewaiter.iam.documents import Document, Principal, Statement
from tidewaiter.iam.reference import (
    ASKING,
    MISSED_BY_BOTH,
    NEEDLESS_TO_READ,
    OWNERS,
    Cited,
    Managed,
    Reference,
    Remark,
    allowing,
    equal,
    trusting,
)

_BOSS: Final = OWNERS[0]
_USER: Final = f"arn:aws:iam::{ASKING}:user/registry-scanner"
_SERVICE_ACCOUNT: Final = f"arn:aws:iam::{ASKING}:role/registry-scanner"
_MANAGEMENT: Final = f"arn:aws:iam::{_BOSS}:role/registry-scanner-management"
_MEMBER: Final = "registry-scanner-member"
_ISSUER: Final = "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"

_SCANNERS: Final = "the user, or the role of the service account, as which the scanner runs"
_MANAGERS: Final = "the role in the management account"
_MEMBERS: Final = "the role in each member account"

_SINGLE: Final = Document(
    statements=(
        Statement(sid="", actions=("ecr:GetAuthorizationToken",), resources=("*",)),
        Statement(
            sid="",
            actions=(
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
                "ecr:DescribeImageScanFindings",
            ),
            resources=(f"arn:aws:ecr:us-east-1:{OWNERS[1]}:repository/*",),
        ),
    )
)

REFERENCE: Final = Reference(
    name="sysdig",
    title="Sysdig: registry scanner for ECR, of a single account and of an organization",
    documents=(
        Cited(
            name="single account",
            identity="a user of the account with the registry",
            kind="identity policy",
            says="published as a list of permissions for the registry that is scanned; a login has no resource",
            document=_SINGLE,
        ),
        Cited(
            name="AllowAssumeManagementRole",
            identity=_SCANNERS,
            kind="identity policy",
            says="becomes the management role",
            document=allowing("AllowAssumeManagementRole", "sts:AssumeRole", resources=(_MANAGEMENT,)),
        ),
        Cited(
            name="service account",
            identity=_SCANNERS,
            kind="trust policy",
            says="with IAM roles for service accounts (IRSA); a user has none",
            document=trusting(
                Principal(kind="Federated", names=(f"arn:aws:iam::{_BOSS}:oidc-provider/{_ISSUER}",)),
                equal(f"{_ISSUER}:sub", "system:serviceaccount:registry-scanner:registry-scanner"),
                equal(f"{_ISSUER}:aud", "sts.amazonaws.com"),
                action="sts:AssumeRoleWithWebIdentity",
            ),
        ),
        Cited(
            name="AllowManagementRoleToAssumeMember",
            identity=_MANAGERS,
            kind="identity policy",
            says="becomes the member role in each account",
            document=allowing(
                "AllowManagementRoleToAssumeMember", "sts:AssumeRole", resources=(f"arn:aws:iam::*:role/{_MEMBER}",)
            ),
        ),
        Cited(
            name="management role, with an access key",
            identity=_MANAGERS,
            kind="trust policy",
            says="where the scanner has a user's key",
            document=trusting(Principal(kind="AWS", names=(_USER,))),
        ),
        Cited(
            name="management role, with a service account",
            identity=_MANAGERS,
            kind="trust policy",
            says="where the scanner has the role of a service account",
            document=trusting(Principal(kind="AWS", names=(_SERVICE_ACCOUNT,))),
        ),
        Cited(
            name="CustomPolicyAllowDescribeRegions",
            identity=_MEMBERS,
            kind="identity policy",
            says="finds the enabled regions",
            document=allowing("CustomPolicyAllowDescribeRegions", "ec2:DescribeRegions"),
        ),
        Cited(
            name="member role",
            identity=_MEMBERS,
            kind="trust policy",
            says="in place of OrganizationAccountAccessRole",
            document=trusting(Principal(kind="AWS", names=(_MANAGEMENT,))),
        ),
        Cited(
            name="validation",
            identity=_MEMBERS,
            kind="identity policy",
            says="optional, for the script that validates; published under the Sid of the regions",
            document=allowing("CustomPolicyAllowDescribeRegions", "iam:SimulatePrincipalPolicy"),
        ),
    ),
    managed=(
        Managed(
            arn="arn:aws:iam::aws:policy/AWSOrganizationsReadOnlyAccess",
            identity=_MANAGERS,
            says="lists the organization",
        ),
        Managed(
            arn="arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly",
            identity=_MEMBERS,
            says="reads the registries; the same permissions as for a single account, of all repositories",
        ),
        Managed(
            arn="arn:aws:iam::aws:policy/AdministratorAccess",
            identity="OrganizationAccountAccessRole, in each member account",
            says="the default, unless a member role of less privilege is made",
        ),
    ),
    needless=(
        *NEEDLESS_TO_READ,
        Remark(
            about=("ecr:DescribeImageScanFindings",),
            why="these are the findings of ECR's own scanner; tidewaiter makes its own",
        ),
        Remark(
            about=("AWSOrganizationsReadOnlyAccess",),
            why="it reads all of the organization, its policies too: organizations:ListAccounts finds the accounts, "
            "and three further actions those of a unit",
        ),
        Remark(
            about=("AdministratorAccess", "OrganizationAccountAccessRole"),
            why="a role that can do everything, for a scan that reads: whoever gets hold of it owns each account",
        ),
        Remark(
            about=("iam:SimulatePrincipalPolicy",),
            why="what is simulated can differ from what happens, and on `*` it tells what every principal of the "
            "account may do; `tidewaiter iam doctor` makes the real calls",
        ),
    ),
    missing=(
        Remark(
            about=("sts:ExternalId",),
            why="no trust policy asks for one, although accounts are crossed twice",
        ),
        Remark(
            about=("registries of the management account",),
            why="its role may not read them, and the scanner leaves them out; tidewaiter reads them with the same role",
        ),
        Remark(
            about=("AWSOrganizationsReadOnlyAccess", "AllowManagementRoleToAssumeMember"),
            why="it says to assign one of them: both are needed, one to list the accounts, one to enter them",
        ),
        Remark(
            about=("arn:aws:iam::MANAGEMENT_ACCOUNT:oidc-provider",),
            why="the provider has to be in the account of the role that trusts it, which need not be the management's",
        ),
        Remark(
            about=("ec2:DescribeRegions",),
            why="a single account's user does not get it: one installation looks at one region",
        ),
        *MISSED_BY_BOTH,
    ),
)

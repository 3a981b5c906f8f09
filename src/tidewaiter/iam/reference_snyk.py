"""What Snyk's documentation of its ECR integrations grants: the brokered one, with an agent, and the hosted one.

As published on https://docs.snyk.io/ under "Setting up the Container Registry Agent for a brokered ECR integration".
"""

from typing import Final

from tidewaiter.iam.documents import Document, Principal, Statement
from tidewaiter.iam.reference import (
    ASKING,
    MISSED_BY_BOTH,
    NEEDLESS_TO_READ,
    OWNERS,
    Cited,
    Reference,
    Remark,
    allowing,
    equal,
    trusting,
)

_AGENT: Final = f"arn:aws:iam::{ASKING}:role/SnykCraEc2Role"
_HOSTED: Final = "arn:aws:iam::198361731867:user/ecr-integration-user"
_EXTERNAL_IDS: Final = ("11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222")
_AGENTS: Final = "SnykCraEc2Role (or SnykCraUser), in the account of the agent"
_READERS: Final = "SnykEcrServiceRole, in each account with a registry"

_PULL: Final = allowing(
    "SnykAllowPull",
    "ecr:GetLifecyclePolicyPreview",
    "ecr:GetDownloadUrlForLayer",
    "ecr:BatchGetImage",
    "ecr:DescribeImages",
    "ecr:GetAuthorizationToken",
    "ecr:DescribeRepositories",
    "ecr:ListTagsForResource",
    "ecr:ListImages",
    "ecr:BatchCheckLayerAvailability",
    "ecr:GetRepositoryPolicy",
    "ecr:GetLifecyclePolicy",
)
_HARDENED: Final = Document(
    statements=tuple(
        Statement(
            sid=f"SnykCraAssumeRolePolicyAccount{letter}",
            actions=("sts:AssumeRole",),
            resources=(f"arn:aws:iam::{account}:role/SnykEcrServiceRole",),
        )
        for letter, account in zip("AB", OWNERS, strict=True)
    )
)

REFERENCE: Final = Reference(
    name="snyk",
    title="Snyk: brokered ECR integration with the Container Registry Agent, and the hosted ECR integration",
    documents=(
        Cited(
            name="SnykCraEc2Role",
            identity=_AGENTS,
            kind="trust policy",
            says="where the agent runs on EC2; a user has none",
            document=trusting(Principal(kind="Service", names=("ec2.amazonaws.com",))),
        ),
        Cited(
            name="SnykCraAssumeRolePolicy",
            identity=_AGENTS,
            kind="identity policy",
            says="at first, until the roles to be assumed are there",
            document=allowing("SnykCraAssumeRolePolicy", "sts:AssumeRole"),
        ),
        Cited(
            name="SnykCraAssumeRolePolicy, hardened",
            identity=_AGENTS,
            kind="identity policy",
            says="in the end, in place of the first one: a statement for each account",
            document=_HARDENED,
        ),
        Cited(
            name="AmazonEC2ContainerRegistryReadOnlyForSnyk",
            identity=_READERS,
            kind="identity policy",
            says="reads the registry; the hosted integration has the same one, called SnykECRPolicy",
            document=_PULL,
        ),
        Cited(
            name="SnykEcrServiceRole",
            identity=_READERS,
            kind="trust policy",
            says="brokered: in the agent, with one or several external IDs, which are optional",
            document=trusting(Principal(kind="AWS", names=(_AGENT,)), equal("sts:ExternalId", *_EXTERNAL_IDS)),
        ),
        Cited(
            name="SnykECRRole",
            identity="SnykECRRole (or AWSServiceRoleforECR), in each account with a registry",
            kind="trust policy",
            says="hosted: in a user of Snyk's own account",
            document=trusting(Principal(kind="AWS", names=(_HOSTED,))),
        ),
    ),
    needless=(
        *NEEDLESS_TO_READ,
        Remark(
            about=("Resource *",),
            why="all but the login can be narrowed to the repositories of the account, or to some of them",
        ),
        Remark(
            about=("sts:AssumeRole on *",),
            why="until it is hardened, the agent may become every role, anywhere, that trusts it or its account",
        ),
    ),
    missing=(
        Remark(
            about=("sts:ExternalId",),
            why="it is optional, and the hosted integration's trust has none: whoever learns the role's ARN can have "
            "the same user look into the account on his behalf",
        ),
        Remark(about=("ec2:DescribeRegions",), why="regions are not found out: each has to be known and named"),
        *MISSED_BY_BOTH,
    ),
)

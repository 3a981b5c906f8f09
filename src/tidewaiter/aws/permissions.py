"""The one table of what tidewaiter may ask of AWS: every call that it makes stands here, and nothing else.

Policies, session policies, the advice in refusals and the documentation are made from it; `Chain.call` refuses to make
a call that is not in it.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tidewaiter.aws import hosts

LONGEST_SESSION_POLICY: Final = 2048
"""In characters: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html"""


class Feature(StrEnum):
    """What the user wants done; each needs its own permissions."""

    IDENTITY = "identity"
    ORGANIZATION = "organization"
    UNITS = "units"
    REGIONS = "regions"
    LISTING = "listing"
    PULLING = "pulling"
    DOCKER_PULLING = "docker-pulling"
    PUBLIC = "public"
    DOCTOR = "doctor"


class Scope(StrEnum):
    """Which things an action is asked of. A listing is asked of all repositories: whoever may see some gets none."""

    ANY = "any"
    ROLE = "role"
    POLICY = "policy"
    ALL_REPOSITORIES = "all-repositories"
    REPOSITORY = "repository"
    ALL_PUBLIC_REPOSITORIES = "all-public-repositories"
    PUBLIC_REPOSITORY = "public-repository"


class Holder(StrEnum):
    """Whose identity makes the call.

    BASE is the one that tidewaiter finds where it runs, MANAGEMENT the role in the organization's management account,
    MEMBER the role in each account of the organization, REGISTRY whoever reads a registry: any of these, or a role
    given for that account.
    """

    BASE = "base"
    MANAGEMENT = "management"
    MEMBER = "member"
    REGISTRY = "registry role"


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """One action that an identity asks for one feature, and why.

    Without an `optional` one the feature works in a poorer way, which `why` tells. An `implied` one is no call of its
    own: AWS asks for it when another call is made. A `free` one AWS allows to everybody, so that nobody grants it.
    """

    feature: Feature
    action: str
    resource: Scope
    held_by: Holder
    why: str
    optional: bool = False
    implied: bool = False
    free: bool = False


def _organization(action: str, why: str, *, feature: Feature = Feature.ORGANIZATION) -> Permission:
    return Permission(
        feature=feature,
        action=f"organizations:{action}",
        resource=Scope.ANY,
        held_by=Holder.MANAGEMENT,
        why=why,
    )


def _ecr(
    feature: Feature, action: str, why: str, *, resource: Scope = Scope.REPOSITORY, optional: bool = False
) -> Permission:
    return Permission(
        feature=feature, action=f"ecr:{action}", resource=resource, held_by=Holder.REGISTRY, why=why, optional=optional
    )


def _public(action: str, why: str, *, resource: Scope = Scope.PUBLIC_REPOSITORY, implied: bool = False) -> Permission:
    return Permission(
        feature=Feature.PUBLIC, action=action, resource=resource, held_by=Holder.REGISTRY, why=why, implied=implied
    )


def _doctor(action: str, why: str, *, resource: Scope = Scope.ROLE) -> Permission:
    return Permission(
        feature=Feature.DOCTOR,
        action=action,
        resource=resource,
        held_by=Holder.REGISTRY,
        why=f"to tell, by `iam doctor`, {why}; without it that is not told",
        optional=True,
    )


PERMISSIONS: Final[tuple[Permission, ...]] = (
    Permission(
        feature=Feature.IDENTITY,
        action="sts:GetCallerIdentity",
        resource=Scope.ANY,
        held_by=Holder.BASE,
        why="to say who asks; AWS allows it to everybody",
        free=True,
    ),
    Permission(
        feature=Feature.IDENTITY,
        action="sts:AssumeRole",
        resource=Scope.ROLE,
        held_by=Holder.BASE,
        why="to become the management role, or the role given for an account",
    ),
    Permission(
        feature=Feature.ORGANIZATION,
        action="sts:AssumeRole",
        resource=Scope.ROLE,
        held_by=Holder.MANAGEMENT,
        why="to become the member role in each account",
    ),
    _organization("ListAccounts", "to find all accounts"),
    _organization("ListRoots", "to filter by organizational unit", feature=Feature.UNITS),
    _organization("ListOrganizationalUnitsForParent", "to filter by organizational unit", feature=Feature.UNITS),
    _organization("ListAccountsForParent", "to filter by organizational unit", feature=Feature.UNITS),
    Permission(
        feature=Feature.REGIONS,
        action="ec2:DescribeRegions",
        resource=Scope.ANY,
        held_by=Holder.REGISTRY,
        why="to know the enabled regions; without it all regions that are known of are tried",
        optional=True,
    ),
    _ecr(Feature.LISTING, "DescribeRepositories", "to find all repositories", resource=Scope.ALL_REPOSITORIES),
    _ecr(Feature.LISTING, "DescribeImages", "to find all images of a repository, and what their tags name"),
    _ecr(Feature.PULLING, "BatchGetImage", "to read manifests"),
    _ecr(Feature.PULLING, "GetDownloadUrlForLayer", "to read layers and configurations"),
    _ecr(
        Feature.DOCKER_PULLING,
        "GetAuthorizationToken",
        "to pull through the registry's Docker API what the API of ECR does not give; without it that is not looked at",
        resource=Scope.ANY,
        optional=True,
    ),
    _public("ecr-public:DescribeRegistries", "to know the registry's alias", resource=Scope.ANY),
    _public(
        "ecr-public:DescribeRepositories", "to find all public repositories", resource=Scope.ALL_PUBLIC_REPOSITORIES
    ),
    _public("ecr-public:DescribeImages", "to find all images of a public repository"),
    _public("ecr-public:GetAuthorizationToken", "to pull without the limits for strangers", resource=Scope.ANY),
    _public(
        "sts:GetServiceBearerToken",
        "AWS asks for it when a token of ECR Public is made",
        resource=Scope.ANY,
        implied=True,
    ),
    _doctor(
        "ecr:ListPullTimeUpdateExclusions",
        "whether its pulls move the time of the last pull",
        resource=Scope.ANY,
    ),
    _doctor("iam:GetRole", "whom its own role trusts"),
    _doctor("iam:ListRolePolicies", "what its own role may do beyond need"),
    _doctor("iam:GetRolePolicy", "what its own role may do beyond need"),
    _doctor("iam:ListAttachedRolePolicies", "what its own role may do beyond need"),
    _doctor("iam:GetPolicy", "what its own role may do beyond need", resource=Scope.POLICY),
    _doctor("iam:GetPolicyVersion", "what its own role may do beyond need", resource=Scope.POLICY),
    _doctor("iam:SimulatePrincipalPolicy", "which kind of policy is to blame for a refusal"),
)

_CALLS: Final = frozenset(permission.action for permission in PERMISSIONS if not permission.implied)

READERS: Final = (Feature.REGIONS, Feature.LISTING, Feature.PULLING, Feature.DOCKER_PULLING, Feature.PUBLIC)
"""What sessions that read registries are for."""


def is_listed(action: str) -> bool:
    """True for a call that stands in the table."""
    return action in _CALLS


def statement(actions: Iterable[str], resources: Iterable[str]) -> Mapping[str, object]:
    """An IAM statement that allows these actions."""
    return {"Effect": "Allow", "Action": _one_or_list(actions), "Resource": _one_or_list(resources)}


def session_policy(partition: str, features: Iterable[Feature] = READERS) -> str:
    """The policy of a session that reads registries: whoever got hold of it could do nothing else.

    At most LONGEST_SESSION_POLICY characters of JSON. Raises UsageError for a partition that is not known.
    """
    known = hosts.partition(partition)
    features = [feature for feature in features if feature is not Feature.PUBLIC or known.id == hosts.DEFAULT_PARTITION]
    by_pattern: dict[str, list[str]] = {}
    for permission in PERMISSIONS:
        if permission.feature in features:
            by_pattern.setdefault(pattern(permission.resource, known.id), []).append(permission.action)
    statements = [statement(actions, [resources]) for resources, actions in by_pattern.items()]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))


def pattern(scope: Scope, partition: str) -> str:
    """The resources of a scope, in all accounts and regions, as a policy names them."""
    match scope:
        case Scope.ANY:
            return "*"
        case Scope.ROLE:
            return f"arn:{partition}:iam::*:role/*"
        case Scope.POLICY:
            return f"arn:{partition}:iam::*:policy/*"
        case Scope.ALL_REPOSITORIES | Scope.REPOSITORY:
            return f"arn:{partition}:ecr:*:*:repository/*"
        case Scope.ALL_PUBLIC_REPOSITORIES | Scope.PUBLIC_REPOSITORY:
            return f"arn:{partition}:ecr-public::*:repository/*"


def _one_or_list(items: Iterable[str]) -> str | list[str]:
    listed = list(items)
    return listed[0] if len(listed) == 1 else listed

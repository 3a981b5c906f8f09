"""What each identity is allowed, as documents: made from the one table of calls, narrowed to where it is needed."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tidewaiter.aws.permissions import PERMISSIONS, Feature, Permission, Scope
from tidewaiter.iam.blueprint import Policy
from tidewaiter.iam.documents import Document, Statement
from tidewaiter.iam.wishes import Grants, Target, Wishes

ASSUME: Final = "sts:AssumeRole"

_SIDS: Final[Mapping[tuple[Feature, Scope], str]] = {
    (Feature.ORGANIZATION, Scope.ANY): "ListAccounts",
    (Feature.UNITS, Scope.ANY): "ListUnits",
    (Feature.REGIONS, Scope.ANY): "FindRegions",
    (Feature.LISTING, Scope.ALL_REPOSITORIES): "ListRepositories",
    (Feature.LISTING, Scope.REPOSITORY): "ListImages",
    (Feature.PULLING, Scope.REPOSITORY): "PullImages",
    (Feature.DOCKER_PULLING, Scope.ANY): "LogIntoRegistry",
    (Feature.PUBLIC, Scope.ANY): "LogIntoPublicRegistry",
    (Feature.PUBLIC, Scope.ALL_PUBLIC_REPOSITORIES): "ListPublicRepositories",
    (Feature.PUBLIC, Scope.PUBLIC_REPOSITORY): "ListPublicImages",
    (Feature.DOCTOR, Scope.ANY): "ReadPullTimeExclusions",
    (Feature.DOCTOR, Scope.ROLE): "ReadOwnRole",
    (Feature.DOCTOR, Scope.POLICY): "ReadPolicies",
}
_OF_USERS: Final = frozenset({"ecr:ListPullTimeUpdateExclusions", "iam:SimulatePrincipalPolicy"})
"""What the doctor can ask about a user; all else is about roles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who reads the registries of an account, which is ANY_PLACE where there are many alike."""

    arn: str
    account: str

    def may(self, permission: Permission) -> bool:
        """Whether the permission means something for it."""
        of_role = ":role/" in self.arn
        return of_role or permission.feature is not Feature.DOCTOR or permission.action in _OF_USERS


def reading(wishes: Wishes, reader: Reader) -> tuple[Policy, ...]:
    """The policies of a reader: to read registries, and for the doctor where that is wished."""
    policies = [_policy(wishes, "read-registries", _read(wishes.grants), reader)]
    if wishes.grants.doctor:
        policies.append(_policy(wishes, "doctor", {Feature.DOCTOR}, reader))
    return tuple(policies)


def listing(wishes: Wishes) -> Policy:
    """The policy of who lists the organization, and becomes the member role in each of its accounts."""
    features = {Feature.ORGANIZATION, Feature.UNITS} if wishes.grants.ou_filters else {Feature.ORGANIZATION}
    grouped = _grouped(each for each in PERMISSIONS if each.feature in features and each.action != ASSUME)
    statements = [_statement(key, permissions, ("*",)) for key, permissions in grouped.items()]
    member = f"arn:{wishes.partition}:iam::*:role/{wishes.member_role}"
    why = "to become the member role in each account, also in those that the organization gets later"
    return _named(wishes, "list-organization", *statements, _assuming("AssumeMemberRoles", member, why))


def managing(wishes: Wishes, management_arn: str) -> Policy:
    """The policy of who becomes the management role."""
    why = "to become the management role"
    return _named(wishes, "assume-management", _assuming("AssumeManagementRole", management_arn, why))


def entering(wishes: Wishes, targets: Iterable[Target]) -> Policy:
    """The policy of who becomes the reader role in each of these accounts: a statement for each."""
    return _named(wishes, "assume-readers", *(_entering(wishes, target.account) for target in targets))


def _entering(wishes: Wishes, account: str) -> Statement:
    arn = f"arn:{wishes.partition}:iam::{account}:role/{wishes.target_role}"
    return _assuming(f"AssumeReaderIn{account}", arn, f"to become the reader role in account {account}")


def _assuming(sid: str, role_arn: str, why: str) -> Statement:
    return Statement(sid=sid, actions=(ASSUME,), resources=(role_arn,), why=why)


def _read(grants: Grants) -> Collection[Feature]:
    wished = {
        Feature.DOCKER_PULLING: grants.docker,
        Feature.PUBLIC: grants.public,
        Feature.REGIONS: grants.regions,
    }
    return {Feature.LISTING, Feature.PULLING, *(feature for feature, is_wished in wished.items() if is_wished)}


def _policy(wishes: Wishes, name: str, features: Collection[Feature], reader: Reader) -> Policy:
    grouped = _grouped(each for each in PERMISSIONS if each.feature in features and reader.may(each))
    statements = (
        _statement(key, permissions, _resources(wishes, key[1], reader)) for key, permissions in grouped.items()
    )
    return _named(wishes, name, *statements)


def _grouped(permissions: Iterable[Permission]) -> Mapping[tuple[Feature, Scope], list[Permission]]:
    found: dict[tuple[Feature, Scope], list[Permission]] = {}
    for permission in permissions:
        found.setdefault((permission.feature, permission.resource), []).append(permission)
    return found


def _statement(key: tuple[Feature, Scope], permissions: Iterable[Permission], resources: tuple[str, ...]) -> Statement:
    actions = tuple(permission.action for permission in permissions)
    why = "; ".join(dict.fromkeys(permission.why for permission in permissions))
    return Statement(sid=_SIDS[key], actions=actions, resources=resources, why=why)


def _resources(wishes: Wishes, scope: Scope, reader: Reader) -> tuple[str, ...]:
    """The things of a scope that a reader needs: none of another account, and of repositories those that are wished."""
    account, names = reader.account, wishes.repositories or ("*",)
    match scope:
        case Scope.ANY:
            return ("*",)
        case Scope.ROLE:
            return (reader.arn,)
        case Scope.POLICY:
            return tuple(f"arn:{wishes.partition}:iam::{owner}:policy/*" for owner in (account, "aws"))
        case Scope.ALL_REPOSITORIES | Scope.ALL_PUBLIC_REPOSITORIES:
            return (_repository(wishes, scope, account, "*"),)
        case Scope.REPOSITORY | Scope.PUBLIC_REPOSITORY:
            return tuple(_repository(wishes, scope, account, name) for name in names)


def _repository(wishes: Wishes, scope: Scope, account: str, name: str) -> str:
    public = scope in (Scope.PUBLIC_REPOSITORY, Scope.ALL_PUBLIC_REPOSITORIES)
    service = "ecr-public:" if public else "ecr:*"
    return f"arn:{wishes.partition}:{service}:{account}:repository/{name}"


def _named(wishes: Wishes, name: str, *statements: Statement) -> Policy:
    return Policy(name=f"{wishes.name}-{name}", document=Document(statements=statements))

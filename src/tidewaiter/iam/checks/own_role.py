"""A role as it can read itself: whom it trusts, and what it may do.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_Operations.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from tidewaiter.aws import hosts
from tidewaiter.aws.answers import typed
from tidewaiter.aws.principal import Principal
from tidewaiter.iam.checks.documents import Statement, statements

READING_TRUST = ("iam:GetRole",)
READING_RIGHTS = (
    "iam:ListRolePolicies",
    "iam:GetRolePolicy",
    "iam:ListAttachedRolePolicies",
    "iam:GetPolicy",
    "iam:GetPolicyVersion",
)


class _Role(msgspec.Struct, frozen=True, rename="pascal"):
    assume_role_policy_document: Any
    max_session_duration: int = 3600


class _GetRole(msgspec.Struct, frozen=True, rename="pascal"):
    role: _Role


class _Names(msgspec.Struct, frozen=True, rename="pascal"):
    policy_names: tuple[str, ...] = ()


class _Inline(msgspec.Struct, frozen=True, rename="pascal"):
    policy_document: Any


class _Attached(msgspec.Struct, frozen=True, rename="pascal"):
    policy_arn: str


class _AllAttached(msgspec.Struct, frozen=True, rename="pascal"):
    attached_policies: tuple[_Attached, ...] = ()


class _Managed(msgspec.Struct, frozen=True, rename="pascal"):
    default_version_id: str


class _GetPolicy(msgspec.Struct, frozen=True, rename="pascal"):
    policy: _Managed


class _Version(msgspec.Struct, frozen=True, rename="pascal"):
    document: Any


class _GetVersion(msgspec.Struct, frozen=True, rename="pascal"):
    policy_version: _Version


@dataclass(frozen=True, slots=True)
class OwnRole:
    """A role, read as `chain`, which is in its account. All methods raise CloudError."""

    chain: Principal
    arn: str

    def trust(self) -> tuple[Statement, ...]:
        """Its trust policy."""
        action = "iam:GetRole"
        role = typed(self._ask(action, self._named), _GetRole, action=action).role
        return statements(role.assume_role_policy_document, action=action)

    def policies(self) -> Iterator[tuple[str, tuple[Statement, ...]]]:
        """Its identity policies, inline and attached, by name or ARN."""
        for name in self._inline():
            yield name, self._inline_document(name)
        for arn in self._attached():
            yield arn, self._managed(arn)

    @property
    def _named(self) -> Mapping[str, object]:
        return {"RoleName": self.arn.rpartition("/")[2]}

    def _inline(self) -> Iterator[str]:
        action = "iam:ListRolePolicies"
        for page in self._pages(action):
            yield from typed(page, _Names, action=action).policy_names

    def _inline_document(self, name: str) -> tuple[Statement, ...]:
        action = "iam:GetRolePolicy"
        answer = self._ask(action, {**self._named, "PolicyName": name})
        return statements(typed(answer, _Inline, action=action).policy_document, action=action)

    def _attached(self) -> Iterator[str]:
        action = "iam:ListAttachedRolePolicies"
        for page in self._pages(action):
            for each in typed(page, _AllAttached, action=action).attached_policies:
                yield each.policy_arn

    def _managed(self, arn: str) -> tuple[Statement, ...]:
        named = {"PolicyArn": arn}
        answer = self._ask("iam:GetPolicy", named, resource=arn)
        version = typed(answer, _GetPolicy, action="iam:GetPolicy").policy.default_version_id
        action = "iam:GetPolicyVersion"
        answer = self._ask(action, {**named, "VersionId": version}, resource=arn)
        return statements(typed(answer, _GetVersion, action=action).policy_version.document, action=action)

    def _ask(self, action: str, arguments: Mapping[str, object], *, resource: str = "") -> Mapping[str, Any]:
        return self.chain.call("iam", home(self.arn), action, arguments, resource=resource or self.arn)

    def _pages(self, action: str) -> Iterator[Mapping[str, Any]]:
        return self.chain.pages("iam", home(self.arn), action, self._named, resource=self.arn)


def home(arn: str) -> str:
    """The region whose IAM answers for a principal."""
    return hosts.partition(hosts.parse_arn(arn).partition).home


def is_role(arn: str) -> bool:
    """Whether an ARN is that of a role."""
    return hosts.parse_arn(arn).resource.startswith("role/")

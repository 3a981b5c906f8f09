"""IAM's policy documents: read, checked, and asked whether they allow or deny a request.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import msgspec

from tidewaiter.simulator.conditions import Context, filled, glob, holds, is_operator

Document = Mapping[str, Any]
"""A policy as it is written in JSON."""

VERSION = "2012-10-17"
ANYBODY = "*"


class PolicyError(ValueError):
    """A document that breaks the grammar of policies. The message says where."""


class Trust(Enum):
    """How a trust policy names a principal: it itself, only the account it is of, or not at all."""

    NOBODY = 0
    ACCOUNT = 1
    PRINCIPAL = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked of policies: an action on a resource, and the context that conditions look at."""

    action: str
    resource: str
    context: Context = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks, as trust policies name it: its ARNs and account, or the kind `Federated` or `Service` with its name."""

    arns: tuple[str, ...]
    account: str = ""
    kind: str = "AWS"


class _Statement(msgspec.Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    effect: str
    sid: str = ""
    action: str | list[str] | None = None
    not_action: str | list[str] | None = None
    resource: str | list[str] | None = None
    not_resource: str | list[str] | None = None
    principal: str | dict[str, str | list[str]] | None = None
    condition: dict[str, dict[str, str | bool | int | list[str]]] = {}

    def matches(self, asked: Asked) -> bool:
        """Whether it speaks of the request, whoever makes it."""
        return (
            _named(asked.action.lower(), self.action, self.not_action, asked.context, lower=True)
            and _named(asked.resource, self.resource, self.not_resource, asked.context)
            and all(
                holds(operator, key, _texts(wanted), asked.context)
                for operator, lines in self.condition.items()
                for key, wanted in lines.items()
            )
        )

    def trusts(self, asker: Asker) -> Trust:
        """How it names who asks."""
        if self.principal == ANYBODY:
            return Trust.PRINCIPAL
        named = _texts(self.principal.get(asker.kind, [])) if isinstance(self.principal, dict) else []
        if ANYBODY in named or not set(named).isdisjoint(asker.arns):
            return Trust.PRINCIPAL
        return Trust.ACCOUNT if any(_is_account(name, asker.account) for name in named) else Trust.NOBODY


class _Document(msgspec.Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    statement: _Statement | list[_Statement]
    version: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy document that was read and is well-formed. `text` is how it was spelled."""

    statements: tuple[_Statement, ...]
    text: str = ""

    @classmethod
    def parse(cls, document: Document | str, *, trust: bool = False) -> "Policy":
        """Reads a document, of a role's trust or of an identity. Raises PolicyError."""
        try:
            text = document if isinstance(document, str) else json.dumps(document)
            read = msgspec.json.decode(text, type=_Document)
        except msgspec.DecodeError as error:
            raise PolicyError(str(error)) from None
        statements = read.statement if isinstance(read.statement, list) else [read.statement]
        for place, statement in enumerate(statements):
            _check(statement, f"Statement[{place}]", trust=trust)
        return cls(tuple(statements), text)

    def allows(self, asked: Asked) -> bool:
        """Whether a statement allows it. One that denies counts more: ask for both."""
        return any(each.effect == "Allow" and each.matches(asked) for each in self.statements)

    def denies(self, asked: Asked) -> bool:
        """Whether a statement denies it."""
        return any(each.effect == "Deny" and each.matches(asked) for each in self.statements)

    def trusts(self, asker: Asker, asked: Asked) -> Trust:
        """How far it, as the trust policy of the role that is asked for, trusts the asker: not where it denies it."""
        about = [(each.effect, each.trusts(asker)) for each in self.statements if each.matches(asked)]
        if any(effect == "Deny" and trust is not Trust.NOBODY for effect, trust in about):
            return Trust.NOBODY
        granted = [trust for effect, trust in about if effect == "Allow"]
        return max(granted, key=lambda trust: trust.value, default=Trust.NOBODY)


def allowing(*actions: str, resource: str | Sequence[str] = "*", condition: Document | None = None) -> Document:
    """A policy that allows these actions."""
    return _one("Allow", {"Action": list(actions), "Resource": resource}, condition)


def denying(*actions: str, resource: str | Sequence[str] = "*", condition: Document | None = None) -> Document:
    """A policy that denies these actions."""
    return _one("Deny", {"Action": list(actions), "Resource": resource}, condition)


def trusting(*principals: str, external_id: str = "", condition: Document | None = None) -> Document:
    """A trust policy for these accounts or ARNs, or services (`ec2.amazonaws.com`), if they say the external ID."""
    services = [name for name in principals if name.endswith((".amazonaws.com", ".amazonaws.com.cn"))]
    named = {"Service": services, "AWS": [name for name in principals if name not in services]}
    secret = {"StringEquals": {"sts:ExternalId": external_id}} if external_id else {}
    principal = {kind: names for kind, names in named.items() if names}
    actions = ["sts:AssumeRole", "sts:TagSession"]
    return _one("Allow", {"Principal": principal, "Action": actions}, {**secret, **(condition or {})})


def trusting_web_identity(provider_arn: str, *, subject: str, audience: str = "sts.amazonaws.com") -> Document:
    """A trust policy for tokens of an OIDC provider, as IRSA has it: for a subject and an audience.

    https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html
    """
    issuer = provider_arn.partition("oidc-provider/")[2]
    lines = {f"{issuer}:sub": subject, f"{issuer}:aud": audience}
    fields = {"Principal": {"Federated": provider_arn}, "Action": "sts:AssumeRoleWithWebIdentity"}
    return _one("Allow", fields, {"StringLike": lines})


def _one(effect: str, fields: Document, condition: Document | None) -> Document:
    lines = {"Condition": condition} if condition else {}
    return {"Version": VERSION, "Statement": [{"Effect": effect, **fields, **lines}]}


def _check(statement: _Statement, place: str, *, trust: bool) -> None:
    rules = {
        "Effect is Allow or Deny": statement.effect in {"Allow", "Deny"},
        "there is one of Action and NotAction": (statement.action is None) != (statement.not_action is None),
        "a trust policy has a Principal, and no other has one": (statement.principal is not None) == trust,
        "an identity policy has one of Resource and NotResource, a trust policy none": [
            statement.resource is not None,
            statement.not_resource is not None,
        ].count(True)
        == (not trust),
        "condition operators are known": all(is_operator(name) for name in statement.condition),
        "actions are `service:Action` or *": all(
            name == ANYBODY or ":" in name for name in _texts(statement.action or statement.not_action or [])
        ),
    }
    if broken := [rule for rule, kept in rules.items() if not kept]:
        raise PolicyError(f"{place}: {broken[0]}")


def _named(
    value: str,
    wanted: str | list[str] | None,
    unwanted: str | list[str] | None,
    context: Context,
    *,
    lower: bool = False,
) -> bool:
    """Whether the wanted patterns match, or the unwanted ones do not; true where there are neither."""
    patterns = [filled(pattern, context) for pattern in _texts(wanted if wanted is not None else unwanted or [])]
    matches = any(glob(pattern.lower() if lower else pattern, value) for pattern in patterns)
    return matches if wanted is not None else not matches


def _texts(value: str | int | list[str]) -> list[str]:
    """A string or a list of them, as a list; numbers and booleans in JSON's words."""
    if isinstance(value, list):
        return value
    return [value if isinstance(value, str) else json.dumps(value)]


def _is_account(name: str, account: str) -> bool:
    """Whether the name of a principal is that of the whole account: its digits, or the ARN of its root."""
    return bool(account) and (name == account or (name.startswith("arn:") and name.endswith(f":iam::{account}:root")))

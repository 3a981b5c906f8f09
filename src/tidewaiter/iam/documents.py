"""Policy documents of IAM, as values: who may do what to what, and under which conditions.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
from dataclasses import dataclass, field
from typing import Literal

PrincipalKind = Literal["AWS", "Service", "Federated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who is meant in a trust or resource policy: ARNs, account ids or `*` (AWS), services, or a provider's ARN."""

    kind: PrincipalKind
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One test of a statement: `StringEquals` on `sts:ExternalId` with some values, which may be secret."""

    operator: str
    key: str
    values: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement that allows something. `sid` has letters and digits only; "" for none.

    An identity policy has resources, a trust policy a principal and no resources, the policy of a queue both. `why` is
    for people; it stands in no document.
    """

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ()
    principal: Principal | None = None
    conditions: tuple[Condition, ...] = ()
    why: str = ""

    def written(self) -> dict[str, object]:
        """The statement as IAM reads it, its keys in the order that people expect; one value stands without a list."""
        found: dict[str, object] = {"Sid": self.sid, "Effect": "Allow"} if self.sid else {"Effect": "Allow"}
        if self.principal:
            found["Principal"] = {self.principal.kind: _one_or_list(self.principal.names)}
        found["Action"] = _one_or_list(self.actions)
        if self.resources:
            found["Resource"] = _one_or_list(self.resources)
        if self.conditions:
            found["Condition"] = _tests(self.conditions)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A policy document."""

    statements: tuple[Statement, ...]

    def written(self) -> dict[str, object]:
        """The document as IAM reads it."""
        return {"Version": "2012-10-17", "Statement": [statement.written() for statement in self.statements]}

    def text(self) -> str:
        """The document as JSON, indented by two."""
        return json.dumps(self.written(), indent=2)


def _tests(conditions: tuple[Condition, ...]) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    for condition in conditions:
        found.setdefault(condition.operator, {})[condition.key] = _one_or_list(condition.values)
    return found


def _one_or_list(values: tuple[str, ...]) -> str | list[str]:
    return values[0] if len(values) == 1 else list(values)

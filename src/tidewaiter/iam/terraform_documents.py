"""Policy documents within a module: names, ARNs and external IDs are its variables, the rest stands as it is."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tidewaiter.iam.blueprint import ANY_PLACE, Part, PushEvents, Role, User
from tidewaiter.iam.documents import Condition, Document, Principal, Statement
from tidewaiter.iam.terraform_text import Call, Expression, Noted, Value, joined
from tidewaiter.iam.terraform_variables import Kinds, Variables

CALLER: Final = Expression("data.aws_caller_identity.current.account_id")
"""The account that the module is used in."""

EACH: Final = Expression("each.value")
"""The region, within a resource that is there in several."""

_SUBJECT: Final = re.compile(r"(system:serviceaccount:)([^:*?]+)(:)([^:*?]+)")
_NAMED: Final = re.compile(r"arn:[^:]+:iam::[0-9]{12}:(role|user)/")
_BY_KEY: Final = {
    "aws:requesttag/kubernetes-namespace": Kinds.NAMESPACE,
    "aws:requesttag/kubernetes-service-account": Kinds.SERVICE_ACCOUNT,
    "aws:requesttag/eks-cluster-name": Kinds.CLUSTER,
}
_FIELDS: Final = 6
"""Of an ARN: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"""


class Documents:
    """Writes the policy documents of one module.

    `addresses` are the roles and users that it makes itself, by ARN; `issuers` are the OIDC issuers it speaks of.
    """

    def __init__(
        self, part: Part, partition: str, variables: Variables, addresses: Mapping[str, str], issuers: Sequence[str]
    ) -> None:
        self._part = part
        self._partition = partition
        self._variables = variables
        self._account = variables.of(Kinds.ACCOUNT, part.account) if part.account else CALLER
        self._addresses = addresses
        self._issuers = issuers
        self._kinds = {
            f"{type(each).__name__.lower()}/{each.name}": Kinds.ROLE_NAME if isinstance(each, Role) else Kinds.USER_NAME
            for each in part.resources
            if isinstance(each, Role | User)
        }

        self._events = dict(self._names_of_events())

    def written(self, document: Document) -> Value:
        """The document as a value that becomes JSON, with what is said of each statement above it."""
        statements = [self._statement(statement) for statement in document.statements]
        return Call("jsonencode", {"Version": "2012-10-17", "Statement": statements})

    def arn(self, arn: str) -> str | Expression:
        """An ARN with the partition and the module's own account as variables; anything else as it is.

        Within a module for many accounts "any account" becomes that account, within one for several regions "any
        region" that region.
        """
        if address := self._addresses.get(arn):
            return Expression(f"{address}.arn")
        fields = arn.split(":", _FIELDS - 1)
        if len(fields) < _FIELDS or fields[:2] != ["arn", self._partition]:
            return arn
        _, _, service, region, account, named = fields
        own = account == (self._part.account or ANY_PLACE)
        name = self._named(named, own=own) if service == "iam" else self._events.get(named, [named])
        place = self._account if own else account
        there = EACH if self._part.regions and region == ANY_PLACE else region
        partition = self._variables.of(Kinds.PARTITION, self._partition)
        return joined("arn:", partition, f":{service}:", there, ":", place, ":", *name)

    def principal(self, arn: str) -> str | Expression:
        """The ARN of a role or user of the module's own account, which may be made by another module."""
        if arn in self._addresses:
            return self.arn(arn)
        partition = self._variables.of(Kinds.PARTITION, self._partition)
        kind, _, name = arn.rpartition(":")[2].partition("/")
        named = self._variables.of(Kinds.EXCLUDED, name)
        return joined("arn:", partition, ":iam::", self._account, f":{kind}/", named)

    def _statement(self, statement: Statement) -> Value:
        found: dict[str | Expression, Value] = {"Sid": statement.sid, "Effect": "Allow"}
        if statement.principal:
            found["Principal"] = self._principal(statement.principal)
        found["Action"] = _one_or_list(statement.actions)
        if statement.resources:
            found["Resource"] = _one_or_list([self.arn(each) for each in statement.resources])
        if statement.conditions:
            found["Condition"] = self._conditions(statement.conditions)
        return Noted(statement.why, found) if statement.why else found

    def _principal(self, principal: Principal) -> Value:
        if principal.kind == "AWS":
            return {"AWS": self._principals(principal.names)}
        return {principal.kind: _one_or_list([self.arn(each) for each in principal.names])}

    def _principals(self, names: Sequence[str]) -> Value:
        """Roles and users of other modules are a variable; others stand for themselves."""
        if all(_NAMED.match(name) and name not in self._addresses for name in names):
            return self._variables.of(Kinds.TRUSTED, *names)
        return _one_or_list([self.arn(each) for each in names])

    def _conditions(self, conditions: Sequence[Condition]) -> Value:
        found: dict[str | Expression, dict[str | Expression, Value]] = {}
        for each in conditions:
            found.setdefault(each.operator, {})[self._key(each.key)] = self._values(each)
        return found

    def _values(self, condition: Condition) -> Value:
        key = condition.key.lower()
        if key == "sts:externalid":
            return self._variables.of(Kinds.EXTERNAL_IDS, *condition.values)
        if key == "aws:principalarn":
            return self._principals(condition.values)
        return _one_or_list([self._value(key, each) for each in condition.values])

    def _value(self, key: str, value: str) -> Value:
        """A value of a condition, by what its key says it is."""
        if kind := _BY_KEY.get(key):
            return self._variables.of(kind, value)
        if subject := _SUBJECT.fullmatch(value):
            namespace = self._variables.of(Kinds.NAMESPACE, subject[2])
            return joined(subject[1], namespace, subject[3], self._variables.of(Kinds.SERVICE_ACCOUNT, subject[4]))
        return self._account if value == self._part.account else self.arn(value)

    def _key(self, key: str) -> str | Expression:
        """What a condition looks at: of a token, with its issuer."""
        for issuer in self._issuers:
            if key.startswith(f"{issuer}:"):
                return joined(self._variables.of(Kinds.ISSUER, issuer), key.removeprefix(issuer))
        return key

    def _named(self, named: str, *, own: bool) -> list[str | Expression]:
        """What an ARN of IAM ends in: the name of a role, or an issuer, as a variable."""
        kind, _, name = named.partition("/")
        if kind == "oidc-provider":
            return ["oidc-provider/", self._variables.of(Kinds.ISSUER, name)]
        if kind != "role" or "*" in name:
            return [named]
        known = self._kinds.get(named) if own else None
        return ["role/", self._variables.of(known or Kinds.ASSUMED_ROLE, name)]

    def _names_of_events(self) -> Iterator[tuple[str, list[str | Expression]]]:
        """What ARNs of the part's queues and rules end in."""
        for each in self._part.resources:
            if isinstance(each, PushEvents):
                yield each.queue, [self._variables.of(Kinds.QUEUE, each.queue)]
                yield f"rule/{each.rule}", ["rule/", self._variables.of(Kinds.RULE, each.rule)]


def _one_or_list(values: Sequence[Value]) -> Value:
    return values[0] if len(values) == 1 else list(values)

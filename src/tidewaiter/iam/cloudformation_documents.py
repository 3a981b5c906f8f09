"""Policy documents within a template: names, ARNs and external IDs are its parameters, the rest stands as it is."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tidewaiter.iam.blueprint import ANY_PLACE, Part
from tidewaiter.iam.cloudformation_parameters import Kinds, Parameters
from tidewaiter.iam.cloudformation_text import Intrinsic, Noted, Value
from tidewaiter.iam.documents import Condition, Document, Principal, Statement

_PRINCIPAL: Final = re.compile(r"arn:[^:]+:iam::[0-9]{12}:(role|user)/")
_ROLE_OR_USER: Final = re.compile(r"(role|user)/[\w+=,.@/-]+")
_SUBJECT: Final = re.compile(r"system:serviceaccount:([^:*?]+):([^:*?]+)")
_BY_KEY: Final = {
    "sts:externalid": Kinds.EXTERNAL_ID,
    "aws:requesttag/kubernetes-namespace": Kinds.NAMESPACE,
    "aws:requesttag/kubernetes-service-account": Kinds.SERVICE_ACCOUNT,
    "aws:requesttag/eks-cluster-name": Kinds.CLUSTER,
}
_ACCOUNT: Final = "${AWS::AccountId}"
_FIELDS: Final = 6
"""Of an ARN: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """What a template makes itself.

    `names`: which parameter the name of a role or user is, by what its ARN ends in (`role/reader`). `labels`: what
    queues and rules are called in the template, by service and name.
    """

    names: Mapping[str, Kinds]
    labels: Mapping[tuple[str, str], str]


class Documents:
    """Writes the policy documents of a template of a part."""

    def __init__(self, part: Part, partition: str, parameters: Parameters, own: Own) -> None:
        self._account = part.account or ANY_PLACE
        self._region = ANY_PLACE if part.regions else ""
        self._partition = partition
        self._parameters = parameters
        self._own = own

    def written(self, document: Document) -> Value:
        """The document as a template has it, with what is said of each statement above it."""
        statements = [self._statement(statement) for statement in document.statements]
        return {"Version": "2012-10-17", "Statement": statements}

    def _statement(self, statement: Statement) -> Value:
        found: dict[str, Value] = {"Sid": statement.sid, "Effect": "Allow"}
        if statement.principal:
            found["Principal"] = self._principal(statement.principal)
        found["Action"] = _one_or_list(statement.actions)
        if statement.resources:
            found["Resource"] = _one_or_list([self.arn(each) for each in statement.resources])
        if statement.conditions:
            found["Condition"] = self._conditions(statement.conditions)
        return Noted(statement.why, found) if statement.why else found

    def _principal(self, principal: Principal) -> Value:
        return {principal.kind: _one_or_list([self._named(each) for each in principal.names])}

    def _named(self, name: str) -> Value:
        """A principal: a role or user stands in another template, and is a parameter."""
        return self._parameters.ref(Kinds.TRUSTED, name) if _PRINCIPAL.match(name) else self.arn(name)

    def _conditions(self, conditions: Sequence[Condition]) -> Value:
        found: dict[str, dict[str, Value]] = {}
        for each in conditions:
            tested = [self._tested(each.key, value) for value in each.values]
            found.setdefault(each.operator, {})[each.key] = _one_or_list(tested)
        return found

    def _tested(self, key: str, value: str) -> Value:
        """A value of a condition, by what its key says it is."""
        if kind := _BY_KEY.get(key.lower()):
            return self._parameters.ref(kind, value)
        if subject := _SUBJECT.fullmatch(value):
            namespace = self._parameters.name(Kinds.NAMESPACE, subject[1])
            account = self._parameters.name(Kinds.SERVICE_ACCOUNT, subject[2])
            return Intrinsic("Sub", f"system:serviceaccount:${{{namespace}}}:${{{account}}}")
        return Intrinsic("Ref", "AWS::AccountId") if value == self._account else self.arn(value)

    def arn(self, arn: str) -> Value:
        """An ARN with partition, account and region as they are where the template is put up; else what it is."""
        fields = arn.split(":", _FIELDS - 1)
        if len(fields) < _FIELDS or fields[:2] != ["arn", self._partition]:
            return arn
        service, region, account, name = (each.replace("${", "${!") for each in fields[2:])
        if label := self._own.labels.get((service, name)):
            return Intrinsic("GetAtt", f"{label}.Arn")
        here = account == self._account
        shown = self._named_in_iam(name, here=here) if service == "iam" else name
        places = f"{'${AWS::Region}' if region and region == self._region else region}:{_ACCOUNT if here else account}"
        return Intrinsic("Sub", f"arn:${{AWS::Partition}}:{service}:{places}:{shown}")

    def _named_in_iam(self, name: str, *, here: bool) -> str:
        """What an ARN of IAM ends in: the names of roles, and of users that are its own, are parameters."""
        if not _ROLE_OR_USER.fullmatch(name):
            return name
        path, _, last = name.rpartition("/")
        elsewhere = Kinds.ASSUMED_ROLE if path.startswith("role") else None
        kind = self._own.names.get(name, elsewhere) if here else elsewhere
        return f"{path}/${{{self._parameters.name(kind, last)}}}" if kind else name


def _one_or_list(values: Sequence[Value]) -> Value:
    return values[0] if len(values) == 1 else list(values)

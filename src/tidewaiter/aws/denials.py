"""What an access-denied answer of AWS says: which policy lacks or denies what, and what to write into which.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from tidewaiter.aws import hosts
from tidewaiter.aws.calls import Asked
from tidewaiter.aws.permissions import statement
from tidewaiter.errors import UsageError
from tidewaiter.model.diagnosis import Remedy

ASSUME_BY_TOKEN: Final = "sts:AssumeRoleWithWebIdentity"  # noqa: S105 - the name of an action

_ASSUME: Final = "sts:AssumeRole"
_DENIAL: Final = re.compile(
    r"not authorized to perform: (?P<action>[a-z0-9-]+:\w+)"
    r"(?: on resource: (?P<resource>arn:\S+|\*))?"
    r"(?:.*?(?P<absent>because no|with an explicit deny in an?) (?P<document>[\w -]*?(?:policy|boundary))\b"
    r"(?::? \(?(?P<policy>arn:[\w:/.+=,@-]+))?)?",
    re.IGNORECASE | re.DOTALL,
)
_USER: Final = re.compile(r"User: (arn:\S+) is not authorized")
_OWNERS: Final[Mapping[str, str]] = {
    "service control policy": "The service control policy (SCP) over the account",
    "resource control policy": "The resource control policy (RCP) over the account",
    "permissions boundary": "The permissions boundary of the identity",
    "session policy": "The session policy that the identity was given",
    "vpc endpoint policy": "The policy of the VPC endpoint on the way",
    "resource policy": "The resource's own policy",
}
_TRUSTING: Final = frozenset({"", "resource policy", "role trust policy", "trust policy"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """Who may not do what to what, and which kind of policy is the reason.

    `document` is the kind in AWS' words, "" where it does not tell; `policy` the ARN of one that denies, "" where it
    does not name one; with `explicit` that policy denies, else none of the kind allows.
    """

    principal: str
    action: str
    resource: str
    document: str = ""
    policy: str = ""
    explicit: bool = False
    external_id: bool = False

    @classmethod
    def read(cls, message: str, asked: Asked) -> Self:
        """What AWS' sentence says, filled in from what was asked: some services say hardly anything.

        The action can be another one than was asked: some calls need further permissions.
        """
        user, found = _USER.search(message), _DENIAL.search(message)
        told = found.groupdict(default="") if found else {}
        return cls(
            principal=asked.principal or (user[1] if user else "this identity"),
            action=told.get("action") or asked.action,
            resource=told.get("resource") or "*" if asked.resource == "*" else asked.resource,
            document=told.get("document", "").replace("-based", ""),
            policy=told.get("policy", "").rstrip(".,)"),
            explicit="explicit" in told.get("absent", "").lower(),
            external_id=asked.external_id,
        )

    @property
    def what(self) -> str:
        """Who may not do what; the reason in brackets is the caller's to add."""
        return f"{self.principal} may not do {self.action} on {self.resource}"

    @property
    def reason(self) -> str:
        """Which policy is to blame, "" where AWS does not tell."""
        if not self.document:
            return ""
        if not self.explicit:
            return f"no {self.document} allows it"
        article = "an" if self.document[0].lower() in "aeiou" else "a"
        named = f", {self.policy}" if self.policy else ""
        return f"an explicit Deny in {article} {self.document}{named}"

    @property
    def advice(self) -> str:
        """What has to be written where, with the JSON statement."""
        kind = self.document.lower()
        if self.explicit:
            which = self.policy or f"The {self.document}"
            return f"{which} has to except {role_of(self.principal)} from its Deny: an Allow elsewhere does not help."
        if self.action == ASSUME_BY_TOKEN:
            return "Add to the role's trust policy what trusts the token's issuer, audience and subject."
        if self.action == _ASSUME and kind in _TRUSTING:
            return self._advice_on_trust()
        if kind in _OWNERS:
            return f"{_OWNERS[kind]} has to allow {self._allowed()}"
        return f"{self._of_organizations}Add to the identity policy of {role_of(self.principal)}: {self._allowed()}"

    @property
    def remedy(self) -> Remedy:
        """The same in parts: what would have to be added to which document."""
        statement, document = self._addition()
        return Remedy(
            principal=self.principal,
            action=self.action,
            resource=self.resource,
            statement=statement,
            document=document,
            reason=self.reason,
        )

    def _addition(self) -> tuple[str, str]:
        kind = self.document.lower()
        if self.explicit:
            return "", self.policy or f"the {self.document}"
        if self.action == ASSUME_BY_TOKEN:
            return "", f"trust policy of {self.resource}"
        if self.action == _ASSUME and kind in _TRUSTING:
            return _json(self._trusted()), f"trust policy of {self.resource}"
        owner = _OWNERS.get(kind, f"identity policy of {role_of(self.principal)}")
        return self._allowed(), f"{owner[0].lower()}{owner[1:]}"

    @property
    def _of_organizations(self) -> str:
        """What organizations refuse without a reason, as to all accounts but those that manage them."""
        if self.document or not self.action.startswith("organizations:"):
            return ""
        who = "Only the organization's management account and its delegated administrators may ask this"
        return f"{who}: from another account, name a role in one of them (--management-role-arn). In one of them: "

    def _advice_on_trust(self) -> str:
        trust = f"the trust policy of {self.resource}: {_json(self._trusted())}"
        own = f"the identity policy of {role_of(self.principal)}: {self._allowed()}"
        given = "another external ID than was given" if self.external_id else "an external ID, and none was given"
        return f"The role may not exist, or ask for {given}. Add to {trust} and to {own}"

    def _allowed(self) -> str:
        return _json(statement([self.action], [self.resource]))

    def _trusted(self) -> Mapping[str, object]:
        principal, condition = _trusted_principal(role_of(self.principal))
        if self.external_id:
            condition["StringEquals"] = {"sts:ExternalId": "THE EXTERNAL ID"}
        trusted: dict[str, object] = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": _ASSUME}
        return {**trusted, "Condition": condition} if condition else trusted


def role_of(principal: str) -> str:
    """The ARN of the role that a session is of; any other principal as it is.

    A session does not tell its role's path, so that of a role with a path lacks it.
    """
    try:
        arn = hosts.parse_arn(principal)
    except UsageError:
        return principal
    kind, _, rest = arn.resource.partition("/")
    if kind != "assumed-role":
        return principal
    return f"arn:{arn.partition}:iam::{arn.account}:role/{rest.partition('/')[0]}"


def _trusted_principal(role: str) -> tuple[str, dict[str, Mapping[str, str]]]:
    """The principal that a trust policy names for this role, and the condition that goes with it.

    The path of an IAM Identity Center role holds a region that its session does not tell: only a pattern can name it.
    """
    _, found, name = role.partition(":role/AWSReservedSSO_")
    if not found:
        return role, {}
    arn = hosts.parse_arn(role)
    pattern = f"arn:{arn.partition}:iam::{arn.account}:role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO_{name}"
    return f"arn:{arn.partition}:iam::{arn.account}:root", {"ArnLike": {"aws:PrincipalArn": pattern}}


def _json(policy: Mapping[str, object]) -> str:
    return json.dumps(policy, separators=(", ", ": "))

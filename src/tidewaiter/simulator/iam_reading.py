"""IAM's answers about the roles that were made here, for who asks what a role trusts and may do.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import quote

from tidewaiter.simulator.iam import Directory, Role
from tidewaiter.simulator.service import Answer, Arguments, Caller, ServiceError

_MADE = datetime(2020, 1, 1, tzinfo=UTC)
_NAME = "policy-{}"


class RoleReading:
    """Tells of roles; `knows` says of which. All else of IAM is moto's."""

    def __init__(self, directory: Directory, partition: str) -> None:
        self._directory = directory
        self._partition = partition
        self._operations: Mapping[str, Callable[[Role, Arguments], Answer]] = {
            "GetRole": _role,
            "ListRolePolicies": _names,
            "GetRolePolicy": _policy,
            "ListAttachedRolePolicies": _attached,
        }

    def knows(self, account: str, operation: str, arguments: Arguments) -> bool:
        """Whether this is asked of a role that is here."""
        return operation in self._operations and self._find(account, arguments) is not None

    def action_and_resource(self, region: str, account: str, operation: str, arguments: Arguments) -> tuple[str, str]:  # noqa: ARG002  IAM is the same everywhere
        """The action, on the role."""
        role = self._find(account, arguments)
        return f"iam:{operation}", role.arn if role else "*"

    def handle(self, caller: Caller, region: str, operation: str, arguments: Arguments) -> Answer:  # noqa: ARG002  IAM is the same everywhere
        """What is known of the role."""
        role = self._find(caller.account, arguments)
        if role is None:
            raise ServiceError("NoSuchEntity", "The role cannot be found.", HTTPStatus.NOT_FOUND)
        return self._operations[operation](role, arguments)

    def _find(self, account: str, arguments: Arguments) -> Role | None:
        return self._directory.made(f"arn:{self._partition}:iam::{account}:role/{arguments.get('RoleName', '')}")


def _role(role: Role, _: Arguments) -> Answer:
    told = {
        "Path": "/",
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role.arn,
        "CreateDate": _MADE,
        "AssumeRolePolicyDocument": quote(role.trust.text),
        "MaxSessionDuration": role.max_session,
    }
    return {"Role": told}


def _names(role: Role, _: Arguments) -> Answer:
    return {"PolicyNames": [_NAME.format(number) for number, _ in enumerate(role.policies, 1)], "IsTruncated": False}


def _policy(role: Role, arguments: Arguments) -> Answer:
    name = str(arguments.get("PolicyName", ""))
    found = {_NAME.format(number): policy for number, policy in enumerate(role.policies, 1)}.get(name)
    if found is None:
        message = f"The role policy with name {name} cannot be found."
        raise ServiceError("NoSuchEntity", message, HTTPStatus.NOT_FOUND)
    return {"RoleName": role.name, "PolicyName": name, "PolicyDocument": quote(found.text)}


def _attached(_role: Role, _: Arguments) -> Answer:
    return {"AttachedPolicies": [], "IsTruncated": False}

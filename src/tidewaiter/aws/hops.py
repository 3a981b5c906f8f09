"""The rules of one `AssumeRole`, checked before it is asked for, and its arguments.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

import re
from typing import Final

from tidewaiter.aws import hosts
from tidewaiter.aws.permissions import LONGEST_SESSION_POLICY
from tidewaiter.errors import UsageError
from tidewaiter.model.cloud import RoleHop

LONGEST_CHAINED: Final = 3600
"""Seconds that a session may last which a role, and no user, has asked for.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining
"""

_SHORTEST_ARN = 20
_LONGEST_ARN = 2048
_SHORTEST = 900
_LONGEST = 43200
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)


def check_hop(hop: RoleHop, *, partition: str = "") -> hosts.Arn:
    """The parts of the role's ARN. Raises UsageError for the first rule that the hop breaks, without its external ID.

    `partition` is that of the identity which asks, "" where it is not known.
    """
    role = _role(hop.role_arn)
    if partition and role.partition != partition:
        advice = f"Roles never cross partitions: the role is in {role.partition}, who asks for it in {partition}."
        raise UsageError("cannot be assumed from another partition", where=hop.role_arn, advice=advice)
    if not _SESSION_NAME.fullmatch(hop.session_name):
        advice = "It takes 2 to 64 letters, digits and any of _+=,.@-."
        raise UsageError(f"the session name {hop.session_name!r} is not allowed", where=hop.role_arn, advice=advice)
    if hop.external_id and not is_external_id(hop.external_id):
        advice = "It takes 2 to 1224 letters, digits and any of _+=,.@:/-."
        raise UsageError("the external ID is not one that AWS allows", where=hop.role_arn, advice=advice)
    if not _SHORTEST <= hop.duration <= _LONGEST:
        advice = f"A session lasts {_SHORTEST} to {_LONGEST} seconds."
        raise UsageError(f"the duration {hop.duration} is not allowed", where=hop.role_arn, advice=advice)
    return role


def is_external_id(text: str) -> bool:
    """True for what AWS allows as an external ID."""
    return _EXTERNAL_ID.fullmatch(text) is not None


def check_policy(policy: str) -> None:
    """Raises UsageError for a session policy that is too long."""
    if len(policy) > LONGEST_SESSION_POLICY:
        what = f"the session policy has {len(policy)} characters; {LONGEST_SESSION_POLICY} are allowed"
        raise UsageError(what, advice="Name fewer actions or resources in it.")


def arguments(hop: RoleHop, *, policy: str, chained: bool) -> dict[str, object]:
    """What STS is asked. `chained` says that a role asks, and not a user: then an hour is the longest session."""
    asked: dict[str, object] = {
        "RoleArn": hop.role_arn,
        "RoleSessionName": hop.session_name,
        "DurationSeconds": min(hop.duration, LONGEST_CHAINED) if chained else hop.duration,
    }
    if hop.external_id:
        asked["ExternalId"] = hop.external_id
    if policy:
        asked["Policy"] = policy
    return asked


def _role(text: str) -> hosts.Arn:
    role = hosts.parse_arn(text)
    if role.service != "iam" or not role.resource.startswith("role/") or not hosts.is_account(role.account):
        raise UsageError(
            "is not the ARN of a role",
            where=text,
            advice="It has the form arn:aws:iam::ACCOUNT:role/NAME, its account 12 digits.",
        )
    if not _SHORTEST_ARN <= len(text) <= _LONGEST_ARN:
        raise UsageError(f"a role's ARN has {_SHORTEST_ARN} to {_LONGEST_ARN} characters", where=text[:80])
    return role

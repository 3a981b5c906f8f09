"""How long policies may be, in characters without white space.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entity-length
"""

import json
from collections.abc import Iterable
from typing import Final

from tidewaiter.errors import UsageError
from tidewaiter.iam.blueprint import Attachment, Blueprint, Policy, Resource, Role, User
from tidewaiter.iam.documents import Document

OF_ROLE: Final = 10_240
"""All policies of a role together."""

OF_USER: Final = 2_048
"""All policies of a user together."""

OF_TRUST: Final = 2_048
"""The trust policy of a role, unless the account had it raised."""


def check_sizes(blueprint: Blueprint) -> None:
    """Raises UsageError for a policy that IAM would not take."""
    for part in blueprint.parts:
        for resource in part.resources:
            _check(part.where, resource)


def size(document: Document) -> int:
    """The length of a document as IAM counts it."""
    return len(json.dumps(document.written(), separators=(",", ":")))


def _check(where: str, resource: Resource) -> None:
    match resource:
        case Role(name=name, trust=trust, policies=policies):
            _check_trust(f"role {name} in {where}", size(trust))
            _check_policies(f"role {name} in {where}", policies, OF_ROLE)
        case User(name=name, policies=policies):
            _check_policies(f"user {name} in {where}", policies, OF_USER)
        case Attachment(principal_arn=arn, policies=policies):
            _check_policies(arn, policies, OF_USER if ":user/" in arn else OF_ROLE)
        case _:
            return


def _check_trust(owner: str, length: int) -> None:
    if length > OF_TRUST:
        what = f"its trust policy has {length} characters; IAM takes {OF_TRUST}"
        raise UsageError(what, where=owner, advice="Give fewer or shorter external IDs.")


def _check_policies(owner: str, policies: Iterable[Policy], most: int) -> None:
    length = sum(size(policy.document) for policy in policies)
    if length > most:
        what = f"its policies have {length} characters together; IAM takes {most}"
        advice = "Name fewer accounts or repositories, and put up another one under another --name for the rest."
        if most == OF_USER:
            advice = f"A role takes {OF_ROLE}. Else name fewer accounts or repositories."
        raise UsageError(what, where=owner, advice=advice)

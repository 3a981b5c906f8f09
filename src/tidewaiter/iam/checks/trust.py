"""Whether a role's trust is wider than it has to be: by really trying, and by what its policy says.

https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
"""

import json
import secrets
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from tidewaiter.aws import hosts
from tidewaiter.aws.permissions import session_policy
from tidewaiter.errors import CloudError
from tidewaiter.iam.checks.documents import ANYBODY, Statement
from tidewaiter.iam.checks.findings import Finding, unreadable
from tidewaiter.iam.checks.own_role import READING_TRUST, OwnRole
from tidewaiter.iam.checks.ways import Way
from tidewaiter.model.cloud import RoleHop
from tidewaiter.model.diagnosis import Check, Health, Topic

_NARROWING = frozenset({"aws:principalarn", "aws:userid", "aws:principalorgid", "aws:principalorgpaths"})
"""Conditions that say who is meant, where a principal is a whole account or anybody."""

_OF_TASKS = frozenset({"aws:sourceaccount", "aws:sourcearn"})
"""https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html"""

_OF_PODS = (
    (("eks-cluster-name", "eks-cluster-arn"), "pods of any cluster"),
    (("kubernetes-namespace",), "pods of any namespace"),
    (("kubernetes-service-account",), "pods of any service account"),
)
"""The tags of a pod's session, any of each, and who is let in where none of them is tested.

https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html
"""

_EXACTLY = "Let it name the one role or user that has to take the role, and nobody else."
_DEMAND = "Give whoever asks an external ID of its own (--external-id), and let the trust policy demand it."


def _lacking(key: str, value: str) -> str:
    """The condition that a statement lacks, as JSON."""
    return json.dumps({"Condition": {"StringEquals": {key: value}}}, separators=(", ", ": "))


@dataclass(frozen=True, slots=True)
class _Width:
    """In which way a trust is too wide, what helps, and the condition that its statement lacks."""

    says: str
    advice: str
    condition: str = ""


_NO_ID = _Width(
    "asks for no external ID, though another account asks", _DEMAND, _lacking("sts:ExternalId", "AN EXTERNAL ID")
)
_ID_NOT_ASKED = _Width(
    "lets in who gives no external ID",
    "Let its statement demand the external ID.",
    _lacking("sts:ExternalId", "THE EXTERNAL ID"),
)
_ANY_ID = _Width(
    "lets in who gives any external ID",
    "Let its statement demand the one external ID, without wildcards.",
    _lacking("sts:ExternalId", "THE EXTERNAL ID"),
)
_ANYBODY = _Width("trusts anybody (principal *)", _EXACTLY)
_ANY_TASK = _Width(
    "trusts ECS for the tasks of any account",
    "Let its statement test aws:SourceAccount.",
    _lacking("aws:SourceAccount", "THE ACCOUNT"),
)


def tried(way: Way) -> Iterator[Check]:
    """What comes of asking for the role again: without the external ID, and with one that nobody has given it."""
    hop = way.hop
    if hop is None:
        return
    if hop.external_id:
        yield _outcome(way, _lenience(way, hop), "lets in nobody without the external ID that was given")
    elif _is_abroad(way):
        width = None if way.kin else _NO_ID
        yield _outcome(way, width, "asks for no external ID, and within one organization none is needed")


def read(way: Way) -> Iterator[Finding]:
    """What the role's own trust policy says, where the role may read it."""
    try:
        trust = OwnRole(way.doctor, way.principal).trust()
    except CloudError as error:
        yield unreadable(error, way, Topic.TRUST, "whom roles trust", READING_TRUST)
        return
    widths = list(dict.fromkeys(width for each in trust if each.allows for width in _widths(each)))
    yield from (_outcome(way, width, "") for width in widths)
    if not widths:
        yield _outcome(way, None, "names in its trust policy nobody but who is meant")


def _lenience(way: Way, hop: RoleHop) -> _Width | None:
    """How the trust is lenient with external IDs: really tried."""
    if _lets_in(way, replace(hop, external_id="")):
        return _ID_NOT_ASKED
    wrong = f"tidewaiter-doctor-tries-a-wrong-one-{secrets.token_hex(8)}"
    return _ANY_ID if _lets_in(way, replace(hop, external_id=wrong)) else None


def _is_abroad(way: Way) -> bool:
    return way.asker.identity().account != way.account.id


def _lets_in(way: Way, hop: RoleHop) -> bool:
    """Whether the role can be taken so. An answer of another kind than a session proves nothing, and counts as no."""
    partition = hosts.parse_arn(hop.role_arn).partition
    try:
        way.asker.then(hop, policy=session_policy(partition)).identity()
    except CloudError:
        return False
    return True


def _widths(statement: Statement) -> Iterator[_Width]:
    """In which ways a statement of a trust policy is too wide."""
    keys = {key for _, key, _ in statement.tests()}
    if keys.isdisjoint(_NARROWING):
        yield from _wide_names(statement)
    if any(name.startswith("ecs-tasks.") for name in statement.principals("Service")) and not keys & _OF_TASKS:
        yield _ANY_TASK
    if any(name.startswith("pods.eks.") for name in statement.principals("Service")):
        yield from _wide_tags(keys)
    for provider in statement.principals("Federated"):
        if ":oidc-provider/" in provider:
            yield from _wide_claims(statement, provider.partition(":oidc-provider/")[2])


def _wide_names(statement: Statement) -> Iterator[_Width]:
    for name in statement.principals("AWS"):
        if name == ANYBODY:
            yield _ANYBODY
        elif hosts.is_account(name) or name.endswith(":root"):
            yield _Width(f"trusts all of an account ({name}): whoever there may take roles may take it", _EXACTLY)


def _wide_tags(keys: Collection[str]) -> Iterator[_Width]:
    """The tags that a statement for pods should test beside those that it tests: where sessions get none, none."""
    tested = {key.removeprefix("aws:requesttag/") for key in keys}
    if tested.isdisjoint(tag for tags, _ in _OF_PODS for tag in tags):
        return
    for tags, meaning in _OF_PODS:
        if tested.isdisjoint(tags):
            key = f"aws:RequestTag/{tags[0]}"
            yield _Width(f"trusts {meaning}", f"Let its statement test {key}.", _lacking(key, "ITS NAME"))


def _wide_claims(statement: Statement, issuer: str) -> Iterator[_Width]:
    """The claims of a token that a statement should test, and does not: who the token is for, and whose it is.

    https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html
    """
    tests = {key: values for _, key, values in statement.tests()}
    for claim, meaning in (("sub", "any service account of the cluster"), ("aud", "tokens for any audience")):
        values = tests.get(f"{issuer}:{claim}".lower(), [ANYBODY])
        if any("*" in value.split(":") for value in values):
            condition = _lacking(f"{issuer}:{claim}", f"THE {claim.upper()}")
            yield _Width(f"takes {meaning} of {issuer}", f"Let its statement test {issuer}:{claim}.", condition)


def _outcome(way: Way, width: _Width | None, right: str) -> Check:
    role = way.principal
    if width is None:
        return Check(account=way.account.id, topic=Topic.TRUST, health=Health.RIGHT, says=f"{role} {right}")
    return Check(
        account=way.account.id,
        topic=Topic.TRUST,
        health=Health.WIDE,
        says=f"{role} {width.says}",
        resource=role,
        statement=width.condition,
        document=f"trust policy of {role}",
        advice=width.advice,
    )

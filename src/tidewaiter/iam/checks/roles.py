"""Taking a role: whether it can be taken, and if not, why, as far as anybody can tell."""

import json
from collections.abc import Iterator
from dataclasses import replace

from tidewaiter.aws.chain import Chain
from tidewaiter.aws.denials import role_of
from tidewaiter.aws.hops import LONGEST_CHAINED
from tidewaiter.aws.permissions import statement
from tidewaiter.errors import CloudError
from tidewaiter.iam.checks.documents import Statement
from tidewaiter.iam.checks.findings import refused, remedy_of
from tidewaiter.iam.checks.own_role import OwnRole
from tidewaiter.iam.checks.simulation import explained
from tidewaiter.iam.checks.ways import Way
from tidewaiter.model.cloud import RoleHop
from tidewaiter.model.diagnosis import Check, Health, Topic

_ABSENT = "NoSuchEntity"


def taken(way: Way) -> Iterator[Check]:
    """That the role could be taken, or why not; and whether its sessions last as long as they were asked for."""
    if way.hop is None:
        return
    asker = way.asker.identity().arn
    try:
        way.reader.identity()
    except CloudError as error:
        yield _refused(way, way.hop, error)
        return
    says = f"{asker} took {way.hop.role_arn}"
    yield Check(account=way.account.id, topic=Topic.ROLE, health=Health.RIGHT, says=says, principal=asker)
    yield from _cut(way, way.hop)


def _cut(way: Way, hop: RoleHop) -> Iterator[Check]:
    """That a role's role has an hour at most: sessions are renewed before, so nothing is lost."""
    if hop.duration > LONGEST_CHAINED and way.asker.is_role():
        says = (
            f"{hop.duration} seconds were asked for; a role that another role takes lasts {LONGEST_CHAINED} at most, "
            "so that is what is asked of AWS, and sessions are renewed before they end"
        )
        yield Check(account=way.account.id, topic=Topic.SESSION, health=Health.RIGHT, says=says)


def _refused(way: Way, hop: RoleHop, error: CloudError) -> Check:
    asker = way.asker.identity().arn
    says = f"{asker} could not take {hop.role_arn}"
    remedy = remedy_of(error)
    if remedy is None or not remedy.document.startswith("trust policy"):
        return refused(error, topic=Topic.ROLE, says=says, account=way.account.id)
    why = _told_at_home(way, hop) or explained(way.asker, role_of(asker), remedy) or _possible(hop)
    found = refused(error, topic=Topic.TRUST, account=way.account.id)
    own = json.dumps(statement([remedy.action], [remedy.resource]), separators=(", ", ": "))
    advice = f"The identity policy of {role_of(asker)} has to allow it too: {own}"
    return replace(found, says=f"{says}: {why}", advice=advice)


def _possible(hop: RoleHop) -> str:
    """What it may be: AWS answers alike to a role that is not there and to one that does not trust who asks."""
    asks = "it asks for another external ID than was given" if hop.external_id else "it asks for an external ID"
    return (
        f"it does not trust who asks, or {asks}, or there is no such role, or its account is suspended; "
        "AWS does not tell which"
    )


def _told_at_home(way: Way, hop: RoleHop) -> str:
    """What reading the role tells, where who asks is in its account and may read it; "" where not."""
    if way.asker.identity().account != way.account.id:
        return ""
    try:
        trust = OwnRole(way.asker, hop.role_arn).trust()
    except CloudError as error:
        return "there is no such role" if error.code == _ABSENT else ""
    return _untrusted(trust, way.asker, hop)


def _untrusted(trust: tuple[Statement, ...], asker: Chain, hop: RoleHop) -> str:
    identity = asker.identity()
    names = {
        identity.arn,
        role_of(identity.arn),
        identity.account,
        f"arn:{identity.partition}:iam::{identity.account}:root",
        "*",
    }
    naming = [each for each in trust if each.allows and names.intersection(each.principals("AWS"))]
    if not naming:
        return "its trust policy does not name who asks"
    if any(key == "sts:externalid" for each in naming for _, key, _ in each.tests()):
        given = "another external ID than was given" if hop.external_id else "an external ID, and none was given"
        return f"its trust policy asks for {given}"
    return "its trust policy names who asks, under a condition that is not met, or the own policies do not allow it"

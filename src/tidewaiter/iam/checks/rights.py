"""What a role may do beyond what it needs, as far as its own policies can be read. It takes nothing from a scan."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tidewaiter.aws.permissions import PERMISSIONS, Feature, Holder
from tidewaiter.errors import CloudError
from tidewaiter.iam.checks.documents import ANYBODY, Statement
from tidewaiter.iam.checks.findings import Finding, unreadable
from tidewaiter.iam.checks.own_role import READING_RIGHTS, OwnRole
from tidewaiter.iam.checks.ways import Way
from tidewaiter.model.diagnosis import Check, Health, Topic

_ASSUME = "sts:AssumeRole"
_MOST_NAMED = 6


def read(way: Way) -> Iterator[Finding]:
    """What the role's identity policies allow beyond need, policy by policy."""
    try:
        policies = list(OwnRole(way.doctor, way.principal).policies())
    except CloudError as error:
        yield unreadable(error, way, Topic.RIGHTS, "what roles may do beyond need", READING_RIGHTS)
        return
    needed = _needed(way.holders)
    excesses = [(name, excess) for name, statements in policies if (excess := _excess(statements, needed))]
    yield from (_wide(way, name, excess) for name, excess in excesses)
    if not excesses:
        says = f"{way.principal} may do nothing that it does not need"
        yield Check(account=way.account.id, topic=Topic.RIGHTS, health=Health.RIGHT, says=says, counts=False)


def _needed(holders: frozenset[Holder]) -> frozenset[str]:
    """The actions, in small letters, that somebody needs who plays these parts; the doctor's own are everybody's."""
    held = (each for each in PERMISSIONS if each.held_by in holders or each.feature is Feature.DOCTOR)
    return frozenset(each.action.lower() for each in held)


@dataclass(frozen=True, slots=True)
class _Excess:
    """What a policy allows too much; `everything` where that is all there is."""

    says: str
    everything: bool = False


def _excess(statements: Sequence[Statement], needed: frozenset[str]) -> _Excess | None:
    allowing = [each for each in statements if each.allows]
    if any(ANYBODY in each.actions or "*:*" in each.actions for each in allowing):
        return _Excess("allows everything", everything=True)
    if any(each.not_action for each in allowing):
        return _Excess("allows all but some actions (NotAction)", everything=True)
    beyond = sorted({action for each in allowing for action in each.actions if action.lower() not in needed})
    if beyond:
        named = ", ".join(beyond[:_MOST_NAMED])
        more = f" and {len(beyond) - _MOST_NAMED} more" if len(beyond) > _MOST_NAMED else ""
        return _Excess(f"allows what is not needed: {named}{more}")
    if any(_takes_any_role(each) for each in allowing):
        return _Excess(f"allows {_ASSUME} on every role: name the roles that it has to take")
    return None


def _takes_any_role(statement: Statement) -> bool:
    assumes = any(action.lower() == _ASSUME.lower() for action in statement.actions)
    return assumes and not statement.condition and any(_is_any_role(each) for each in statement.resources)


def _is_any_role(resource: str) -> bool:
    return resource == ANYBODY or resource.endswith((":*:role/*", "::*:*"))


def _wide(way: Way, policy: str, excess: _Excess) -> Check:
    session = "; sessions that read registries are narrowed to that, whatever the role may do" if way.hop else ""
    return Check(
        account=way.account.id,
        topic=Topic.RIGHTS,
        health=Health.WIDE,
        says=f"{policy} {excess.says}{session if excess.everything else ''}",
        principal=way.principal,
        document=f"identity policy of {way.principal}",
        advice="Put in its place what `iam render` prints for this role.",
        counts=False,
    )

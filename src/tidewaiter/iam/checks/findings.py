"""What a doctor's step finds: a check, a registry that can be read, or something that reading was not allowed for."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tidewaiter.aws import hosts
from tidewaiter.errors import CloudDeniedError, CloudError
from tidewaiter.iam.checks.ailments import Ailment
from tidewaiter.iam.checks.ways import Way
from tidewaiter.model.cloud import Registry
from tidewaiter.model.diagnosis import Check, Health, Remedy, Topic


@dataclass(frozen=True, slots=True)
class Counted:
    """A registry whose repositories could be listed, and how many there are."""

    registry: Registry
    repositories: int


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that no scan needs to read, and that could not be read: many of these are told in one line.

    `what` goes on `… could not be read`. `action` was refused; reading all of it takes all `actions`.
    """

    topic: Topic
    what: str
    principal: str
    action: str
    actions: tuple[str, ...]


Finding = Check | Counted | Unread


def refused(
    error: CloudError,
    *,
    topic: Topic,
    says: str = "",
    account: str = "",
    region: str = "",
    health: Health = Health.WRONG,
    counts: bool = True,
) -> Check:
    """The check that an error makes. Where it is no refusal, but of the clock or the network, it is about that.

    `says` comes before the reason. What AWS refused to a policy has its remedy with it.
    """
    ailment, remedy = Ailment.of(error), remedy_of(error)
    check = Check(
        account=account,
        region=region,
        topic=ailment.topic or topic,
        health=health,
        says=": ".join(filter(None, (says, _refusal(remedy) if remedy else ailment.says))),
        advice=ailment.advice,
        counts=counts,
    )
    return helped(check, remedy) if remedy else check


def helped(check: Check, remedy: Remedy) -> Check:
    """The check with what would allow it; a statement to be added needs no further advice."""
    return replace(
        check,
        principal=remedy.principal,
        action=remedy.action,
        resource=remedy.resource,
        statement=remedy.statement,
        document=remedy.document,
        advice="" if remedy.statement else check.advice,
    )


def remedy_of(error: CloudError) -> Remedy | None:
    """What would help against a refusal by a policy; None for any other error."""
    return error.remedy if isinstance(error, CloudDeniedError) else None


def _refusal(remedy: Remedy) -> str:
    return f"{remedy.action} is refused, {remedy.reason or 'and AWS does not tell by which policy'}"


def unreadable(error: CloudError, way: Way, topic: Topic, what: str, actions: tuple[str, ...]) -> Check | Unread:
    """What is told where something that no scan needs could not be read: a refusal is told once for many roles."""
    if remedy := remedy_of(error):
        return Unread(topic, what, way.principal, remedy.action, actions)
    says, account = f"{what} could not be read", way.account.id
    return refused(error, topic=topic, says=says, account=account, health=Health.UNKNOWN, counts=False)


def unread(found: Iterable[Unread]) -> Iterator[Check]:
    """One check for all that roles of one name, each in an account, could not read for the same lack of rights."""
    by_kind: dict[Unread, set[str]] = {}
    for each in found:
        by_kind.setdefault(replace(each, principal=_anywhere(each.principal)), set()).add(each.principal)
    for kind, principals in by_kind.items():
        yield _unknown(kind, sorted(principals))


def _anywhere(principal: str) -> str:
    """The principals of this name in all accounts."""
    arn = hosts.parse_arn(principal)
    return f"arn:{arn.partition}:iam::*:{arn.resource}"


def _unknown(kind: Unread, principals: list[str]) -> Check:
    principal = principals[0] if len(principals) == 1 else kind.principal
    where = "" if len(principals) == 1 else f" in {len(principals)} accounts"
    return Check(
        topic=kind.topic,
        health=Health.UNKNOWN,
        says=f"{kind.what} could not be read by {principal}{where}: {kind.action} is refused, and no scan needs it",
        principal=principal,
        action=kind.action,
        advice=f"To be told, allow {', '.join(kind.actions)}: `iam render --for-doctor` grants it.",
        counts=False,
    )

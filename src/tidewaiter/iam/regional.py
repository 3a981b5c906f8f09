"""What is put up once a region: exclusions from pull times, and queues that pushes are told to."""

import json
from collections.abc import Iterable
from typing import Final

from tidewaiter.iam.blueprint import ANY_PLACE, Part, PullTimeExclusion, PushEvents
from tidewaiter.iam.documents import Condition, Document, Principal, Statement
from tidewaiter.iam.rights import Reader
from tidewaiter.iam.wishes import Wishes

_PATTERN: Final = {
    "source": ["aws.ecr"],
    "detail-type": ["ECR Image Action"],
    "detail": {"action-type": ["PUSH", "DELETE"], "result": ["SUCCESS"]},
}
"""https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html"""

_EXCLUDED: Final = (
    "A registry takes 100 exclusions. Without one a scan moves the time of the last pull, which lifecycle rules and "
    "Amazon Inspector go by."
)
_UNREAD: Final = (
    "tidewaiter does not read this queue yet, so nobody is allowed to: what comes waits there until the queue drops it."
)


def parts(wishes: Wishes, places: Iterable[tuple[str, Reader]]) -> tuple[Part, ...]:
    """The parts of these readers' accounts, each with the end of its name (`-management`)."""
    found: list[Part] = []
    for ending, reader in places:
        if wishes.exclusion_regions:
            found.append(_exclusion(wishes, ending, reader))
        if wishes.events_regions:
            found.append(_events(wishes, ending, reader))
    return tuple(found)


def queue_name(name: str) -> str:
    """The name of the queue and of the rule."""
    return f"{name}-pushes"


def _exclusion(wishes: Wishes, ending: str, reader: Reader) -> Part:
    regions = wishes.exclusion_regions
    return Part(
        name=f"pull-time{ending}",
        account=_account(reader),
        where=f"{_place(reader)}, in {' and '.join(regions)}",
        resources=(PullTimeExclusion(principal_arn=reader.arn, regions=regions),),
        regions=regions,
        notes=(_EXCLUDED,),
    )


def _events(wishes: Wishes, ending: str, reader: Reader) -> Part:
    regions, name = wishes.events_regions, queue_name(wishes.name)
    events = PushEvents(
        rule=name,
        queue=name,
        queue_policy=_queue_policy(wishes, reader.account),
        pattern=json.dumps(_PATTERN, indent=2),
    )
    return Part(
        name=f"events{ending}",
        account=_account(reader),
        where=f"{_place(reader)}, in {' and '.join(regions)}",
        resources=(events,),
        regions=regions,
        notes=(_UNREAD,),
    )


def _queue_policy(wishes: Wishes, account: str) -> Document:
    """Only the rule may put something in.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sqs-permissions
    """
    name = queue_name(wishes.name)
    rule = f"arn:{wishes.partition}:events:{ANY_PLACE}:{account}:rule/{name}"
    statement = Statement(
        sid="TakeEvents",
        actions=("sqs:SendMessage",),
        resources=(f"arn:{wishes.partition}:sqs:{ANY_PLACE}:{account}:{name}",),
        principal=Principal(kind="Service", names=("events.amazonaws.com",)),
        conditions=(Condition(operator="ArnLike", key="aws:SourceArn", values=(rule,)),),
    )
    return Document(statements=(statement,))


def _account(reader: Reader) -> str:
    return "" if reader.account == ANY_PLACE else reader.account


def _place(reader: Reader) -> str:
    return "each member account" if reader.account == ANY_PLACE else f"account {reader.account}"

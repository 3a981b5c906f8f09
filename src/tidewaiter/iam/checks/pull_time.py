"""Whether pulls leave a time behind that lifecycle rules and other scanners go by.

https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ListPullTimeUpdateExclusions.html
"""

import msgspec

from tidewaiter.aws.answers import typed
from tidewaiter.errors import CloudError
from tidewaiter.iam.checks.findings import Finding, unreadable
from tidewaiter.iam.checks.ways import Way
from tidewaiter.model.diagnosis import Check, Health, Topic

ACTION = "ecr:ListPullTimeUpdateExclusions"


class _Exclusions(msgspec.Struct, frozen=True, rename="camel"):
    pull_time_update_exclusions: tuple[str, ...] = ()


def excluded(way: Way, region: str, *, empty: bool) -> Finding | None:
    """Whether the account's registry in a region leaves out the role's pulls. A scan works either way.

    Where the registry is empty, nothing is pulled: None where it is not left out.
    """
    try:
        pages = way.doctor.pages("ecr", region, ACTION, {"maxResults": 100})
        listed = (typed(page, _Exclusions, action=ACTION).pull_time_update_exclusions for page in pages)
        found = any(_is_meant(way, arn) for page in listed for arn in page)
    except CloudError as error:
        return unreadable(error, way, Topic.PULL_TIME, "whether pulls move the time of the last pull", (ACTION,))
    account = way.account.id
    if found:
        says = "pulls leave the time of the last pull as it is"
        return Check(
            account=account, region=region, topic=Topic.PULL_TIME, health=Health.RIGHT, says=says, counts=False
        )
    return None if empty else _moved(way, region)


def _moved(way: Way, region: str) -> Check:
    role = way.principal
    return Check(
        account=way.account.id,
        region=region,
        topic=Topic.PULL_TIME,
        health=Health.POORER,
        says="pulls move the time of the last pull, which lifecycle rules and other scanners may go by",
        principal=role,
        advice=f"In each region: aws ecr register-pull-time-update-exclusion --principal-arn {role}",
        counts=False,
    )


def _is_meant(way: Way, arn: str) -> bool:
    """Whether an exclusion is the role's. A session does not tell its role's path, so that only names are compared."""
    if way.hop:
        return arn == way.hop.role_arn
    return arn.split(":")[:5] == way.principal.split(":")[:5] and _name(arn) == _name(way.principal)


def _name(arn: str) -> tuple[str, str]:
    return arn.partition("/")[0], arn.rpartition("/")[2]

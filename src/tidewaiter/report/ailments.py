"""The checks of a diagnosis that are not right, those alike together: for people, in whichever format."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from tidewaiter.model.diagnosis import Check, Health
from tidewaiter.report.page import statement_lines

ORDER = (Health.WRONG, Health.WIDE, Health.POORER, Health.UNKNOWN)
"""What has to be done first stands first."""

_ACCOUNT = re.compile(r"\b[0-9]{12}\b")
_REGION = re.compile(r"\b[a-z]{2,4}(?:-[a-z]+)+-[0-9]\b")


@dataclass(slots=True)
class Ailment:
    """Checks that say the same but for account and region: the first of them, and where they all are."""

    first: Check
    places: list[tuple[str, str]] = field(default_factory=list)
    differing: bool = False

    @property
    def statement(self) -> str:
        """The policy statement that would help, a key a line; "" where there is none."""
        if not self.first.statement:
            return ""
        try:
            found = json.loads(self.first.statement)
        except ValueError:
            return self.first.statement
        if not isinstance(found, dict):
            return self.first.statement
        return "\n".join(statement_lines(found))


def ailments(checks: Iterable[Check]) -> list[Ailment]:
    """What is not right, the worst first, otherwise in the order of the checks."""
    groups: dict[tuple[object, ...], Ailment] = {}
    for check in checks:
        if check.health is not Health.RIGHT:
            found = groups.setdefault(_likeness(check), Ailment(check))
            found.places.append((check.account, check.region))
            found.differing = found.differing or (check.says, check.statement) != (
                found.first.says,
                found.first.statement,
            )
    return sorted(groups.values(), key=lambda each: ORDER.index(each.first.health))


def _likeness(check: Check) -> tuple[object, ...]:
    texts = (check.says, check.statement, check.document, check.advice)
    masked = tuple(_REGION.sub("REGION", _ACCOUNT.sub("ACCOUNT", text)) for text in texts)
    return check.health, check.topic, check.action, masked


def by_place(checks: Iterable[Check]) -> dict[tuple[str, str], list[Check]]:
    """The checks of each account and region, in the order of the checks."""
    found: dict[tuple[str, str], list[Check]] = {}
    for check in checks:
        found.setdefault((check.account, check.region), []).append(check)
    return found


def right_topics(checks: Iterable[Check]) -> str:
    """What of a place was found right."""
    return ", ".join(dict.fromkeys(str(check.topic) for check in checks if check.health is Health.RIGHT))


def ailing_topics(checks: Iterable[Check]) -> str:
    """What of a place was not, each with how it ended."""
    ailing = (f"{check.topic} {check.health}" for check in checks if check.health is not Health.RIGHT)
    return ", ".join(dict.fromkeys(ailing))


def spelled(places: Iterable[tuple[str, str]], most: int) -> str:
    """The places as `111122223333 in eu-west-1, us-east-1`, at most so many of them; "" for what is about all."""
    regions: dict[str, list[str]] = {}
    for account, region in dict.fromkeys(places):
        regions.setdefault(account, []).append(region)
    named = [_place(account, filter(None, those)) for account, those in regions.items()]
    named = [name for name in named if name]
    more = f" and {len(named) - most:,} more" if len(named) > most else ""
    return "; ".join(named[:most]) + more


def _place(account: str, regions: Iterable[str]) -> str:
    named = ", ".join(regions)
    return f"{account} in {named}" if account and named else account or named

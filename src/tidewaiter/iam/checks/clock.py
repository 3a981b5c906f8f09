"""Whether this machine's clock is that of AWS, which refuses requests that are more than five minutes off.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from tidewaiter.model.diagnosis import Check, Health, Topic

_REFUSED = 300
_DRIFTING = 60


def compared(answer: Mapping[str, Any], now: datetime) -> Iterator[Check]:
    """What the `Date` of an answer, to the second, says of the time `now` here; nothing where it has none."""
    theirs = _date(answer)
    if theirs is None:
        return
    off = round((now - theirs).total_seconds())
    says = f"this machine's clock is {abs(off)} seconds {'fast' if off > 0 else 'slow'}"
    advice = "Set the clock, and let NTP or chrony keep it."
    if abs(off) >= _REFUSED:
        refuses = f"{says}; AWS refuses requests that are {_REFUSED} seconds off"
        yield Check(topic=Topic.CLOCK, health=Health.WRONG, says=refuses, advice=advice)
    elif abs(off) >= _DRIFTING:
        yield Check(topic=Topic.CLOCK, health=Health.POORER, says=f"{says}, and drifting", advice=advice)
    else:
        right = f"this machine's clock and that of AWS are within {_DRIFTING} seconds of each other"
        yield Check(topic=Topic.CLOCK, health=Health.RIGHT, says=right)


def _date(answer: Mapping[str, Any]) -> datetime | None:
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        date = parsedate_to_datetime(str(headers.get("date", "")))
    except ValueError:
        return None
    return date if date.tzinfo else None

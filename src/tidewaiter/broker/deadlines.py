"""The seconds that are left for a request, as its header tells them from hop to hop."""

from collections.abc import Mapping
from math import inf, nan

from tidewaiter.broker.messages import DEADLINE
from tidewaiter.broker.wire import DEADLINE_MOST, Code
from tidewaiter.errors import BrokerError


def deadline_of(headers: Mapping[str, str], *, default: float, longest: float = DEADLINE_MOST) -> float:
    """The seconds that a request has, `default` where it does not say. Raises BrokerError (malformed)."""
    told = headers.get(DEADLINE)
    if told is None:
        return default
    left = seconds(told, f"the header {DEADLINE}")
    if not left:
        raise _no_seconds(f"the header {DEADLINE}")
    return min(left, longest)


def seconds(text: str, what: str) -> float:
    """A number of seconds, from 0 on. Raises BrokerError (malformed), in which it is called `what`."""
    try:
        number = float(text)
    except ValueError:
        number = nan
    if not 0 <= number < inf:
        raise _no_seconds(what)
    return number


def _no_seconds(what: str) -> BrokerError:
    return BrokerError(f"{what} is no number of seconds", code=Code.MALFORMED)

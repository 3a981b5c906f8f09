"""What is behind an error of AWS, in words for somebody who wants to go home: each kind is told apart from the others.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from tidewaiter.aws.denials import ASSUME_BY_TOKEN
from tidewaiter.aws.refusals import EXPIRED, INVALID, REGION_DISABLED, UNTRUSTED_TOKEN
from tidewaiter.errors import CloudError
from tidewaiter.model.diagnosis import Topic

_SKEW: Final = re.compile(
    r"RequestTimeTooSkewed|Signature (?:expired|not yet current)|has ended already", re.IGNORECASE
)
_TOO_LONG: Final = re.compile(r"MaxSessionDuration|role chaining", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ailment:
    """What is wrong, and what helps. `topic` is None where what was tried says what it is about."""

    says: str
    advice: str
    topic: Topic | None = None

    @classmethod
    def of(cls, error: CloudError) -> Self:
        """What is behind an error."""
        for fits, topic, says, advice in _KINDS:
            if fits(error):
                return cls(says=says.format(what=error.what), advice=advice or error.advice, topic=topic)
        return cls(says=error.what, advice=error.advice)


def _is_silent(error: CloudError) -> bool:
    """No answer came: what is retried and has no code."""
    return error.retry and not error.code


def _is_expired_token(error: CloudError) -> bool:
    return error.code in EXPIRED and ASSUME_BY_TOKEN in error.what


_Kind = tuple[Callable[[CloudError], bool], Topic | None, str, str]
_KINDS: Final[tuple[_Kind, ...]] = (
    (
        lambda error: _SKEW.search(error.what) is not None,
        Topic.CLOCK,
        "this machine's clock is wrong, and AWS takes no request that is five minutes off ({what})",
        "Set the clock, and let NTP or chrony keep it; then ask again.",
    ),
    (
        lambda error: _TOO_LONG.search(error.what) is not None,
        Topic.SESSION,
        "the session was asked for longer than it may last ({what})",
        "A role that a role takes lasts an hour, any other as long as its own MaxSessionDuration: ask for 3600.",
    ),
    (
        _is_expired_token,
        Topic.CREDENTIALS,
        "the web identity token has expired ({what})",
        "The kubelet renews the token's file: look at the pod's projected volume, or start the pod again.",
    ),
    (
        lambda error: error.code in EXPIRED,
        Topic.CREDENTIALS,
        "{what}",
        "",
    ),
    (
        lambda error: error.code in UNTRUSTED_TOKEN,
        Topic.CREDENTIALS,
        "the web identity token is not taken ({what})",
        "",
    ),
    (
        lambda error: error.code == REGION_DISABLED,
        Topic.SESSION,
        "STS is not active in this region for the account ({what})",
        "Name another with --sts-region, or enable the region for the account.",
    ),
    (
        lambda error: error.code in INVALID,
        None,
        "AWS does not know these credentials here: they were deleted, or the region is not enabled ({what})",
        "",
    ),
    (_is_silent, Topic.ENDPOINT, "{what}", "Is there a way to it: a route, a proxy, a VPC endpoint, and its policy?"),
)

"""What the doctor found: which step of the way works for whom, what is refused, and what would help."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tidewaiter.model.cloud import Identity, Registry


class Health(StrEnum):
    """How a check ended.

    POORER: it goes on without, and does less. WIDE: it works, and is open to more than it needs. UNKNOWN: it could not
    be told, because reading it is not allowed or because something before it failed.
    """

    RIGHT = "right"
    WRONG = "wrong"
    POORER = "poorer"
    WIDE = "wide"
    UNKNOWN = "unknown"


class Topic(StrEnum):
    """What a check is about."""

    CREDENTIALS = "credentials"
    ROLE = "role"
    TRUST = "trust"
    ORGANIZATION = "organization"
    REGIONS = "regions"
    LISTING = "listing"
    PULLING = "pulling"
    PULL_TIME = "pull-time"
    RIGHTS = "rights"
    SESSION = "session"
    CLOCK = "clock"
    ENDPOINT = "endpoint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """What was refused to whom, and what would allow it: `statement` (JSON), to be added to `document`.

    `statement` is "" where a Deny has to go, or where nobody can say it. `reason` is which kind of policy is to blame,
    "" where AWS does not tell.
    """

    principal: str
    action: str
    resource: str
    statement: str = ""
    document: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Check:
    """One thing that was tried. `account` and `region` are "" where it is about all; `principal` is who tried it.

    `says` is one sentence. `action` and `resource` are what was refused; `statement` (JSON) is what would allow it,
    to be added to `document` (`trust policy of arn:…`). `advice` is what else to do. What does not count is good to
    know, and takes nothing from a scan.
    """

    account: str = ""
    region: str = ""
    topic: Topic
    health: Health
    says: str
    principal: str = ""
    action: str = ""
    resource: str = ""
    statement: str = ""
    document: str = ""
    advice: str = ""
    counts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """All checks, those about everything first, then by account and region; and the registries that can be read."""

    command: str
    started: datetime
    finished: datetime
    identity: Identity | None
    checks: tuple[Check, ...]
    registries: tuple[tuple[Registry, int], ...] = ()
    """Each with how many repositories it has."""

    @property
    def healthy(self) -> bool:
        """Whether there were checks, and all that counts is right: nothing wrong, poorer, too wide or unknown.

        That a role may do more than it needs is told, and takes nothing from a scan.
        """
        counting = (check for check in self.checks if check.counts and check.topic is not Topic.RIGHTS)
        return bool(self.checks) and all(check.health is Health.RIGHT for check in counting)

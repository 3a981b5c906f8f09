"""A call of AWS, as it is told to whoever counts calls, and as a refusal speaks of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that is made. `account` is "" for an ambient identity that nobody has asked yet who it is."""

    service: str
    action: str
    account: str
    region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A call: which action, on what, in which account and region ("" where unknown), by whom.

    `external_id` tells whether one was given, never which.
    """

    action: str
    region: str
    resource: str = "*"
    account: str = ""
    principal: str = ""
    external_id: bool = False

    @property
    def where(self) -> str:
        """The account and region, for messages."""
        return ", ".join(filter(None, (self.account and f"account {self.account}", self.region)))

    @property
    def deed(self) -> str:
        """What was asked of what, for messages."""
        return self.action if self.resource == "*" else f"{self.action} on {self.resource}"

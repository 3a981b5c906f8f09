"""What was not looked at, or could not be judged: a value that every report prints."""

from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """Where on the way of the data the gap opened."""

    IDENTITY = "identity"
    DISCOVERY = "discovery"
    SOURCE = "source"
    REGISTRY = "registry"
    IMAGE = "image"
    INVENTORY = "inventory"
    MATCH = "match"


class Why(StrEnum):
    """The closed list of reasons."""

    DENIED = "denied"
    UNREACHABLE = "unreachable"
    MALFORMED = "malformed"
    LIMIT = "limit"
    UNSUPPORTED = "unsupported"
    NO_FEED = "no-feed"
    STALE_FEED = "stale-feed"
    END_OF_LIFE = "end-of-life"
    NOT_COMPARABLE = "not-comparable"
    ARCHIVED = "archived"
    NOT_AN_IMAGE = "not-an-image"
    INACTIVE = "inactive"
    FILTERED = "filtered"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Gap:
    """Something that was not looked at or not judged.

    `subject` names the thing (a layer's digest, a path, a purl, a distribution), `detail` says in one
    sentence what happened and what can be done.
    """

    stage: Stage
    why: Why
    subject: str
    detail: str

    @property
    def chosen(self) -> bool:
        """True for what the user himself left out: it does not make a scan incomplete."""
        return self.why is Why.FILTERED

    @property
    def wide(self) -> bool:
        """True where a whole part went unseen or unjudged; a doubt of the matching about one package is narrow."""
        return not self.chosen and (self.stage is not Stage.MATCH or self.why in (Why.NO_FEED, Why.STALE_FEED))

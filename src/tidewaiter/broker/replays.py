"""What has been seen once: the numbers of signed messages."""

from dataclasses import dataclass
from typing import Final

WINDOW: Final = 8192
"""How far numbers of one sender may overtake each other."""


@dataclass(slots=True)
class _Sender:
    highest: int = -1
    seen: int = 0
    """Bit n is set where `highest - n` has come."""
    latest: int = 0


class Numbers:
    """The numbers that each sender has used: a window of bits a sender, so that it never grows with what is sent.

    A sender is forgotten when its latest moment is `kept` milliseconds old: by then its messages are refused for their
    age. When there are `most` that cannot be forgotten yet, new ones are refused.
    """

    def __init__(self, *, kept: int, most: int = 4096) -> None:
        self._kept = kept
        self._most = most
        self._senders: dict[str, _Sender] = {}

    def take(self, sender: str, number: int, *, moment: int, now: int) -> bool:
        """Whether the number comes for the first time; from then on it has come."""
        known = self._senders.get(sender) or self._new(sender, now)
        if known is None or not _take(known, number):
            return False
        known.latest = max(known.latest, moment)
        return True

    def _new(self, sender: str, now: int) -> _Sender | None:
        if len(self._senders) >= self._most:
            self._forget(now)
        if len(self._senders) >= self._most:
            return None
        return self._senders.setdefault(sender, _Sender())

    def _forget(self, now: int) -> None:
        for name in [name for name, sender in self._senders.items() if sender.latest < now - self._kept]:
            del self._senders[name]


def _take(sender: _Sender, number: int) -> bool:
    ahead = number - sender.highest
    if ahead > 0:
        sender.seen = ((sender.seen << min(ahead, WINDOW)) | 1) & _MASK
        sender.highest = number
        return True
    bit = 1 << -ahead
    if -ahead >= WINDOW or sender.seen & bit:
        return False
    sender.seen |= bit
    return True


_MASK: Final = (1 << WINDOW) - 1

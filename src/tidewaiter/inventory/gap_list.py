"""Gaps as they are found, in bounds: links and damaged names can be made by the million."""

from tidewaiter.model.gap import Gap

_MOST_TOLD = 1_000


class GapList:
    """Keeps the first thousand gaps; of the rest one last gap tells the number and the first subject."""

    def __init__(self) -> None:
        self._told: list[Gap] = []
        self._first: Gap | None = None
        self._more = 0

    def add(self, gap: Gap) -> None:
        """Keep or count a gap."""
        if len(self._told) < _MOST_TOLD:
            self._told.append(gap)
            return
        self._first = self._first or gap
        self._more += 1

    def gaps(self) -> tuple[Gap, ...]:
        """What was kept, and the word on the rest."""
        first = self._first
        if first is None:
            return tuple(self._told)
        detail = f"{self._more:,} more like it are not listed: {first.detail}"
        return (*self._told, Gap(stage=first.stage, why=first.why, subject=first.subject, detail=detail))

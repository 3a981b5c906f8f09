"""What a plan would say of a repository by the listing alone, before any document is read."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from tidewaiter.fleet.classify import Verdict, by_listing
from tidewaiter.fleet.filters import Filters
from tidewaiter.fleet.plan import newest_first
from tidewaiter.model.cloud import ImageDetail
from tidewaiter.model.fleet import Kind


def foreseen(details: Sequence[ImageDetail], filters: Filters, now: datetime) -> Iterator[tuple[ImageDetail, Verdict]]:
    """What each manifest is and how it would end, by the listing alone; without an outcome it would be looked at.

    Which untagged images belong to an index is not known. Beside an index they are not counted among the newest; those
    are foreseen that were pushed after the first index or image that is too old, as a child is pushed before its index.
    """
    verdicts = [(detail, _filtered(detail, by_listing(detail), filters, now)) for detail in details]
    wanted = [(detail, verdict) for detail, verdict in verdicts if verdict.outcome is None]
    indexed = any(verdict.kind is Kind.INDEX for _, verdict in wanted)
    roots = sorted(
        (each for each, verdict in wanted if each.tags or verdict.kind is Kind.INDEX or not indexed), key=newest_first
    )
    too_old = roots[filters.newest] if filters.newest and filters.newest < len(roots) else None
    for detail, verdict in verdicts:
        if verdict.outcome is None and too_old and newest_first(detail) >= newest_first(too_old):
            yield detail, replace(verdict, outcome=filters.beyond_newest())
        else:
            yield detail, verdict


def _filtered(detail: ImageDetail, verdict: Verdict, filters: Filters, now: datetime) -> Verdict:
    return replace(verdict, outcome=verdict.outcome or filters.of_image(detail, now))

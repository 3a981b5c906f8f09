"""GitLab's advisory database. https://gitlab.com/gitlab-org/advisories-community."""

from dataclasses import dataclass

import msgspec

from tidewaiter.feeds.publishers.publisher import Publisher, Word, free_form
from tidewaiter.feeds.schema import OsvAffected, OsvRecord


class _Row(msgspec.Struct, frozen=True, gc=False):
    affected_range: str | None = None


_ROW = msgspec.json.Decoder(_Row)


@dataclass(frozen=True, slots=True, kw_only=True)
class GitLab(Publisher):
    """The publisher's own range, where it could not be told as OSV's events.

    Where a lower bound is exclusive OSV's range begins with it: one version too many, never one too few.
    """

    def word(self, record: OsvRecord, row: OsvAffected) -> Word:  # noqa: ARG002 - the row says all
        """Only where the row has nothing that could be compared."""
        said = free_form(_ROW, row.database_specific, "database_specific")
        if row.ranges or row.versions or not said.affected_range:
            return Word()
        return Word(note=f"the publisher's range could not be read: {said.affected_range}")

"""GitHub's reviewed advisories (GHSA). https://github.com/github/advisory-database."""

from dataclasses import dataclass

import msgspec

from tidewaiter.feeds.publishers.publisher import Publisher, Word, free_form, label
from tidewaiter.feeds.schema import OsvAffected, OsvRecord
from tidewaiter.model.advisory import Rating


class _Record(msgspec.Struct, frozen=True, gc=False):
    severity: str | None = None


class _Row(msgspec.Struct, frozen=True, gc=False):
    last_known_affected_version_range: str | None = None


_RECORD = msgspec.json.Decoder(_Record)
_ROW = msgspec.json.Decoder(_Row)


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHub(Publisher):
    """A severity in words beside the vectors, and the last version known to be affected where no fix is known."""

    def word(self, record: OsvRecord, row: OsvAffected) -> Word:  # noqa: ARG002 - the row says all
        """The last affected version is a remark: the schema's range goes on, and a later version may be affected."""
        said = free_form(_ROW, row.database_specific, "database_specific")
        last = said.last_known_affected_version_range
        return Word(note=f"last known affected: {last}" if last else "")

    def ratings(self, record: OsvRecord) -> tuple[Rating, ...]:
        """`LOW`, `MODERATE`, `HIGH` or `CRITICAL`."""
        return label(self.name, free_form(_RECORD, record.database_specific, "database_specific").severity)

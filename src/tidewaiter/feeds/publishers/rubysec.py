"""The Ruby advisory database. https://github.com/rubysec/ruby-advisory-db."""

from dataclasses import dataclass

import msgspec

from tidewaiter.feeds.publishers.publisher import Publisher, Word, free_form
from tidewaiter.feeds.schema import OsvAffected, OsvRecord
from tidewaiter.model.advisory import Rating


class _Row(msgspec.Struct, frozen=True, gc=False):
    cvss_v2_score: float | None = None
    cvss_v3_score: float | None = None
    cvss_v4_score: float | None = None


_ROW = msgspec.json.Decoder(_Row)


@dataclass(frozen=True, slots=True, kw_only=True)
class RubySec(Publisher):
    """CVSS scores without their vectors."""

    def word(self, record: OsvRecord, row: OsvAffected) -> Word:  # noqa: ARG002 - the row says all
        """The newest version of CVSS first."""
        said = free_form(_ROW, row.database_specific, "database_specific")
        scores = {"CVSS_V4": said.cvss_v4_score, "CVSS_V3": said.cvss_v3_score, "CVSS_V2": said.cvss_v2_score}
        return Word(
            ratings=tuple(
                Rating(source=self.name, system=system, score=score)
                for system, score in scores.items()
                if score is not None
            )
        )

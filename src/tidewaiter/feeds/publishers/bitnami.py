"""Bitnami's advisories on the components it packages. https://github.com/bitnami/vulndb."""

from dataclasses import dataclass

import msgspec

from tidewaiter.feeds.publishers.publisher import Publisher, free_form, label
from tidewaiter.feeds.schema import OsvRecord
from tidewaiter.model.advisory import Rating


class _Record(msgspec.Struct, frozen=True, gc=False):
    severity: str | None = None


_RECORD = msgspec.json.Decoder(_Record)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bitnami(Publisher):
    """A severity in words beside the vectors of each package."""

    def ratings(self, record: OsvRecord) -> tuple[Rating, ...]:
        """`Low`, `Medium`, `High` or `Critical`."""
        return label(self.name, free_form(_RECORD, record.database_specific, "database_specific").severity)

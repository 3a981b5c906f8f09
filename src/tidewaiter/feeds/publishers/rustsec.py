"""RustSec's advisories on crates and on Rust itself. https://rustsec.org."""

from dataclasses import dataclass

import msgspec

from tidewaiter.feeds.publishers.publisher import Publisher, Word, free_form
from tidewaiter.feeds.schema import OsvAffected, OsvRecord


class _Affects(msgspec.Struct, frozen=True, gc=False):
    os: list[str] | None = None
    arch: list[str] | None = None


class _Ecosystem(msgspec.Struct, frozen=True, gc=False):
    affects: _Affects | None = None


class _Database(msgspec.Struct, frozen=True, gc=False):
    informational: str | None = None


_ECOSYSTEM = msgspec.json.Decoder(_Ecosystem)
_DATABASE = msgspec.json.Decoder(_Database)


@dataclass(frozen=True, slots=True, kw_only=True)
class RustSec(Publisher):
    """Notices (unmaintained, unsound, notice), and the systems that an advisory is limited to."""

    def word(self, record: OsvRecord, row: OsvAffected) -> Word:  # noqa: ARG002 - the row says all
        """The limits are a remark: what a crate was built for is not seen in an image."""
        affects = free_form(_ECOSYSTEM, row.ecosystem_specific, "ecosystem_specific").affects or _Affects()
        systems = [*(affects.os or ()), *(affects.arch or ())]
        return Word(note=f"only on {', '.join(systems)}" if systems else "")

    def informational(self, record: OsvRecord) -> bool:
        """True if every crate is marked so."""
        rows = record.affected or ()
        said = [
            free_form(_DATABASE, row.database_specific, f"affected[{index}].database_specific").informational
            for index, row in enumerate(rows)
        ]
        return bool(said) and all(said)

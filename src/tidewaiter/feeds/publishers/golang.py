"""Go's vulnerability database. https://go.dev/doc/security/vuln/database."""

from dataclasses import dataclass

import msgspec

from tidewaiter.feeds.publishers.publisher import Publisher, Word, free_form
from tidewaiter.feeds.schema import OsvAffected, OsvRange, OsvRecord


class _Import(msgspec.Struct, frozen=True, gc=False):
    goos: list[str] | None = None


class _Row(msgspec.Struct, frozen=True):
    imports: list[_Import] | None = None
    custom_ranges: list[OsvRange] | None = None


_ROW = msgspec.json.Decoder(_Row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Golang(Publisher):
    """Versions in the project's own numbering, which no module version can be compared with, and operating systems."""

    def word(self, record: OsvRecord, row: OsvAffected) -> Word:  # noqa: ARG002 - the row says all
        """The ranges stand as they are: where only the project's numbering knows a fix, they say "all versions"."""
        said = free_form(_ROW, row.ecosystem_specific, "ecosystem_specific")
        return Word(note="; ".join(filter(None, (_numbering(said), _systems(said)))))


def _numbering(said: _Row) -> str:
    events = [event for found in said.custom_ranges or () for event in found.events or ()]
    ends = [end for event in events for end in (("introduced", event.introduced), ("fixed", event.fixed))]
    told = [f"{what} {version}" for what, version in ends if version not in {None, "0"}]
    return f"by the project's own numbering: {', '.join(told)}" if told else ""


def _systems(said: _Row) -> str:
    systems = [frozenset(imported.goos or ()) for imported in said.imports or ()]
    if not systems or not all(systems):
        return ""
    return f"only on {', '.join(sorted(frozenset().union(*systems)))}"

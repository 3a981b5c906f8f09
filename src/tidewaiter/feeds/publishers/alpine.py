"""Alpine's security database. https://secdb.alpinelinux.org."""

import re
from dataclasses import dataclass

import msgspec

from tidewaiter.feeds.publishers.publisher import Publisher, Word, free_form
from tidewaiter.feeds.schema import OsvAffected, OsvRecord
from tidewaiter.model.advisory import Status

_PREFIX = "ALPINE-"
_CVE = re.compile(r"(?:CVE[-_])?(\d{4})[-_](\d{4,})")
_IDENTIFIER = re.compile(r"[A-Za-z]+[-_][\w?.-]*[\d?]")


class _Row(msgspec.Struct, frozen=True, gc=False):
    not_affected: bool | None = None


_ROW = msgspec.json.Decoder(_Row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alpine(Publisher):
    """Fixes only. The entries behind it are free text: ids misspelt, or words of a remark taken for ids."""

    def word(self, record: OsvRecord, row: OsvAffected) -> Word:  # noqa: ARG002 - the row says all
        """A fix in version "0" says that the package never was affected."""
        said = free_form(_ROW, row.ecosystem_specific, "ecosystem_specific")
        return Word(status=Status.NOT_AFFECTED if said.not_affected else None)

    def upstream(self, record: OsvRecord) -> tuple[str, ...]:
        """The CVE, spelt right, or whatever else the entry is about (`XSA-182`)."""
        named = tuple(record.upstream or ())
        own = record.id.removeprefix(_PREFIX)
        if not named and own != record.id and _is_identifier(own) and "?" not in own:
            named = (own,)
        return tuple(map(_spelt_right, named))

    def informational(self, record: OsvRecord) -> bool:
        """The words of a remark beside an id (`ALPINE-regression`) are no vulnerabilities."""
        own = record.id.removeprefix(_PREFIX)
        return own != record.id and not _is_identifier(own)


def _is_identifier(text: str) -> bool:
    return bool(_CVE.match(text) or _IDENTIFIER.match(text))


def _spelt_right(name: str) -> str:
    """`CVE_2019-2426`, `2018-16859` and `CVE-2017-1234.patch` as the CVE that they mean; others as they are."""
    found = _CVE.match(name)
    return f"CVE-{found[1]}-{found[2]}" if found else name

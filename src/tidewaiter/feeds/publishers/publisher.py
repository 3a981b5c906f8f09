"""What a publisher may say beyond the schema, and the plain publisher that says nothing more."""

from dataclasses import dataclass
from typing import TypeVar

import msgspec

from tidewaiter.errors import FeedError
from tidewaiter.feeds import typed
from tidewaiter.feeds.feed import RecordError
from tidewaiter.feeds.schema import OsvAffected, OsvRecord
from tidewaiter.model.advisory import Rating, Status

_Shape = TypeVar("_Shape")

# What stands in the place of a severity where nobody has rated yet.
_UNRATED = frozenset({"", "none", "unknown", "untriaged", "not yet assigned", "undetermined", "end-of-life"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What a publisher says of one affected package in its free-form fields.

    `name` replaces the package name where the published one names no package.
    """

    status: Status | None = None
    note: str = ""
    ratings: tuple[Rating, ...] = ()
    module: str = ""
    cpe: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """A feed: its name, and by which prefixes of ids it is known.

    `errata` marks those that list the CVEs that an advisory mends under `related`, where others mean a looser relation.
    """

    name: str
    prefixes: tuple[str, ...] = ()
    errata: bool = False

    def word(self, record: OsvRecord, row: OsvAffected) -> Word:  # noqa: ARG002 - for those who say more
        """What it says of one package. Raises RecordError for a free-form field of another type than it always has."""
        return Word()

    def ratings(self, record: OsvRecord) -> tuple[Rating, ...]:  # noqa: ARG002 - for those who say more
        """Its ratings that stand elsewhere than in `severity`."""
        return ()

    def informational(self, record: OsvRecord) -> bool:  # noqa: ARG002 - for those who say more
        """Whether the advisory is a notice, and no vulnerability."""
        return False

    def upstream(self, record: OsvRecord) -> tuple[str, ...]:
        """The vulnerabilities that the advisory is about."""
        named = tuple(record.upstream or ())
        if named or record.aliases or not self.errata:
            return named
        return tuple(name for name in record.related or () if name.startswith("CVE-"))

    def predecessor(self, identifier: str) -> str:  # noqa: ARG002 - for those who say more
        """The advisory whose vulnerabilities this one is about too, should it name none; "" if there is no such."""
        return ""


def label(source: str, text: str | None) -> tuple[Rating, ...]:
    """A rating in words; none for the words that stand for "not rated yet"."""
    if text is None or text.strip().lower() in _UNRATED:
        return ()
    return (Rating(source=source, system="label", label=text.strip()),)


def free_form(decoder: msgspec.json.Decoder[_Shape], content: msgspec.Raw, where: str) -> _Shape:
    """A publisher's own object, typed; an absent one is empty. Raises RecordError, under the path `where`."""
    spelled = bytes(content)
    try:
        return typed.decode(decoder, b"{}" if spelled in {b"", b"null"} else spelled)
    except RecordError as error:
        raise within(where, error) from None


def within(where: str, error: FeedError) -> RecordError:
    """The same error, seen from outside: its path begins with `where`."""
    inside = "" if error.where in {"", "the record"} else f".{error.where}"
    return RecordError(error.what, where=where + inside)

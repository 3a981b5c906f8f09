"""How advisories are spelled in the database's blobs: MessagePack arrays, positions instead of names.

A change of anything here is a new `SCHEMA` of the database.
"""

from typing import Any

import msgspec

from tidewaiter.model.advisory import Advisory, Affected, Event, EventKind, Range, RangeType, Rating, Status

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder()

# Positions are the spelling: only append.
_TYPES = (RangeType.ECOSYSTEM, RangeType.SEMVER, RangeType.GIT)
_KINDS = (EventKind.INTRODUCED, EventKind.FIXED, EventKind.LAST_AFFECTED, EventKind.LIMIT)
_STATUSES = (
    None,
    Status.AFFECTED,
    Status.WONT_FIX,
    Status.DEFERRED,
    Status.NOT_AFFECTED,
    Status.UNKNOWN,
    Status.PRO_ONLY,
)
_TYPE_POSITION = {value: position for position, value in enumerate(_TYPES)}
_KIND_POSITION = {value: position for position, value in enumerate(_KINDS)}
_STATUS_POSITION = {value: position for position, value in enumerate(_STATUSES)}


def encode_statement(row: Affected, key: str) -> bytes:
    """What a row says, without its ecosystem; its name only if it is not `key`, under which it will be found."""
    return _ENCODER.encode(
        (
            "" if row.name == key else row.name,
            [_range(found) for found in row.ranges],
            row.versions,
            _STATUS_POSITION[row.status],
            [_rating(rating) for rating in row.ratings],
            row.module,
            row.cpe,
            row.note,
        )
    )


def _range(found: Range) -> list[int | str]:
    spelled: list[int | str] = [_TYPE_POSITION[found.type]]
    for event in found.events:
        spelled += (_KIND_POSITION[event.kind], event.version)
    return spelled


def _rating(rating: Rating) -> tuple[str, str, str, float | None, str]:
    return rating.source, rating.system, rating.vector, rating.score, rating.label


def decode_statement(spelled: Any, ecosystem: str, key: str) -> Affected:
    """The row that `encode_statement` spelled. Raises ValueError, TypeError or IndexError for anything else."""
    name, ranges, versions, status, ratings, module, cpe, note = spelled
    return Affected(
        ecosystem=ecosystem,
        name=name or key,
        ranges=tuple([_read_range(found) for found in ranges]),
        versions=tuple(versions),
        status=_STATUSES[status],
        ratings=tuple([_read_rating(rating) for rating in ratings]),
        module=module,
        cpe=cpe,
        note=note,
    )


def _read_range(spelled: Any) -> Range:
    kinds, versions = spelled[1::2], spelled[2::2]
    events = [Event(_KINDS[kind], version) for kind, version in zip(kinds, versions, strict=True)]
    return Range(type=_TYPES[spelled[0]], events=tuple(events))


def _read_rating(spelled: Any) -> Rating:
    source, system, vector, score, label = spelled
    return Rating(source=source, system=system, vector=vector, score=score, label=label)


def encode_header(advisory: Advisory) -> bytes:
    """An advisory without what it says of packages."""
    return _ENCODER.encode(
        (
            advisory.feed,
            advisory.id,
            advisory.aliases,
            advisory.upstream,
            advisory.related,
            advisory.summary,
            advisory.published,
            advisory.modified,
            advisory.withdrawn,
            advisory.informational,
            [_rating(rating) for rating in advisory.ratings],
            advisory.references,
        )
    )


def decode_header(content: bytes | msgspec.Raw) -> Advisory:
    """The advisory that `encode_header` spelled.

    Raises msgspec.DecodeError, ValueError or TypeError for anything else.
    """
    (
        feed,
        identifier,
        aliases,
        upstream,
        related,
        summary,
        published,
        modified,
        withdrawn,
        informational,
        ratings,
        references,
    ) = _DECODER.decode(content)
    return Advisory(
        feed=feed,
        id=identifier,
        aliases=tuple(aliases),
        upstream=tuple(upstream),
        related=tuple(related),
        summary=summary,
        published=published,
        modified=modified,
        withdrawn=withdrawn,
        informational=informational,
        ratings=tuple(_read_rating(rating) for rating in ratings),
        references=tuple(references),
    )

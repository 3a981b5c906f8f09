"""Outside data read into types, with errors that say where: `affected[3].ranges[0].events[1].fixed`."""

import re
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from tidewaiter.feeds.feed import RecordError

_Shape = TypeVar("_Shape")

_PLACE = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<where>.*)`)?", re.DOTALL)
_EXPECTED = re.compile(r"Expected `(?P<types>[^`]+)`")
_MISSING = re.compile(r"Object missing required field `(?P<name>[^`]+)`")
_WORDS = {
    "str": "a string",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}


def decode(decoder: msgspec.json.Decoder[_Shape], content: bytes | msgspec.Raw) -> _Shape:
    """The value that `content` spells. Raises RecordError for what is not JSON, or not of the decoder's type."""
    try:
        return decoder.decode(content)
    except msgspec.ValidationError as error:
        raise _misshapen(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordError(f"not JSON: {error}") from None
    except RecursionError:
        raise RecordError("nested too deeply") from None


def moment(text: str, where: str) -> datetime:
    """The time that a timestamp means: UTC where it says nothing, midnight where it is a date. Raises RecordError.

    https://ossf.github.io/osv-schema/#id-modified-fields asks for RFC 3339 in UTC; some publishers give less.
    """
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        raise RecordError("expected a time, as 2024-01-31T12:00:00Z", where=where) from None
    try:
        return told.astimezone(UTC) if told.tzinfo else told.replace(tzinfo=UTC)
    except OverflowError:
        raise RecordError("expected a time within the years 1 to 9999", where=where) from None


def timestamp(told: datetime) -> str:
    """The time as advisories write it: RFC 3339 in UTC, to the second."""
    return f"{told.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def _misshapen(message: str) -> RecordError:
    """The library's words in ours. https://jcristharif.com/msgspec/usage.html#typed-decoding."""
    found = _PLACE.fullmatch(message)
    what, where = (found["what"], found["where"] or "") if found else (message, "")
    missing = _MISSING.fullmatch(what)
    if missing:
        return RecordError("is missing", where=f"{where}.{missing['name']}".lstrip("."))
    expected = _EXPECTED.match(what)
    return RecordError(f"expected {_words(expected['types'])}" if expected else what, where=where or "the record")


def _words(types: str) -> str:
    words = [_WORDS.get(name, name) for name in types.split(" | ") if name != "null"]
    return " or ".join(dict.fromkeys(words))

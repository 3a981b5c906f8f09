"""JSON into types, with errors that name the file and the place in it."""

import re
from typing import TypeVar

import msgspec

from tidewaiter.errors import MalformedError

T = TypeVar("T")
_PLACE = re.compile(r"(?P<what>.*) - at `\$\.?(?P<place>.*)`", re.DOTALL)


def decoded(content: bytes, kind: type[T], name: str) -> T:
    """The document as a value of `kind`.

    Raises MalformedError: `bom.json: components[3].version: expected str, got int`.
    """
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        raise _misfit(str(error), name) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedError(f"not valid JSON: {error}", where=name) from error


def _misfit(said: str, name: str) -> MalformedError:
    found = _PLACE.fullmatch(said)
    what = (found["what"] if found else said).replace("`", "")
    return MalformedError(what[:1].lower() + what[1:], where=f"{name}: {found['place']}" if found else name)

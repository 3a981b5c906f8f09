"""What a rule asks of a request beyond method and path: the reference's `valid`.

All conditions on headers must hold. Of the others, one on the body must hold, or all on the query.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

import msgspec

from tidewaiter.broker.paths import Target
from tidewaiter.broker.patterns import Pattern, Token, Wild

_DEEPEST: Final = 32
_MOST_VALUES: Final = 100_000
_STARS: Final = re.compile(r"(\*+)")


class Part(StrEnum):
    """The part of a request that a condition looks at, by the name that it has in a rules file."""

    HEADER = "header"
    QUERY = "queryParam"
    BODY = "path"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One of the values must be there: in the header or parameter `name`, or where the path `name` leads in JSON.

    Values of headers stand for themselves. In the others `*` stands for anything, in parameters not for slashes, which
    `**` does too.
    """

    part: Part
    name: str
    values: tuple[str, ...]


def hold(conditions: Iterable[Condition], target: Target, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the request fulfils the conditions. A body that is not JSON fulfils none of its own."""
    others = [condition for condition in conditions if condition.part is not Part.HEADER]
    named = [condition for condition in conditions if condition.part is Part.HEADER]
    if not all(headers.get(condition.name, "") in condition.values for condition in named):
        return False
    return not others or _one_of_body(others, body) or _all_of_query(others, target)


def _one_of_body(conditions: Iterable[Condition], body: bytes) -> bool:
    wanted = [condition for condition in conditions if condition.part is Part.BODY]
    if not wanted:
        return False
    try:
        document = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        return False
    return any(_in_document(document, condition) for condition in wanted)


def _in_document(document: object, condition: Condition) -> bool:
    patterns = [_glob(value, crossing=True) for value in condition.values]
    found = _reached(document, condition.name.split("."))
    return any(pattern.fits(text) for text in found for pattern in patterns)


def _reached(document: object, path: list[str]) -> Iterator[str]:
    """The texts where the path leads; `*` is every member. Numbers and truth values as JSON writes them."""
    values = [document]
    for name in path[:_DEEPEST]:
        values = [member for value in values for member in _members(value, name)][:_MOST_VALUES]
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, (bool, int, float)):
            yield msgspec.json.encode(value).decode()


def _members(value: object, name: str) -> list[object]:
    if isinstance(value, dict):
        return list(value.values()) if name == "*" else [value[name]] if name in value else []
    if isinstance(value, list):
        return value if name == "*" else [value[int(name)]] if name.isdecimal() and int(name) < len(value) else []
    return []


def _all_of_query(conditions: Iterable[Condition], target: Target) -> bool:
    """Of a parameter that comes twice each value must fit: nobody knows which one the agent would take."""
    wanted = [condition for condition in conditions if condition.part is Part.QUERY]
    return bool(wanted) and all(_in_query(target, condition) for condition in wanted)


def _in_query(target: Target, condition: Condition) -> bool:
    patterns = [_glob(value, crossing=False) for value in condition.values]
    given = target.values(condition.name) or ("",)
    return all(any(pattern.fits(value) for pattern in patterns) for value in given)


@lru_cache(maxsize=1024)
def _glob(text: str, *, crossing: bool) -> Pattern:
    """A value as a pattern: `*` stands for anything, where it does not cross slashes `**` does."""
    return Pattern(token for piece in _STARS.split(text) for token in _tokens(piece, crossing=crossing))


def _tokens(piece: str, *, crossing: bool) -> Iterable[Token]:
    if not piece.startswith("*"):
        return piece
    return (Wild.ANY if crossing or len(piece) > 1 else Wild.IN_SEGMENT,)

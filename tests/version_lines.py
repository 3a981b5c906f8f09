"""Statements about the order of versions, as lines `a < b`, and whether tidewaiter agrees with them."""

import re
from typing import NamedTuple

from tidewaiter.versions import compare, key

_LINE = re.compile(r"(\S+)\s+([<=>])\s+(\S+)(?:\s+#.*)?")


class Statement(NamedTuple):
    """That one version is older than (`<`), equal to (`=`) or newer than (`>`) another."""

    left: str
    relation: str
    right: str

    def __str__(self) -> str:
        return " ".join(self)


def statements(text: str) -> list[Statement]:
    """One for each line; empty lines and comments (`#`, `//`) are left out, and anything else is an error."""
    found = []
    for line in map(str.strip, text.splitlines()):
        if line and not line.startswith(("#", "//")):
            match = _LINE.fullmatch(line)
            assert match, f"no statement: {line!r}"
            found.append(Statement(*match.groups()))
    return found


def relation(scheme: str, left: str, right: str) -> str:
    """`<`, `=` or `>` by `compare`, which must say the same from either side."""
    forward, backward = compare(scheme, left, right), compare(scheme, right, left)
    assert forward == -backward
    return _sign(forward)


def relation_of_keys(scheme: str, left: str, right: str) -> str:
    """`<`, `=` or `>` by `key`; equal keys must have equal hashes."""
    one, other = key(scheme, left), key(scheme, right)
    assert (one == other) == (not one < other and not other < one)
    assert one != other or hash(one) == hash(other)
    return _sign(-1 if one < other else int(other < one))


def _sign(number: int) -> str:
    return "<" if number < 0 else ">" if number else "="

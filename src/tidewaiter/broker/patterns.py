"""Patterns of paths and values, matched in one pass: no text makes them go back over what they have read."""

from collections.abc import Iterable, Sequence
from enum import Enum, auto


class Wild(Enum):
    """What stands for characters that are not known beforehand."""

    ONE_IN_SEGMENT = auto()
    """One character other than a slash."""

    IN_SEGMENT = auto()
    """Any number of characters other than slashes."""

    ANY = auto()
    """Any number of characters."""


Token = str | Wild
"""A character, or what stands for some."""


class Pattern:
    """Tokens that a whole text must fit.

    The usual ones, a text or the beginning of one, are compared as such. For the others all places in the pattern where
    the text read so far could end are kept as the bits of a number: bit n, where n tokens have been used up.
    """

    __slots__ = ("_ahead", "_any", "_end", "_in_segment", "_one", "_open", "_prefix", "_repeats")

    def __init__(self, tokens: Iterable[Token]) -> None:
        sequence = _merged(tokens)
        literal = next((place for place, token in enumerate(sequence) if isinstance(token, Wild)), len(sequence))
        self._prefix = "".join(str(token) for token in sequence[:literal])
        rest = sequence[literal:]
        self._open = rest == [Wild.ANY]
        self._end = 1 << len(rest)
        self._one = _places(rest, Wild.ONE_IN_SEGMENT)
        self._in_segment = _places(rest, Wild.IN_SEGMENT)
        self._any = _places(rest, Wild.ANY)
        self._repeats = self._in_segment | self._any
        self._ahead = {token: _places(rest, token) for token in rest if isinstance(token, str)}

    def fits(self, text: str) -> bool:
        """Whether the whole of the text is as the pattern says."""
        if not text.startswith(self._prefix):
            return False
        if self._open:
            return True
        return self._rest_fits(text[len(self._prefix) :])

    def _rest_fits(self, text: str) -> bool:
        reached = self._skipping(1)
        for character in text:
            if not reached:
                return False
            reached = self._skipping(self._after(character, reached))
        return bool(reached & self._end)

    def _after(self, character: str, reached: int) -> int:
        ahead = self._ahead.get(character, 0)
        if character == "/":
            return ((reached & ahead) << 1) | (reached & self._any)
        return ((reached & (ahead | self._one)) << 1) | (reached & self._repeats)

    def _skipping(self, reached: int) -> int:
        """The places with those that are reached where a repeat stands for nothing; no two repeats are neighbours."""
        return reached | ((reached & self._repeats) << 1)


def _merged(tokens: Iterable[Token]) -> list[Token]:
    """The tokens, without repeats beside repeats: the wider one says all."""
    merged: list[Token] = []
    for token in tokens:
        repeats = token in _REPEATS and merged and merged[-1] in _REPEATS
        if not repeats:
            merged.append(token)
        elif token is Wild.ANY:
            merged[-1] = token
    return merged


_REPEATS = frozenset({Wild.IN_SEGMENT, Wild.ANY})


def _places(tokens: Sequence[Token], wanted: Token) -> int:
    return sum(1 << place for place, token in enumerate(tokens) if token == wanted)

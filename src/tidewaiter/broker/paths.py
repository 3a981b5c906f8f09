"""The one form of a request's target: what is matched against rules is what is forwarded.

Two programs that read a path differently are how rules are passed by. So a target that could be read in two ways is
refused, and what is left is written in one way.
https://www.rfc-editor.org/rfc/rfc3986#section-6.2.2 https://www.rfc-editor.org/rfc/rfc9112#section-3.2
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote

from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError

LONGEST: Final = 8192
"""The most characters that a target may have."""

_MOST_SEGMENTS: Final = 128
_MOST_PARAMETERS: Final = 256
_CACHED: Final = 512
"""The most characters of a target whose canonical form is remembered: what is asked again and again is short."""

IN_SEGMENT: Final = "-._~!$&'()*+,=:@"
"""The characters, beside letters and digits, that a segment of a canonical path has without an escape."""

_IN_QUERY: Final = "-._~!$'()*,:@/"
_ORIGIN_FORM: Final = re.compile(r"/[!$%&'()*+,\-./0-9:=@A-Z_a-z~]*(?:\?[!$%&'()*+,\-./0-9:;=?@A-Z_a-z~\[\]|^{}]*)?")
_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DELIMITERS: Final = frozenset("/\\%;?#")
_UNSEEN: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""Categories of characters that nobody sees and some programs drop."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a request asks for, once it has its canonical form. Segments and query are decoded."""

    segments: tuple[str, ...]
    query: tuple[tuple[str, str], ...]
    path: str
    query_string: str

    def __str__(self) -> str:
        """The form that is matched, signed and forwarded."""
        return f"{self.path}?{self.query_string}" if self.query_string else self.path

    def below(self, count: int) -> "Target":
        """The target without its first segments: `/a/b/c?d=e` below 2 is `/c?d=e`; "/" where none is left."""
        kept = self.segments[count:] if any(self.segments[count:]) else ()
        return Target(segments=kept, query=self.query, path=_path(kept), query_string=self.query_string)

    def values(self, name: str) -> tuple[str, ...]:
        """All values of a parameter, in order."""
        return tuple(value for key, value in self.query if key == name)


def canonical(raw: str) -> Target:
    """The target of a request as it stood on its first line, in the one form.

    Escapes are undone once and made again where needed. Raises BrokerError (malformed) for all that somebody behind
    could read otherwise: dot segments, empty segments, parameters of segments, slashes, backslashes, controls and
    percent signs in disguise, other forms than the origin form.
    """
    return _short(raw) if len(raw) <= _CACHED else _canonical(raw)


def _canonical(raw: str) -> Target:
    if len(raw) > LONGEST:
        raise _refused("the target of the request is too long", f"At most {LONGEST} characters are taken")
    if not _ORIGIN_FORM.fullmatch(raw):
        raise _refused("the target of the request is not a path with escapes as RFC 3986 has them")
    path, _, query = raw.partition("?")
    if _BROKEN_ESCAPE.search(raw):
        raise _refused("the target of the request has a percent sign without two hexadecimal digits")
    segments = _segments(path)
    pairs = _pairs(query)
    return Target(segments=segments, query=pairs, path=_path(segments), query_string=_query(pairs))


_short = lru_cache(maxsize=1024)(_canonical)


def _segments(path: str) -> tuple[str, ...]:
    if path == "/":
        return ()
    raw = path[1:].split("/")
    if len(raw) > _MOST_SEGMENTS:
        raise _refused("the path of the request has too many segments", f"At most {_MOST_SEGMENTS} are taken")
    if "" in raw[:-1]:
        raise _refused("the path of the request has an empty segment")
    return tuple(_segment(segment) for segment in raw)


def _segment(raw: str) -> str:
    """A segment, decoded. What would be another path after one more decoding or normalising is refused."""
    text = _decoded(raw) if "%" in raw else raw
    if text and not text.strip(". "):
        raise _refused("the path of the request has a dot segment")
    if not _DELIMITERS.isdisjoint(text):
        raise _refused("the path of the request hides a slash, backslash, percent sign, semicolon or question mark")
    if not text.isascii() and not _keeps_its_meaning(text):
        raise _refused("the path of the request has characters that others take for a slash or a dot")
    return text


def _keeps_its_meaning(text: str) -> bool:
    """Whether compatibility normalisation, which some programs do, makes no delimiters or dot segments of it."""
    folded = unicodedata.normalize("NFKC", text)
    return _DELIMITERS.isdisjoint(folded) and bool(folded.strip(". "))


def _pairs(query: str) -> tuple[tuple[str, str], ...]:
    pieces = [piece for piece in query.split("&") if piece]
    if len(pieces) > _MOST_PARAMETERS:
        raise _refused("the request has too many parameters", f"At most {_MOST_PARAMETERS} are taken")
    return tuple(_pair(piece) for piece in pieces)


def _pair(piece: str) -> tuple[str, str]:
    name, _, value = piece.partition("=")
    return _decoded(name.replace("+", " ")), _decoded(value.replace("+", " "))


def _decoded(text: str) -> str:
    if "%" not in text:
        return text
    try:
        plain = unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        raise _refused("the target of the request has escapes that are not UTF-8") from error
    if any(unicodedata.category(character) in _UNSEEN for character in plain):
        raise _refused("the target of the request has a control character")
    return plain


def _path(segments: tuple[str, ...]) -> str:
    return "/" + "/".join(quote(segment, safe=IN_SEGMENT) for segment in segments)


def _query(pairs: tuple[tuple[str, str], ...]) -> str:
    return "&".join(f"{quote(name, safe=_IN_QUERY)}={quote(value, safe=_IN_QUERY)}" for name, value in pairs)


def _refused(what: str, advice: str = "") -> BrokerError:
    return BrokerError(what, advice=advice, code=Code.MALFORMED)

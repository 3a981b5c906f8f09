"""Values that must not be seen, taken out of texts in each form in which they may stand there."""

import base64
import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

import msgspec

_SHORTEST: Final = 4
_FEW: Final = 64
"""How many forms one expression looks for; for more, each place of a text is looked up."""

_STARS: Final = "***"
_ESCAPE: Final = re.compile("%[0-9A-F]{2}")


class Secrets:
    """The secrets that a program holds. Those of fewer than four characters are not looked for: they are everywhere."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._forms: set[str] = set()
        self._heads: dict[str, list[str]] = {}
        self._expression: re.Pattern[str] | None = None
        self.add(*values)

    def __repr__(self) -> str:
        return "Secrets(…)"

    def add(self, *values: str) -> None:
        """From now on these are taken out too."""
        known = len(self._forms)
        self._forms.update(form for value in values if len(value) >= _SHORTEST for form in _forms(value))
        if len(self._forms) == known:
            return
        longest_first = sorted(self._forms, key=len, reverse=True)
        few = len(longest_first) <= _FEW
        self._expression = re.compile("|".join(map(re.escape, longest_first))) if few else None
        self._heads = {}
        for form in longest_first:
            self._heads.setdefault(form[:_SHORTEST], []).append(form)

    def redacted(self, text: str) -> str:
        """The text with stars where a secret stood, plain or encoded."""
        if self._expression:
            return self._expression.sub(_STARS, text)
        if self._heads.keys().isdisjoint([text[place : place + _SHORTEST] for place in range(len(text))]):
            return text
        return "".join(self._pieces(text))

    def _pieces(self, text: str) -> Iterator[str]:
        place = 0
        while place < len(text):
            found = next(
                (form for form in self._heads.get(text[place : place + _SHORTEST], ()) if text.startswith(form, place)),
                "",
            )
            yield _STARS if found else text[place]
            place += len(found) or 1


def _forms(value: str) -> Iterator[str]:
    """The value as it is, and as URLs, JSON, Python's own texts, base64 and hexadecimal digits have it."""
    in_json = msgspec.json.encode(_text(value)).decode()[1:-1]
    in_url = quote(value, safe="", errors="surrogatepass")
    yield from (value, in_json, repr(value)[1:-1], in_url, quote(value, errors="surrogatepass"))
    yield from (quote_plus(value, errors="surrogatepass"), _ESCAPE.sub(lambda found: found[0].lower(), in_url))
    yield from (form for text in {value, in_json} for form in _in_base64(_bytes(text)))
    yield from (_bytes(value).hex(), _bytes(value).hex().upper())


def _in_base64(data: bytes) -> Iterator[str]:
    """What base64 of any text with the value in it has to hold, for each place where the value may begin in it."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + data).decode().rstrip("=")
        whole = (before + len(data)) % 3 == 0
        inner = encoded[-(-before * 8 // 6) : len(encoded) if whole else len(encoded) - 1]
        if len(inner) >= _SHORTEST:
            yield from (inner, inner.replace("+", "-").replace("/", "_"))


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _text(value: str) -> str:
    return _bytes(value).decode(errors="replace")

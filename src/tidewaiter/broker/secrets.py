"""Values that must not be seen, taken out of texts in each form in which they may stand there."""

import base64
import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

import msgspec

_SHORTEST: Final = 4
_STARS: Final = "***"


class Secrets:
    """The secrets that a program holds. Those of fewer than four characters are not looked for: they are everywhere."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: set[str] = set()
        self._expression: re.Pattern[str] | None = None
        self.add(*values)

    def __repr__(self) -> str:
        return "Secrets(…)"

    def add(self, *values: str) -> None:
        """From now on these are taken out too."""
        self._values.update(value for value in values if len(value) >= _SHORTEST)
        forms = sorted({form for value in self._values for form in _forms(value)}, key=len, reverse=True)
        self._expression = re.compile("|".join(map(re.escape, forms))) if forms else None

    def redacted(self, text: str) -> str:
        """The text with stars where a secret stood, plain or encoded."""
        return self._expression.sub(_STARS, text) if self._expression else text


def _forms(value: str) -> Iterator[str]:
    yield value
    yield quote(value, safe="")
    yield quote_plus(value)
    yield msgspec.json.encode(value).decode()[1:-1]
    yield repr(value)[1:-1]
    yield from _in_base64(value.encode())


def _in_base64(data: bytes) -> Iterator[str]:
    """What base64 of any text with the value in it has to hold, for each place where the value may begin in it."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + data).decode().rstrip("=")
        inner = encoded[-(-before * 8 // 6) : len(encoded) if (before + len(data)) % 3 == 0 else len(encoded) - 1]
        if len(inner) >= _SHORTEST:
            yield inner
            yield inner.replace("+", "-").replace("/", "_")

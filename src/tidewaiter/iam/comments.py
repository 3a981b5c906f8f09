"""Comments in what is rendered: what begins with a `#` is for people in all of its languages."""

from collections.abc import Iterator
from textwrap import wrap
from typing import Final

WIDTH: Final = 100
"""How wide they are, in characters."""


def comment(text: str, width: int = WIDTH) -> Iterator[str]:
    """The text as lines of a comment; what is indented stays as it is, so that it can be copied."""
    for paragraph in text.splitlines():
        shown = "".join(letter if letter.isprintable() else "?" for letter in paragraph)
        lines = [shown] if shown.startswith(" ") else wrap(shown, width - 2, break_long_words=False)
        yield from (f"# {line}".rstrip() for line in lines or [""])

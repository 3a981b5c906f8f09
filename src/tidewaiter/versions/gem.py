"""Versions of Ruby gems, as Gem::Version orders them."""

import re

from tidewaiter.versions.syntax import parse

_FORM = re.compile(r"\s*+(?P<version>[0-9]++(?:\.[0-9A-Za-z]++)*+(?:-[0-9A-Za-z-]++(?:\.[0-9A-Za-z-]++)*+)?)\s*+")
_SEGMENT = re.compile(r"[0-9]+|[A-Za-z]+")

_BEFORE, _SAME, _AFTER = -1, 0, 1
_TEXT, _NUMBER = range(2)
_END = (_SAME,)

Key = tuple[tuple[int] | tuple[int, int, int | str], ...]


def compare_key(version: str) -> Key:
    """The sort key of a gem's version: text is a pre-release, older than any number; what is missing is 0.

    So what follows a zero decides whether it is older or newer than the end: each segment's weight begins with that.
    Raises VersionError for what Gem::Version calls malformed, and for an empty version (which it reads as 0).
    Order: https://docs.ruby-lang.org/en/master/Gem/Version.html
    """
    weights: list[tuple[int] | tuple[int, int, int | str]] = [_END]
    side = _SAME
    for segment in reversed(_canonical_segments(parse(_FORM, version, "RubyGems")["version"])):
        if isinstance(segment, str):
            side = _BEFORE
            weights.append((side, _TEXT, segment))
        else:
            side = _AFTER if segment else side
            weights.append((side, _NUMBER, segment))
    return tuple(reversed(weights))


def _canonical_segments(version: str) -> list[int | str]:
    """Numbers and texts, without the zeros at the end and before the first text. A hyphen stands for `.pre.`."""
    parts = [int(part) if part.isdigit() else part for part in _SEGMENT.findall(version.replace("-", ".pre."))]
    first_text = next((index for index, part in enumerate(parts) if isinstance(part, str)), len(parts))
    return _without_zeros(parts[:first_text]) + _without_zeros(parts[first_text:])


def _without_zeros(segments: list[int | str]) -> list[int | str]:
    while segments and segments[-1] == 0:
        segments.pop()
    return segments

"""Versions of Debian, Ubuntu and their kin: `[epoch:]upstream[-revision]`, ordered as dpkg orders them."""

import re
from functools import lru_cache

from tidewaiter.versions.syntax import parse, refusal

_SCHEME = "dpkg"

# An epoch ends at the first colon, so where there is none, no colon may follow. The revision begins at the last hyphen,
# and has no colon.
_FORM = re.compile(
    r"[ \t]*+(?!.*-[^-:]*+:[^-]*+\Z)(?:(?P<epoch>[0-9]++):|(?![^:]*:))"
    r"(?P<upstream>[0-9][0-9A-Za-z.+~:-]*?)(?:-(?P<revision>[0-9A-Za-z.+~]++))?(?<!-)[ \t]*+"
)
_HIGHEST_EPOCH = 2**31 - 1  # dpkg keeps it in an int

# A tilde sorts before the end of a run, letters after it, everything else after the letters.
_TILDE, _END = "\x01", "\x02"
_RANKS = str.maketrans({"~": _TILDE} | {other: chr(0x80 + ord(other)) for other in "+-.:"})
_DIGITS = re.compile("([0-9]+)")

Part = tuple[str | int, ...]


def compare_key(version: str) -> tuple[int, Part, Part]:
    """The sort key of a Debian version: `a < b` as dpkg orders them.

    Raises VersionError for what dpkg calls bad syntax, never guesses.
    Policy: https://www.debian.org/doc/debian-policy/ch-controlfields.html#version
    """
    epoch, upstream, revision = parse(_FORM, version, _SCHEME).groups()
    number = int(epoch) if epoch else 0
    if number > _HIGHEST_EPOCH:
        raise refusal(version, _SCHEME)
    return number, _weigh(upstream), _weigh(revision or "0")


def _weigh(part: str) -> Part:
    """Runs of other characters and numbers in turn, the last run an end: a number left out counts as 0."""
    runs = _DIGITS.split(part)
    if runs[-1]:
        runs += ["0", ""]
    weights: list[str | int] = list(map(_weigh_run, runs))
    weights[1::2] = map(int, runs[1::2])
    return tuple(weights)


@lru_cache(maxsize=4096)
def _weigh_run(run: str) -> str:
    return run.translate(_RANKS) + _END

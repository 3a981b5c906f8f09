"""Versions of rpm packages: `[epoch:]version[-release]`, ordered as rpm orders them."""

import re

from tidewaiter.versions.syntax import parse

# rpm reads an epoch only where nothing but digits stands before the colon, and the release after the last hyphen.
_FORM = re.compile(r"(?:(?P<epoch>[0-9]*+):|(?![0-9]*+:))(?P<rest>(?!-[^-]*\Z)[^\s\x00-\x1f\x7f]++)")
_SEGMENT = re.compile(r"[0-9]+|[A-Za-z]+|[~^]")

# What may stand at a place, lowest first: a tilde is older than nothing at all, a caret is newer, but older than more.
_TILDE, _END, _CARET, _LETTERS, _NUMBER = range(5)

Part = tuple[int | str, ...]


def compare_key(version: str) -> tuple[int, Part, Part]:
    """The sort key of an rpm version: `a < b` as rpm's rpmverCmp orders them.

    A missing epoch is 0. A missing release is older than every release, as in rpm: an advisory that says "fixed in 1.2"
    means every build of 1.2. Characters that are no ASCII letter, digit, tilde or caret only separate.
    Raises VersionError for an empty version, and for white space or control characters in it.
    Manual: https://rpm.org/docs/latest/man/rpm-version.7
    """
    epoch, rest = parse(_FORM, version, "rpm").groups()
    before, hyphen, after = rest.rpartition("-")
    if not hyphen:
        return int(epoch or 0), _weigh(rest), ()
    return int(epoch or 0), _weigh(before), _weigh(after)


def _weigh(part: str) -> Part:
    weights: list[int | str] = []
    for segment in _SEGMENT.findall(part):
        if segment == "~":
            weights.append(_TILDE)
        elif segment == "^":
            weights.append(_CARET)
        elif segment.isdigit():
            weights += (_NUMBER, int(segment))
        else:
            weights += (_LETTERS, segment)
    weights.append(_END)
    return tuple(weights)

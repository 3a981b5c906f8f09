"""Semantic versions (npm, Go, crates.io, Bitnami …) as published: the form is loose, the order is the specification's.

Besides strict versions these are read: a leading `v` (Go) or `=`, one number or two (the rest is 0), more than three
(each counts after those before it), leading zeros, a pre-release without its hyphen (`1.2.3beta`), white space around.
"""

import re

from tidewaiter.versions.syntax import parse

# Of a pre-release without a hyphen the first identifier is no number: it would belong to the version.
_FORM = re.compile(
    r"\s*+[=vV]?+(?P<numbers>[0-9]++(?:\.[0-9]++)*+)"
    r"(?:(?P<prerelease>(?:-|(?=[A-Za-z]))[0-9A-Za-z-]++(?:\.[0-9A-Za-z-]++)*+))?"
    r"(?:\+[0-9A-Za-z.-]++)?\s*+"
)
_PRERELEASE, _RELEASE = range(2)
_NUMBER, _TEXT = range(2)

Key = tuple[tuple[int, ...], tuple[int | str, ...]]


def compare_key(version: str) -> Key:
    """The sort key of a semantic version; build metadata does not count.

    Raises VersionError for every other form.
    Order: https://semver.org/spec/v2.0.0.html#spec-item-11
    """
    numbers, prerelease = parse(_FORM, version, "semver").groups()
    return _weigh_numbers(numbers), _weigh_prerelease(prerelease) if prerelease else (_RELEASE,)


def _weigh_numbers(numbers: str) -> tuple[int, ...]:
    weights = [int(number) for number in numbers.split(".")]
    while weights and not weights[-1]:
        weights.pop()
    return tuple(weights)


def _weigh_prerelease(prerelease: str) -> tuple[int | str, ...]:
    weights: list[int | str] = [_PRERELEASE]
    for identifier in prerelease.removeprefix("-").split("."):
        weights += (_NUMBER, int(identifier)) if identifier.isdigit() else (_TEXT, identifier)
    return tuple(weights)

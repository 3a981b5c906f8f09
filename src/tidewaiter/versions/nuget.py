"""Versions of NuGet packages: up to four numbers, then a pre-release in any case, as NuGet.Versioning orders them."""

import re

from tidewaiter.versions.syntax import parse

# NuGet refuses leading zeros in the numbers of a pre-release (not in the version's own).
_LABEL = r"(?:[0-9]*+[A-Za-z-][0-9A-Za-z-]*+|0|[1-9][0-9]*+)"
_FORM = re.compile(
    r"\s*+(?P<numbers>[0-9]++(?:\.[0-9]++){0,3}+)"
    rf"(?:-(?P<labels>{_LABEL}(?:\.{_LABEL})*+))?"
    r"(?:\+[0-9A-Za-z-]++(?:\.[0-9A-Za-z-]++)*+)?\s*+"
)
_INTEGER = re.compile("-?[0-9]{1,10}")
_LOWEST, _HIGHEST = -(2**31), 2**31 - 1
_PRERELEASE, _RELEASE = range(2)
_NUMBER, _TEXT = range(2)

Key = tuple[tuple[int, ...], tuple[int | str, ...]]


def compare_key(version: str) -> Key:
    """The sort key of a NuGet version; metadata after a plus does not count, a missing number is 0.

    Raises VersionError for what NuGetVersion.TryParse refuses; numbers may be larger than its 32 bits.
    Order: https://learn.microsoft.com/nuget/concepts/package-versioning
    """
    numbers, labels = parse(_FORM, version, "NuGet").groups()
    weights = [int(number) for number in numbers.split(".")]
    weights += [0] * (4 - len(weights))
    return tuple(weights), _weigh_labels(labels) if labels else (_RELEASE,)


def _weigh_labels(labels: str) -> tuple[int | str, ...]:
    weights: list[int | str] = [_PRERELEASE]
    for label in labels.lower().split("."):
        weights += _weigh_label(label)
    return tuple(weights)


def _weigh_label(label: str) -> tuple[int, int | str]:
    """A number where .NET's Int32 takes it for one; a date of fourteen digits is text to NuGet."""
    if _INTEGER.fullmatch(label) and _LOWEST <= int(label) <= _HIGHEST:
        return _NUMBER, int(label)
    return _TEXT, label

"""Versions of Composer packages, as PHP's version_compare orders them once a leading `v` is gone.

A branch (`dev-main`, `2.x-dev`) moves; it is no version.
"""

import re

from tidewaiter.versions.syntax import parse

_FORM = re.compile(r"[vV]?(?![0-9.]*+[xX*](?:[-.]dev)?\Z)(?P<version>[0-9][0-9A-Za-z.+_#-]*+)")
_PART = re.compile(r"[0-9]+|[A-Za-z]+")

# What may stand at a place, lowest first. Words count by how they begin, and in this case only: version_compare takes
# `BETA` for a word that it does not know, like Packagist's own data.
_UNKNOWN, _DEV, _ALPHA, _BETA, _CANDIDATE, _END, _NUMBER, _PATCH = range(8)
_WORDS = (("dev", _DEV), ("a", _ALPHA), ("b", _BETA), ("RC", _CANDIDATE), ("rc", _CANDIDATE), ("p", _PATCH))


def compare_key(version: str) -> tuple[int, ...]:
    """The sort key of a Composer version; what is no letter or digit only separates.

    Raises VersionError for branches and for what does not begin with a number.
    Order: https://www.php.net/manual/en/function.version-compare.php
    """
    weights: list[int] = []
    for part in _PART.findall(parse(_FORM, version, "Composer")["version"]):
        if part.isdigit():
            weights += (_NUMBER, int(part))
        else:
            weights.append(_weigh_word(part))
    weights.append(_END)
    return tuple(weights)


def _weigh_word(word: str) -> int:
    return next((weight for begin, weight in _WORDS if word.startswith(begin)), _UNKNOWN)

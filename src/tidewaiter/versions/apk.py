"""Versions of Alpine, Wolfi and Chainguard packages, ordered as apk-tools 3 orders them.

The form is `number{.number}{letter}{_suffix{number}}{~hash}{-rN}`. apk-tools 2 also accepts numbers left out, digits
behind a letter and a bare `-r`; so do we: most Alpine releases in use came with it.
"""

import re

from tidewaiter.versions.syntax import parse

_SUFFIXES = ("alpha", "beta", "pre", "rc", "cvs", "svn", "git", "hg", "p")
_PRE_RELEASES = 4  # the first ones: older than no suffix

_FORM = re.compile(
    r"(?=\.*[0-9])(?P<first>[0-9]*+)"
    r"(?P<body>(?:\.[0-9]*+|[a-z](?![.a-z])[0-9]*+)*+)"
    rf"(?P<suffixes>(?:_(?:{'|'.join(_SUFFIXES)})[0-9]*+)*+)"
    r"(?:~(?P<hash>[0-9a-f]++))?"
    r"(?:-r(?P<revision>[0-9]*+))?"
)
_COMPONENT = re.compile(r"(?:\.|([a-z]))([0-9]*)")
_SUFFIX = re.compile("_([a-z]+)([0-9]*)")

# What may stand at a place, lowest first: the end of a version is newer than a pre-release, older than all else. A
# number with a leading zero compares as text, and so is older than any without.
_PRE, _END, _REVISION, _HASH, _SUFFIX_NUMBER, _POST, _LETTER, _ZERO_LED, _NUMBER = range(9)

Key = tuple[int | str, ...]


def compare_key(version: str) -> Key:
    """The sort key of an Alpine version: `a < b` as `apk version --test` orders them.

    Raises VersionError for what `apk version --check` of neither apk-tools 2 nor 3 accepts.
    Format: https://man.archlinux.org/man/extra/apk-tools/apk-package.5.en#PACKAGE_INFO_METADATA
    """
    first, body, suffixes, commit, revision = parse(_FORM, version, "apk").groups()
    weights: list[int | str] = [int(first or 0)]
    for letter, number in _COMPONENT.findall(body):
        weights += _weigh_component(letter, number)
    for name, number in _SUFFIX.findall(suffixes):
        weights += _weigh_suffix(name, number)
    if commit:
        weights += (_HASH, commit)
    if revision is not None:
        weights += (_REVISION, int(revision or 0))
    weights.append(_END)
    return tuple(weights)


def _weigh_component(letter: str, number: str) -> Key:
    if letter and not number:
        return _LETTER, letter
    weight: Key = (_ZERO_LED, number) if number[:1] in ("", "0") else (_NUMBER, int(number))
    return (_LETTER, letter, *weight) if letter else weight


def _weigh_suffix(name: str, number: str) -> Key:
    rank = _SUFFIXES.index(name)
    weight = (_PRE if rank < _PRE_RELEASES else _POST, rank)
    return (*weight, _SUFFIX_NUMBER, int(number)) if number else weight

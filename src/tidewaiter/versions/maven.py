"""Versions of Maven artifacts, by the POM's version order specification (ComparableVersion of Maven 3.8).

Maven's own comparison runs in circles. Where both versions go on it weighs kinds (`.text` < `-text` < `-number` <
`.number`), and where one has ended what the rest of the other means, so that `1.foo` < `1-alpha` < `1` < `1.foo`.
No sort key can follow it. `compare` gives Maven's verdict on a pair. `compare_key` asks first whether what follows
makes a version older or newer than its beginning alone, then weighs kinds: a total order, which differs from Maven's
verdict only where one of two versions is a pre-release of what the other comes after.
"""

import re

from tidewaiter.versions.syntax import parse

_FORM = re.compile(r"[^\s\x00-\x1f\x7f]+")
_RUN = re.compile(r"[.-]|[0-9]+|[^0-9.-]+")

_QUALIFIERS = {
    "alpha": 0, "beta": 1, "milestone": 2, "rc": 3, "cr": 3, "snapshot": 4,
    "": 5, "ga": 5, "final": 5, "release": 5,
    "sp": 6,
}  # fmt: skip
_RELEASE, _UNKNOWN = 5, 7
_BEFORE_DIGIT = {"a": "alpha", "b": "beta", "m": "milestone"}

_BEFORE, _SAME, _AFTER = -1, 0, 1

# Kinds of items, in the order in which they count. A list can only be the last item of its list, so what opens it is
# enough to know: the nested lists lie flat.
_TEXT, _LIST, _NUMBER = range(3)
_OPEN = (_LIST, 0, "")

Item = tuple[int, int, str]
Weight = tuple[int, ...] | tuple[int, int, int, str]
_END: Weight = (_SAME,)


def compare_key(version: str) -> tuple[Weight, ...]:
    """The sort key of a Maven version, totally ordered; see above where it differs from `compare`.

    Raises VersionError for an empty version, and for white space or control characters in it.
    Order: https://maven.apache.org/pom.html#version-order-specification
    """
    weights: list[Weight] = [_END]
    side = _SAME
    for item in reversed(_items(version)):
        side = _side(item) or side
        weights.append((side, *item))
    return tuple(reversed(weights))


def compare(a: str, b: str) -> int:
    """Maven's verdict on two versions: negative, 0 or positive. Raises VersionError as `compare_key` does."""
    for one, other in zip(compare_key(a), compare_key(b), strict=False):
        if one[1:] != other[1:]:
            if _END in (one, other):
                return one[0] - other[0]
            return -1 if one[1:] < other[1:] else 1
    return 0


def _items(version: str) -> list[Item]:
    """The version's items in a row, each list opened where it begins, without what is null at the end of a list."""
    items: list[Item] = []
    for index, level in enumerate(_levels(parse(_FORM, version, "Maven")[0].lower())):
        while level and not _side(level[-1]):
            level.pop()
        items += [_OPEN, *level] if index else level
    while items and items[-1] == _OPEN:
        items.pop()
    return items


def _levels(version: str) -> list[list[Item]]:
    """A list of items for each hyphen, and for each change between digits and text."""
    levels: list[list[Item]] = [[]]
    runs = ["", *_RUN.findall(version), ""]
    for before, run, after in zip(runs, runs[1:], runs[2:], strict=False):
        starts = before in ("", ".", "-")
        if run in (".", "-"):
            levels[-1] += [(_NUMBER, 0, "")] if starts else []
            levels += [[]] if run == "-" else []
        else:
            levels += [] if starts else [[]]
            levels[-1].append(_item(run, before_digit=after[:1].isdigit()))
    return levels


def _item(run: str, *, before_digit: bool) -> Item:
    if run[0] in "0123456789":
        return _NUMBER, int(run), ""
    name = _BEFORE_DIGIT.get(run, run) if before_digit else run
    rank = _QUALIFIERS.get(name, _UNKNOWN)
    return _TEXT, rank, name if rank == _UNKNOWN else ""


def _side(item: Item) -> int:
    """Whether a version that goes on with this item is older or newer than one that ends before it."""
    kind, value, _ = item
    if kind == _TEXT and value < _RELEASE:
        return _BEFORE
    return _AFTER if value > (_RELEASE if kind == _TEXT else 0) else _SAME

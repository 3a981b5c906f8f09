"""The order of versions: pure, one module a scheme.

`key` is what to sort and to look up by: parsed once, hashable, totally ordered within its scheme. `compare` is the
scheme's own verdict on two versions. They agree in every scheme but one: Maven's own comparison runs in circles, which
no order can follow (see `maven`), so there `key` is the nearest order without circles.

A version that the scheme's own tool would refuse raises VersionError: it can not be compared, and nobody guesses. Names
of other publishers' special values (OSV's `introduced: "0"`) are no versions; who reads them must treat them.
"""

from functools import cache
from importlib import import_module
from typing import Any, Protocol, cast

from tidewaiter.errors import VersionError

__all__ = ["SCHEMES", "Key", "VersionError", "compare", "key"]

SCHEMES = frozenset({"deb", "apk", "rpm", "pep440", "semver", "maven", "gem", "nuget", "composer"})


class Key(Protocol):
    """A sort key: hashable, equal and ordered among keys of the same scheme, meaningless beside another's."""

    def __lt__(self, other: Any, /) -> bool: ...
    def __hash__(self) -> int: ...


class _Scheme(Protocol):
    def compare_key(self, version: str) -> Key: ...


def key(scheme: str, version: str) -> Key:
    """The sort key of a version in a scheme of `SCHEMES`.

    Raises VersionError for what the scheme does not call a version, ValueError for an unknown scheme.
    """
    return _module(scheme).compare_key(version)


def compare(scheme: str, a: str, b: str) -> int:
    """Negative where `a` is older than `b`, 0 where they are equal, positive where `a` is newer.

    Raises VersionError for what the scheme does not call a version, ValueError for an unknown scheme.
    """
    if scheme == "maven":
        from tidewaiter.versions import maven

        return maven.compare(a, b)
    module = _module(scheme)
    left, right = module.compare_key(a), module.compare_key(b)
    return -1 if left < right else int(right < left)


@cache
def _module(scheme: str) -> _Scheme:
    if scheme not in SCHEMES:
        raise ValueError(f"no version scheme is called {scheme!r}; there are {', '.join(sorted(SCHEMES))}")
    return cast("_Scheme", import_module(f"tidewaiter.versions.{scheme}"))

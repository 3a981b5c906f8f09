"""What judging needs of an advisory database: no more than this is asked of it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from tidewaiter.model.advisory import Advisory, Candidate, Feed


class Advisories(Protocol):
    """Published advisories, found by ecosystem and package name.

    Withdrawn and informational advisories may be among the headers, but never match.
    """

    def ecosystems(self) -> Mapping[str, int]:
        """How many rows there are to match in each ecosystem with its release: `{"Debian:12": 1234}`."""
        ...

    def candidates(self, keys: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], Sequence[Candidate]]:
        """The rows on each (ecosystem with release, normalised package name); a key without rows may be absent."""
        ...

    def advisories(self, numbers: Iterable[int]) -> Mapping[int, Advisory]:
        """The advisories of candidates, by their number; `affected` is left empty."""
        ...

    def feeds(self) -> tuple[Feed, ...]:
        """What the database was made of, and how new it is."""
        ...

"""What an advisory database was made of."""

from collections.abc import Mapping
from dataclasses import dataclass

from tidewaiter.model.advisory import Feed


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A file that was read, or the JSON files of one folder together (`npm/*.json`).

    `name` is its path below the folder that was given, `digest` is of its bytes (`sha256:…`). `advisories` and
    `affected` count what was read, `broken` the records that could not be, `superseded` those for which another input
    had a newer text, and `nameless` the rows that name no package (commits only). `newest` is the newest time that
    they state, "" where nothing was read: a feed can be made of older and newer files.
    """

    name: str
    digest: str
    advisories: int
    affected: int
    broken: int
    superseded: int
    nameless: int
    newest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The contents of a database: nothing in it depends on when or where it was built.

    `schema` is the database's. `ecosystems` counts the rows that can match, by ecosystem with its release.
    """

    schema: int
    feeds: tuple[Feed, ...]
    inputs: tuple[Input, ...]
    ecosystems: Mapping[str, int]

    @property
    def advisories(self) -> int:
        """How many advisories the database holds."""
        return sum(feed.advisories for feed in self.feeds)

    @property
    def broken(self) -> int:
        """How many records were left out because they could not be read."""
        return sum(read.broken for read in self.inputs)

"""What the readers of the three database formats hand on: a package's header, or the place where the file is broken."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """A package's header as stored. `where` is its place in the file, in the format's own terms (`page 7, item 2`)."""

    where: str
    blob: bytes


@dataclass(frozen=True, slots=True)
class Damage:
    """A place in the file that could not be read, and what is wrong there."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"

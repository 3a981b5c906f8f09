"""What published advisories come as, and what reads them: fetching gets files, a format gets only their bytes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from tidewaiter.errors import FeedError
from tidewaiter.model.advisory import Advisory


class RecordError(FeedError):
    """One record can not be read: it is reported and left out, the others of its file are good.

    `where` is the path inside the record: `affected[3].ranges[0].events[1].fixed`.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One published file. `path` names it as messages do: `Debian.zip/DSA-1.json`; `size` is of its stored bytes.

    `read` gives its bytes; raises RecordError if it is larger than a record may be, FeedError if the archive is broken.
    """

    path: str
    size: int
    read: Callable[[], bytes]


class Format(Protocol):
    """Reads one kind of published file. An instance has no state."""

    name: str

    def wants(self, path: str) -> bool:
        """Whether a file of this name is of the format."""
        ...

    def parse(self, content: bytes) -> Iterable[Advisory]:
        """The advisories in a file. Raises RecordError."""
        ...

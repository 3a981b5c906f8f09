"""What looking into the files of one image may cost, counted over all threads that read its layers."""

import threading

from tidewaiter.errors import LimitError
from tidewaiter.model.gap import Gap
from tidewaiter.model.package import Extraction, Package

# What they take in memory, from their extraction to the end of the fold, beside their texts (a file: with its place
# among the names that are merged).
_FILE, _PACKAGE, _OWNED, _GAP = 4096, 1024, 64, 512


class Allowance:
    """Ceilings in bytes: `looked` for the files that are looked into, `inventory` for what is kept of what they say.

    A file that is read several times, for several names or readers, counts each time.
    """

    def __init__(self, *, looked: int, inventory: int) -> None:
        self._looked_ceiling = looked
        self._inventory_ceiling = inventory
        self._looked = 0
        self._inventory = 0
        self._lock = threading.Lock()

    def look(self, size: int) -> None:
        """Count a file that is about to be looked into. Raises LimitError for one too many."""
        with self._lock:
            self._looked += size
            if self._looked > self._looked_ceiling:
                what = f"the files to look into have more than {self._looked_ceiling:,} bytes together"
                raise LimitError(what, limit="looked_bytes")

    def keep(self, size: int) -> None:
        """Count what a file says, by its `weight`. Raises LimitError where there is no room for it."""
        with self._lock:
            if self._inventory + size > self._inventory_ceiling:
                what = f"what the files say takes more than {self._inventory_ceiling:,} bytes"
                raise LimitError(what, limit="inventory_bytes")
            self._inventory += size


def weight(extraction: Extraction) -> int:
    """How many bytes it takes to keep what a file says."""
    packages = sum(map(_package, extraction.packages))
    owned = _OWNED * len(extraction.owned) + sum(map(len, extraction.owned))
    return _FILE + packages + owned + sum(map(_gap, extraction.gaps))


def _package(package: Package) -> int:
    texts = (package.name, package.version, package.vendor, *package.licenses, *package.provides)
    return _PACKAGE + sum(map(len, texts))


def _gap(gap: Gap) -> int:
    return _GAP + len(gap.subject) + len(gap.detail)

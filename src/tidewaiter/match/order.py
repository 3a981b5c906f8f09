"""The order of versions as judging needs it: every key made once."""

from typing import Any

from tidewaiter import versions
from tidewaiter.errors import VersionError

# A place on the line of versions: `(0,)` before all, `(1, key)` at a version, `(1, key, 1)` just behind it.
Position = tuple[Any, ...]


class Order:
    """Sort keys of versions, kept: the same fixes come up again and again.

    One instance serves one judging; it is not shared between threads.
    """

    def __init__(self) -> None:
        self._keys: dict[tuple[str, str], Any] = {}

    def key(self, scheme: str, version: str) -> Any:
        """The sort key of a version. Raises VersionError, for a refused version every time."""
        known = self._keys.get((scheme, version))
        if known is None:
            known = self._keys[scheme, version] = self._make(scheme, version)
        if isinstance(known, VersionError):
            raise VersionError(known.what, where=known.where, advice=known.advice)
        return known

    @staticmethod
    def _make(scheme: str, version: str) -> Any:
        try:
            return versions.key(scheme, version)
        except VersionError as error:
            return error

"""Who is told how far a run is."""

from typing import Literal, Protocol

Thing = Literal["accounts", "registries", "repositories", "manifests", "images", "layers"]


class Watcher(Protocol):
    """Told of progress while a fleet is looked through. Called from several threads; must be quick, must not raise."""

    def count(self, thing: Thing, *, found: int = 0, done: int = 0) -> None:
        """So many more were found, and so many more are done."""
        ...

    def pulled(self, stored_bytes: int) -> None:
        """So many more bytes of layers were read."""
        ...

    def note(self, message: str) -> None:
        """Something that the user should know at once, as a refusal."""
        ...


class Unwatched:
    """Progress that nobody looks at."""

    def count(self, thing: Thing, *, found: int = 0, done: int = 0) -> None:
        """Say nothing."""

    def pulled(self, stored_bytes: int) -> None:
        """Say nothing."""

    def note(self, message: str) -> None:
        """Say nothing."""

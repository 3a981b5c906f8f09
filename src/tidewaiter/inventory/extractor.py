"""What an extractor is: which files it wants, and what it reads from one of them."""

from typing import Protocol

from tidewaiter.model.package import Extraction

MIB = 1 << 20


class Extractor(Protocol):
    """Reads one kind of file. An instance has no state: layers are read in several threads.

    `name` is unique in the catalog; `version` is raised with every change of outcome (it is part of the fingerprint of
    stored inventories). `basenames` and `parents` are the quick filter of the walk: the file's own name, or the name of
    the folder that holds it, must be among them; `wants` decides. `well_known` are the files or folders, from an
    image's root, where the extractor must look even if symbolic links lead elsewhere. `ceiling` is the largest file
    it takes, in bytes.
    """

    name: str
    version: int
    basenames: frozenset[str]
    parents: frozenset[str]
    well_known: tuple[str, ...]
    ceiling: int

    def wants(self, path: str) -> bool:
        """Whether to take the file at this path (clean, relative, without a leading slash; also below a chroot)."""
        ...

    def extract(self, path: str, content: bytes) -> Extraction:
        """What the file says. Packages come without purl, distro and layer: the fold of the layers sets them.

        What is broken in part gives what could be read and a gap; raises MalformedError or UnsupportedError where
        nothing could be read at all.
        """
        ...

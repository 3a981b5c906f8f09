"""The extractor of rpm packages: which files it wants. The readers are imported when there is something to read."""

from tidewaiter.inventory.extractor import MIB
from tidewaiter.model.package import Extraction

_DATABASE_FOLDERS = ("var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm")
_JOURNAL = "rpmdb.sqlite-wal"
_DATABASES = frozenset(("Packages", "Packages.db", "rpmdb.sqlite", _JOURNAL))
_MANIFEST_FOLDER = "var/lib/rpmmanifest"
_MANIFEST = "container-manifest-2"


class Rpm:
    """Reads rpm's databases (Berkeley DB, NDB, SQLite) and the manifests of distroless rpm images.

    A database of up to 256 MiB is taken: a distribution with everything installed has some 200 MB. Time is linear in
    its size and memory a small multiple of it, whatever the file says.
    """

    name = "rpm"
    version = 1
    basenames = _DATABASES | {_MANIFEST}
    parents: frozenset[str] = frozenset()
    well_known: tuple[str, ...] = (*_DATABASE_FOLDERS, _MANIFEST_FOLDER)
    ceiling = 256 * MIB

    def wants(self, path: str) -> bool:
        """Whether a database or manifest lies there, in the image or in a root file system below (a chroot)."""
        return _root(path) is not None

    def extract(self, path: str, content: bytes) -> Extraction:
        """The packages that a database or manifest lists, and the files worth knowing that they own.

        A write-ahead log with changes is a gap: they are missing in the database, which is read without it. Raises
        MalformedError or UnsupportedError for a file of which nothing could be read.
        """
        from tidewaiter.inventory.rpm import reading

        name = path.rpartition("/")[2]
        if name == _JOURNAL:
            return reading.journal(path, content)
        if name == _MANIFEST:
            return reading.listed(path, content)
        return reading.database(path, content, _root(path) or "")


def _root(path: str) -> str | None:
    """What stands before the well-known place of a file ("" or "srv/jail/"), None if it is at none of them."""
    folder, _, name = path.rpartition("/")
    places = _DATABASE_FOLDERS if name in _DATABASES else (_MANIFEST_FOLDER,) if name == _MANIFEST else ()
    for place in places:
        if folder == place or folder.endswith(f"/{place}"):
            return folder.removesuffix(place)
    return None

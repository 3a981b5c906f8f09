"""The extractor of rpm packages: which files it wants, and how a database's headers become packages."""

from collections.abc import Iterator

from tidewaiter.errors import MalformedError
from tidewaiter.inventory.extractor import MIB
from tidewaiter.inventory.rpm import berkeley, manifest, ndb, sqlite
from tidewaiter.inventory.rpm.collection import Collection
from tidewaiter.inventory.rpm.entry import entry
from tidewaiter.inventory.rpm.header import Header, Tag
from tidewaiter.inventory.rpm.ownership import owned_files
from tidewaiter.inventory.rpm.record import Damage, Record
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.package import Extraction, Package

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
        name = path.rpartition("/")[2]
        if name == _JOURNAL:
            return _journal(path, content)
        if name == _MANIFEST:
            return _manifest(path, content)
        return _database(path, content)


def _root(path: str) -> str | None:
    """What stands before the well-known place of a file ("" or "srv/jail/"), None if it is at none of them."""
    folder, _, name = path.rpartition("/")
    places = _DATABASE_FOLDERS if name in _DATABASES else (_MANIFEST_FOLDER,) if name == _MANIFEST else ()
    for place in places:
        if folder == place or folder.endswith(f"/{place}"):
            return folder.removesuffix(place)
    return None


def _journal(path: str, content: bytes) -> Extraction:
    if not sqlite.holds_changes(content):
        return Extraction()
    detail = (
        "the package database has changes that are only in this log, so packages may be missing or outdated; "
        "run rpm --rebuilddb as the last step of the image's build"
    )
    return Extraction(gaps=(Gap(stage=Stage.INVENTORY, why=Why.UNSUPPORTED, subject=path, detail=detail),))


def _manifest(path: str, content: bytes) -> Extraction:
    if not content.strip():
        raise MalformedError("the manifest lists no package")
    collection = Collection(path)
    for found in manifest.packages(content, path):
        if isinstance(found, Damage):
            collection.damage(found)
        else:
            collection.add(found)
        if collection.full:
            break
    return collection.extraction()


def _database(path: str, content: bytes) -> Extraction:
    collection = Collection(path)
    root = _root(path) or ""
    for found in _records(content):
        if isinstance(found, Damage):
            collection.damage(found)
        else:
            _collect(found, path, root, collection)
        if collection.full:
            break
    return collection.extraction()


def _records(content: bytes) -> Iterator[Record | Damage]:
    """The headers of a database, whose format its first bytes tell."""
    if not content:
        raise MalformedError("the file is empty")
    if content.startswith(sqlite.MAGIC):
        return sqlite.records(content)
    if content.startswith(ndb.MAGIC):
        return ndb.records(content)
    return berkeley.records(content)


def _collect(record: Record, path: str, root: str, collection: Collection) -> None:
    try:
        header = Header(record.blob)
        package = _package(header, path)
        collection.add(package)
        if package is not None and collection.takes_files:
            collection.own(owned_files(header, root))
    except MalformedError as error:
        collection.damage(Damage(record.where, error.what))


def _package(header: Header, path: str) -> Package | None:
    version, release = header.text(Tag.VERSION), header.text(Tag.RELEASE)
    return entry(
        path=path,
        name=header.text(Tag.NAME),
        epoch=header.number(Tag.EPOCH),
        version=f"{version}-{release}" if version and release else version,
        architecture=header.text(Tag.ARCH),
        vendor=header.text(Tag.VENDOR),
        source=header.text(Tag.SOURCERPM),
        licence=header.text(Tag.LICENSE),
        module=header.text(Tag.MODULARITYLABEL),
    )

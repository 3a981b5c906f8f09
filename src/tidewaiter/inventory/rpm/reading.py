"""How the headers of a package database, or the lines of a manifest, become packages."""

from collections.abc import Iterator

from tidewaiter.errors import MalformedError
from tidewaiter.inventory.rpm import berkeley, manifest, ndb, sqlite
from tidewaiter.inventory.rpm.collection import Collection
from tidewaiter.inventory.rpm.entry import entry
from tidewaiter.inventory.rpm.header import Header, Tag
from tidewaiter.inventory.rpm.ownership import owned_files
from tidewaiter.inventory.rpm.record import Damage, Record
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.package import Extraction, Package


def journal(path: str, content: bytes) -> Extraction:
    """A gap for a write-ahead log that has changes."""
    if not sqlite.holds_changes(content):
        return Extraction()
    detail = (
        "the package database has changes that are only in this log, so packages may be missing or outdated; "
        "run rpm --rebuilddb as the last step of the image's build"
    )
    return Extraction(gaps=(Gap(stage=Stage.INVENTORY, why=Why.UNSUPPORTED, subject=path, detail=detail),))


def listed(path: str, content: bytes) -> Extraction:
    """What a manifest lists. Raises MalformedError for an empty one."""
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


def database(path: str, content: bytes, root: str) -> Extraction:
    """What a database of any format lists; `root` stands before the paths that its packages own ("srv/jail/").

    Raises MalformedError or UnsupportedError where nothing can be read.
    """
    collection = Collection(path)
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

"""Debian's packages: dpkg's status file, and the folder of single entries that distroless images have instead."""

import re
from collections.abc import Iterator, Sequence

from tidewaiter.inventory.extractor import MIB
from tidewaiter.inventory.stanzas import MOST_BYTES, MOST_PACKAGES, StanzaFile, below_root, decode, is_word
from tidewaiter.model.package import Extraction, Location, Package, SourcePackage

_STATUS = "var/lib/dpkg/status"
_STATUS_FOLDER = "var/lib/dpkg/status.d"
_DIGESTS = ".md5sums"

_NAMES = (b"Package", b"Status", b"Version", b"Source", b"Architecture", b"Maintainer", b"Origin")
_CANONICAL = frozenset(_NAMES)
# Names of fields are matched in any case, as dpkg does; continuation lines begin with white space and never match.
_FIELD = re.compile(rb"\n(" + b"|".join(_NAMES) + rb")[ \t]*:[ \t]*([^\n]*)", re.IGNORECASE)
_SOURCE = re.compile(rb"([^\s()]+)(?:\s*\(\s*([^\s()]+)\s*\))?")

_ABSENT = frozenset({b"not-installed", b"config-files"})
_STATES = _ABSENT | {
    b"half-installed",
    b"unpacked",
    b"half-configured",
    b"triggers-awaited",
    b"triggers-pending",
    b"installed",
}

Fields = dict[bytes, bytes]


class Dpkg:
    """Reads `var/lib/dpkg/status`, and every entry of `var/lib/dpkg/status.d` (its `*.md5sums` are no entries).

    A package is there if its files are: in all states from `half-installed` on. `half-installed` means that an
    installation or removal broke off, so some files may lie there: it is counted, since a finding too many is seen and
    one too few is not. `config-files` (removed, not purged) and `not-installed` are not there. Entries of `status.d`
    carry no state: they were unpacked by the image's builder. https://man7.org/linux/man-pages/man1/dpkg.1.html

    The files that packages own (`var/lib/dpkg/info/*.list`) are not read here: they need the names of all packages.
    """

    name = "dpkg"
    version = 1
    basenames = frozenset({"status"})
    parents = frozenset({"status.d"})
    well_known: tuple[str, ...] = (_STATUS, _STATUS_FOLDER)
    ceiling = 64 * MIB

    def wants(self, path: str) -> bool:
        """Whether it is the status file, or an entry of `status.d`, of the image or of a chroot in it."""
        if below_root(path, _STATUS) is not None:
            return True
        folder, _, name = path.rpartition("/")
        return below_root(folder, _STATUS_FOLDER) is not None and not name.endswith(_DIGESTS)

    def extract(self, path: str, content: bytes) -> Extraction:
        """The packages that are there, each version and architecture once. Broken stanzas are gaps."""
        file = StanzaFile(path, content)
        reading = _Reading(file, path)
        for start, end in file.spans():
            for fields in _records(file, start, end):
                reading.take(start, fields)
        return Extraction(packages=tuple(reading.packages.values()), gaps=file.gaps())


class _Reading:
    """The packages found so far in one file, by name, version and architecture."""

    def __init__(self, file: StanzaFile, path: str) -> None:
        self.packages: dict[tuple[bytes, bytes, bytes], Package] = {}
        self._file = file
        self._locations = (Location(path=path),)

    def take(self, start: int, fields: Fields) -> None:
        """Adds the package of a stanza, if its files are there; complains of a stanza that does not name one."""
        status = fields.get(b"Status")
        if status is not None and not self._is_there(start, status):
            return
        name, version = fields.get(b"Package", b"").strip(), fields.get(b"Version", b"").strip()
        if not is_word(name) or not is_word(version):
            said = f"Package {decode(name[:100])!r}, Version {decode(version[:100])!r}"
            self._file.complain(start, f"a stanza was left out, it names no package and version ({said})")
            return
        architecture = fields.get(b"Architecture", b"").strip()
        self.packages[name, version, architecture] = Package(
            purl="",
            type="deb",
            name=decode(name),
            version=decode(version),
            source=_source(fields.get(b"Source", b""), name, version),
            architecture=decode(architecture),
            vendor=decode(fields.get(b"Maintainer", b"").strip()),
            origin=decode(fields.get(b"Origin", b"").strip()),
            locations=self._locations,
            extractor=Dpkg.name,
        )
        if len(self.packages) >= MOST_PACKAGES:
            self._file.stop(f"more than {MOST_PACKAGES:,} packages")

    def _is_there(self, start: int, status: bytes) -> bool:
        state = status.lower().split()[-1:]
        if not state or state[0] not in _STATES:
            said = decode(status[:100])
            self._file.complain(start, f"unknown Status {said!r}, the package is taken as installed")
        return not state or state[0] not in _ABSENT


def _records(file: StanzaFile, start: int, end: int) -> Sequence[Fields]:
    """The stanza's fields: one record, or more where blank lines are missing."""
    if end - start > MOST_BYTES:
        file.complain(start, f"a stanza was left out, it is longer than {MOST_BYTES:,} bytes")
        return ()
    found = _FIELD.findall(file.text, start, end)
    fields = dict(found)
    if len(fields) == len(found) and fields.keys() <= _CANONICAL:
        return (fields,)
    return tuple(_untangled(file, start, found))


def _untangled(file: StanzaFile, start: int, found: list[tuple[bytes, bytes]]) -> Iterator[Fields]:
    """Records from fields in any case, of which some stand twice."""
    fields: Fields = {}
    for name, value in found:
        key = name.capitalize()
        if key not in fields:
            fields[key] = value
        elif file.stopped:
            return
        elif key == b"Package":
            file.complain(start, "two packages in one stanza, taken apart at the second Package field")
            yield fields
            fields = {key: value}
        else:
            file.complain(start, f"{decode(key)} stands twice in a stanza, the first was taken")
    yield fields


def _source(field: bytes, name: bytes, version: bytes) -> SourcePackage:
    """The source package: `Source: name (version)`, where each part that is missing is the binary package's own.

    https://www.debian.org/doc/debian-policy/ch-controlfields.html#source
    """
    match = _SOURCE.match(field) if field else None
    if match is None:
        return SourcePackage(name=decode(name), version=decode(version))
    return SourcePackage(name=decode(match[1]), version=decode(match[2] or version))

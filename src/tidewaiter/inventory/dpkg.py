"""Debian's packages: dpkg's status file, and the folder of single entries that distroless images have instead."""

import re
from collections.abc import Iterator

from tidewaiter.inventory.extractor import MIB
from tidewaiter.inventory.stanzas import MOST_PACKAGES, StanzaFile, below_root, decode, is_word
from tidewaiter.model.package import Extraction, Location, Package, SourcePackage

_STATUS = "var/lib/dpkg/status"
_STATUS_FOLDER = "var/lib/dpkg/status.d"
_DIGESTS = ".md5sums"

# Names of fields are matched in any case, as dpkg does; continuation lines begin with white space and never match.
_FIELD = re.compile(
    rb"\n(Package|Status|Version|Source|Architecture|Maintainer|Origin)[ \t]*:[ \t]*([^\n]*)", re.IGNORECASE
)
_SOURCE = re.compile(rb"([^\s()]+)(?:\s*\(\s*([^\s()]+)\s*\))?")

_ABSENT = frozenset({b"not-installed", b"config-files"})
_PRESENT = frozenset(
    {b"half-installed", b"unpacked", b"half-configured", b"triggers-awaited", b"triggers-pending", b"installed"}
)

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
        locations = (Location(path=path),)
        packages: dict[tuple[bytes, bytes, bytes], Package] = {}
        for start, end in file.spans():
            for fields in _records(file, start, end):
                if _is_there(file, start, fields) and _is_named(file, start, fields):
                    key = (fields[b"Package"], fields[b"Version"], fields.get(b"Architecture", b""))
                    packages[key] = _package(fields, locations)
            if len(packages) >= MOST_PACKAGES:
                file.stop(f"more than {MOST_PACKAGES:,} packages")
        return Extraction(packages=tuple(packages.values()), gaps=file.gaps())


def _records(file: StanzaFile, start: int, end: int) -> Iterator[Fields]:
    """The stanza's fields by their names as dpkg writes them: one record, or more where blank lines are missing."""
    fields: Fields = {}
    for name, value in _FIELD.findall(file.text, start, end):
        key = name.capitalize()
        if key not in fields:
            fields[key] = value.strip()
        elif key == b"Package":
            file.complain(start, "two packages in one stanza, taken apart at the second Package field")
            yield fields
            fields = {key: value.strip()}
        else:
            file.complain(start, f"{decode(key)} stands twice in a stanza, the first was taken")
    yield fields


def _is_there(file: StanzaFile, start: int, fields: Fields) -> bool:
    status = fields.get(b"Status")
    if status is None:
        return True
    state = status.lower().split()[-1:]
    if len(state) == 1 and state[0] in _ABSENT:
        return False
    if not state or state[0] not in _PRESENT:
        file.complain(start, f"unknown Status {decode(status[:100])!r}, the package is taken as installed")
    return True


def _is_named(file: StanzaFile, start: int, fields: Fields) -> bool:
    for key in (b"Package", b"Version"):
        value = fields.get(key)
        if not value:
            file.complain(start, f"a stanza without {decode(key)} was left out")
            return False
        if not is_word(value):
            file.complain(start, f"a stanza was left out: its {decode(key)} is {decode(value[:100])!r}")
            return False
    return True


def _package(fields: Fields, locations: tuple[Location, ...]) -> Package:
    name, version = decode(fields[b"Package"]), decode(fields[b"Version"])
    return Package(
        purl="",
        type="deb",
        name=name,
        version=version,
        source=_source(fields.get(b"Source", b""), name, version),
        architecture=decode(fields.get(b"Architecture", b"")),
        vendor=decode(fields.get(b"Maintainer", b"")),
        origin=decode(fields.get(b"Origin", b"")),
        locations=locations,
        extractor=Dpkg.name,
    )


def _source(field: bytes, name: str, version: str) -> SourcePackage:
    """The source package: `Source: name (version)`, where each part that is missing is the binary package's own.

    https://www.debian.org/doc/debian-policy/ch-controlfields.html#source
    """
    match = _SOURCE.match(field)
    if match is None:
        return SourcePackage(name=name, version=version)
    return SourcePackage(name=decode(match[1]), version=decode(match[2]) if match[2] else version)

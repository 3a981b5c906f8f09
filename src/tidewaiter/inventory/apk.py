"""Alpine's packages, and those of Wolfi and Chainguard: apk's database of what is installed."""

import re

from tidewaiter.inventory.extractor import MIB
from tidewaiter.inventory.stanzas import MOST_FILES, MOST_PACKAGES, StanzaFile, below_root, decode, is_word
from tidewaiter.model.package import Extraction, Location, Package, SourcePackage

_DATABASE = "lib/apk/db/installed"
_MERGED = "usr/lib/apk/db/installed"
_FIELD = re.compile(rb"\n([PVAoLpmFR]):([^\n]*)")
_CONSTRAINT = re.compile(rb"[<>=~]")

Fields = dict[bytes, bytes]


class Apk:
    """Reads `lib/apk/db/installed`, or `usr/lib/apk/db/installed` of systems that merged `/lib` into `/usr`.

    What stands there is installed, also the empty packages that `apk add --virtual` makes. `owned` are the files of all
    packages, from the image's root. https://wiki.alpinelinux.org/wiki/Apk_spec
    """

    name = "apk"
    version = 1
    basenames = frozenset({"installed"})
    parents: frozenset[str] = frozenset()
    well_known: tuple[str, ...] = (_DATABASE, _MERGED)
    ceiling = 64 * MIB

    def wants(self, path: str) -> bool:
        """Whether it is the database of the image, or of a chroot in it."""
        return below_root(path, _DATABASE) is not None

    def extract(self, path: str, content: bytes) -> Extraction:
        """The packages of the database and the files that they own. Broken records are gaps."""
        file = StanzaFile(path, content)
        reading = _Reading(file, path)
        for start, end in file.spans():
            reading.take(start, end)
        return Extraction(packages=tuple(reading.packages.values()), owned=tuple(reading.owned), gaps=file.gaps())


class _Reading:
    """What was found so far in one database."""

    def __init__(self, file: StanzaFile, path: str) -> None:
        self.packages: dict[tuple[bytes, bytes], Package] = {}
        self.owned: list[str] = []
        self._file = file
        self._root = _root(path)
        self._locations = (Location(path=path),)

    def take(self, start: int, end: int) -> None:
        """Reads the record between these places: its fields first, then its folders (F:), each with its files (R:)."""
        fields: Fields = {}
        folder = b""
        for key, value in _FIELD.findall(self._file.text, start, end):
            if key == b"R":
                self.owned.append(self._root + decode(folder + value))
            elif key == b"F":
                folder = value.strip() + b"/" if value.strip() else b""
            elif key == b"P" and key in fields:
                self._file.complain(start, "two packages in one record, taken apart at the second P: line")
                self._add(start, fields)
                fields = {key: value.strip()}
            else:
                fields.setdefault(key, value.strip())
        self._add(start, fields)

    def _add(self, start: int, fields: Fields) -> None:
        name, version = fields.get(b"P", b""), fields.get(b"V", b"")
        if not is_word(name) or not is_word(version):
            said = f"P: {decode(name[:100])!r}, V: {decode(version[:100])!r}"
            self._file.complain(start, f"a record was left out, it names no package and version ({said})")
            return
        self.packages[name, version] = _package(fields, self._locations)
        if len(self.packages) >= MOST_PACKAGES:
            self._file.stop(f"more than {MOST_PACKAGES:,} packages")
        if len(self.owned) >= MOST_FILES:
            self._file.stop(f"more than {MOST_FILES:,} files")


def _root(path: str) -> str:
    """What stands before the names of files in the database: "" or the path of the chroot and a slash."""
    root = below_root(path, _MERGED)
    if root is None:
        root = below_root(path, _DATABASE)
    return f"{root}/" if root else ""


def _package(fields: Fields, locations: tuple[Location, ...]) -> Package:
    name, version = decode(fields[b"P"]), decode(fields[b"V"])
    licence = decode(fields.get(b"L", b""))
    return Package(
        purl="",
        type="apk",
        name=name,
        version=version,
        source=SourcePackage(name=decode(fields.get(b"o", b"")) or name, version=version),
        architecture=decode(fields.get(b"A", b"")),
        vendor=decode(fields.get(b"m", b"")),
        licenses=(licence,) if licence else (),
        provides=_provided(fields.get(b"p", b"")),
        locations=locations,
        extractor=Apk.name,
    )


def _provided(field: bytes) -> tuple[str, ...]:
    """The names of packages among what is provided: without versions, and without `so:`, `cmd:`, `pc:` and paths."""
    names = (
        re.split(rb"[<>=~]", word, maxsplit=1)[0] for word in field.split() if b":" not in word and b"/" not in word
    )
    return tuple(dict.fromkeys(decode(name) for name in names if name))

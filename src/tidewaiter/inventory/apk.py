"""Alpine's packages, and those of Wolfi and Chainguard: apk's database of what is installed."""

import re
from collections.abc import Iterator

from tidewaiter.inventory.extractor import MIB
from tidewaiter.inventory.stanzas import (
    MOST_BYTES,
    MOST_FILES,
    MOST_PACKAGES,
    StanzaFile,
    below_root,
    decode,
    decode_path,
    is_word,
)
from tidewaiter.model.package import Extraction, Location, Package, SourcePackage

_DATABASE = "lib/apk/db/installed"
_MERGED = "usr/lib/apk/db/installed"
_FIELD = re.compile(rb"\n([PVAoLpm]):([^\n]*)")
_FILE = re.compile(rb"\n([FR]):([^\n]*)")

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
            for first, last in reading.records(start, end):
                reading.take(first, last)
        return Extraction(packages=tuple(reading.packages.values()), owned=tuple(reading.owned), gaps=file.gaps())


class _Reading:
    """What was found so far in one database."""

    def __init__(self, file: StanzaFile, path: str) -> None:
        self.packages: dict[tuple[bytes, bytes], Package] = {}
        self.owned: list[str] = []
        self._file = file
        self._root = _root(path)
        self._locations = (Location(path=path),)
        self._takes_files = file.text.count(b"\nR:") + file.text.count(b"\nF:") <= MOST_FILES
        if not self._takes_files:
            file.leave_out(f"which package owns which file was not read: there are more than {MOST_FILES:,} files")

    def records(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The place of the record, or of several where blank lines are missing: each has one P: line."""
        text = self._file.text
        name = text.find(b"\nP:", start, end)
        while name >= 0 and (again := text.find(b"\nP:", name + 1, end)) >= 0 and not self._file.stopped:
            self._file.complain(start, "two packages in one record, taken apart at the second P: line")
            yield start, again
            start = name = again
        yield start, end

    def take(self, start: int, end: int) -> None:
        """Reads the record between these places: its fields first, then its folders (F:), each with its files (R:)."""
        files = self._file.text.find(b"\nF:", start, end)
        if files < 0:
            files = end
        if files - start > MOST_BYTES:
            self._file.complain(start, f"a record was left out, its fields are longer than {MOST_BYTES:,} bytes")
            return
        self._add(start, dict(_FIELD.findall(self._file.text, start, files)))
        if self._takes_files:
            self._own(files, end)

    def _own(self, start: int, end: int) -> None:
        folder = self._root
        for key, value in _FILE.findall(self._file.text, start, end):
            if key == b"R":
                self.owned.append(folder + decode_path(value))
            else:
                folder = f"{self._root}{decode_path(value)}/" if value else self._root

    def _add(self, start: int, fields: Fields) -> None:
        name, version = fields.get(b"P", b"").strip(), fields.get(b"V", b"").strip()
        if not is_word(name) or not is_word(version):
            said = f"P: {decode(name[:100])!r}, V: {decode(version[:100])!r}"
            self._file.complain(start, f"a record was left out, it names no package and version ({said})")
            return
        self.packages[name, version] = Package(
            purl="",
            type="apk",
            name=decode(name),
            version=decode(version),
            source=SourcePackage(name=decode(fields.get(b"o", b"").strip() or name), version=decode(version)),
            architecture=decode(fields.get(b"A", b"").strip()),
            vendor=decode(fields.get(b"m", b"").strip()),
            licenses=tuple(decode(licence) for licence in (fields.get(b"L", b"").strip(),) if licence),
            provides=_provided(fields.get(b"p", b"")),
            locations=self._locations,
            extractor=Apk.name,
        )
        if len(self.packages) >= MOST_PACKAGES:
            self._file.stop(f"more than {MOST_PACKAGES:,} packages")


def _root(path: str) -> str:
    """What stands before the names of files in the database: "" or the path of the chroot and a slash."""
    root = below_root(path, _MERGED)
    if root is None:
        root = below_root(path, _DATABASE)
    return f"{root}/" if root else ""


def _provided(field: bytes) -> tuple[str, ...]:
    """The names of packages among what is provided: without versions, and without `so:`, `cmd:`, `pc:` and paths."""
    names = (
        re.split(rb"[<>=~]", word, maxsplit=1)[0] for word in field.split() if b":" not in word and b"/" not in word
    )
    return tuple(dict.fromkeys(decode(name) for name in names if name))

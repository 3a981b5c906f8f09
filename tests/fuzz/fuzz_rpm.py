"""Fuzz target: the readers of rpm's three kinds of database, on sound databases with bytes changed and on any bytes."""

import struct

from tidewaiter.errors import MalformedError, UnsupportedError
from tidewaiter.inventory.rpm import Rpm
from tidewaiter.simulator.rpmdb import InstalledFile, InstalledRpm, berkeley_file, header, ndb_file, sqlite_file

_EDIT = struct.Struct("<I2s")
_HEADERS = [
    header(
        InstalledRpm(
            name=f"package{number}",
            version="1",
            release="2",
            epoch=number,
            source_rpm="source-1-2.src.rpm",
            summary="s" * 300 * number,
            files=(InstalledFile(f"/usr/bin/tool{number}", 0o100755),),
        )
    )
    for number in range(8)
]
_SAMPLES = (
    b"",
    ndb_file(_HEADERS),
    sqlite_file(_HEADERS),
    berkeley_file(_HEADERS, page_size=512),
    berkeley_file(_HEADERS, page_size=4096, byte_order=">"),
)


def fuzz_one(data: bytes) -> None:
    """The first byte chooses a database, the rest says which of its bytes change, or is the file itself.

    Whatever comes of it is named packages with few gaps, or an error of ours.
    """
    sample = _SAMPLES[data[0] % len(_SAMPLES)] if data else b""
    content = _edited(sample, data[1:]) if sample else data[1:]
    try:
        found = Rpm().extract("var/lib/rpm/Packages", content)
    except (MalformedError, UnsupportedError):
        assert content != sample or not sample
        return
    assert len(found.gaps) <= 3
    assert all(package.name.isprintable() and package.version for package in found.packages)
    assert len(found.packages) <= len(content) // 32
    assert content != sample or [package.name for package in found.packages] == [f"package{n}" for n in range(8)]


def _edited(sample: bytes, edits: bytes) -> bytes:
    """The sample with two bytes changed at each place that the edits name; a last half edit cuts it off."""
    content = bytearray(sample)
    whole = len(edits) - len(edits) % _EDIT.size
    for place, value in _EDIT.iter_unpack(edits[:whole]):
        start = place % (len(sample) - 1)
        content[start : start + 2] = value
    rest = edits[whole:]
    return bytes(content[: int.from_bytes(rest, "little") % len(sample)] if len(rest) > 2 else content)

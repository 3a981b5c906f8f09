"""The one list of fuzz targets: each takes any bytes, and raises only for a fault of ours."""

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st

from . import fuzz_apk, fuzz_compression, fuzz_dpkg, fuzz_osv, fuzz_rpm, fuzz_rpm_header, fuzz_tar


@dataclass(frozen=True, slots=True)
class Target:
    """`run` takes any bytes; `seeds` are sound inputs, from which broken ones are made."""

    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...] = ()

    def inputs(self) -> st.SearchStrategy[bytes]:
        """Any bytes, and the seeds with some places changed, cut out or doubled."""
        anything = st.binary(max_size=4096)
        return st.one_of(anything, _changed(self.seeds)) if self.seeds else anything


_APK = b"P:musl\nV:1.2-r0\nA:x86_64\no:musl\np:so:libc\nF:lib\nR:ld.so\n\nP:zlib\nV:1\n"
_DPKG = b"Package: bash\nStatus: install ok installed\nSource: b (1)\nVersion: 1:5.2-1\n\nPackage: c\nVersion: 2\n"
_OSV = (
    b'{"id":"DSA-1-1","modified":"2023-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"Debian:11","name":"a"},'
    b'"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1-2"}]}],"versions":["1"]}]}'
)

TARGETS = {
    "apk": Target(fuzz_apk.fuzz_one, (_APK,)),
    "compression": Target(fuzz_compression.fuzz_one, fuzz_compression.SEEDS),
    "dpkg": Target(fuzz_dpkg.fuzz_one, (_DPKG,)),
    "osv": Target(fuzz_osv.fuzz_one, (_OSV,)),
    "rpm": Target(fuzz_rpm.fuzz_one),
    "rpm-header": Target(fuzz_rpm_header.fuzz_one),
    "tar": Target(fuzz_tar.fuzz_one, fuzz_tar.SEEDS),
}

_Edit = tuple[int, int, bytes]


def _changed(seeds: tuple[bytes, ...]) -> st.SearchStrategy[bytes]:
    place = st.integers(0, max(map(len, seeds)))
    edits = st.lists(st.tuples(place, st.integers(0, 64), st.binary(max_size=16)), max_size=8)
    return st.builds(_edited, st.lists(st.sampled_from(seeds), min_size=1, max_size=3), edits)


def _edited(seeds: list[bytes], edits: list[_Edit]) -> bytes:
    """The seeds one behind the other; each edit puts bytes in the place of so many others."""
    data = b"".join(seeds)
    for place, removed, put in edits:
        start = place % (len(data) + 1)
        data = data[:start] + put + data[start + removed :]
    return data

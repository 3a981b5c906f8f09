"""Fuzz target: the walk over a layer's tar, on sound layers with bytes changed and on any bytes."""

import struct
import tempfile

from tarballs import entry, folder, hardlink, pax, pax_record, saved_blob, symlink, tar
from tidewaiter.errors import LimitError, MalformedError
from tidewaiter.image.budget import Budget
from tidewaiter.image.layers import read_layer
from tidewaiter.image.limits import Limits
from tidewaiter.image.tar import Entries
from tidewaiter.image.window import FileWindow, StreamWindow, Window

_LIMITS = Limits(entries=100, links=50, extension_bytes=4096, name_bytes=300, layer_bytes=1 << 20)
_LARGEST = 1 << 16
_EDIT = struct.Struct("<HB")
_HOLES = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "real", "GNU.sparse.realsize": "2000"}
_MAP = pax_record("GNU.sparse.map", "0,1,5,1") + pax_record("GNU.sparse.size", "9")

SEEDS = (
    tar(folder("etc"), entry("etc/passwd", b"root"), symlink("bin", "usr/bin"), hardlink("a", "etc/passwd")),
    tar(pax({"path": "a/long/name", "size": "4"}), entry("short", b"data"), entry("etc/.wh.passwd")),
    tar(pax(_HOLES), entry("s", b"1\n1500\n10\n".ljust(512, b"\0") + b"0123456789"), entry("next", b"1")),
    tar(entry("s", b"abc", kind=b"S", at386=b"%011o\0%011o\0" % (1000, 3), at483=b"%011o\0" % 1500)),
    tar(entry("././@LongLink", b"n/" * 100, kind=b"L"), entry("cut"), pax({"comment": "x"}, b"g"), entry("z")),
    tar(entry("x", _MAP, kind=b"x"), entry("y", b"ab")),
    tar(entry("big", at124=b"\x80" + (600).to_bytes(11, "big")) + bytes(1024), entry("var/.wh..wh..opq")),
)


class _All:
    """Wants all files up to a size, and remembers them."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes]] = []

    def wants(self, _path: str, size: int) -> bool:
        return size <= _LARGEST

    def take(self, path: str, content: bytes) -> None:
        self.taken.append((path, content))


def fuzz_one(data: bytes) -> None:
    """Any bytes are a layer of clean names, with gaps for the rest; in chunks of any size, and hopping, the same."""
    for content in (data, _with_sums(data)):
        _read(content)
        seen = _entries(_streamed(content, 1 << 20))
        assert seen == _entries(_streamed(content, 300))
        with tempfile.TemporaryFile() as file:
            file.write(b"before" + content + b"behind")
            file.flush()
            assert seen == _entries(FileWindow(file.fileno(), 6, len(content)))


def _read(content: bytes) -> None:
    collector = _All()
    found = read_layer(saved_blob(content, stored=content), collector, limits=_LIMITS, budget=Budget(_LIMITS))
    names = [record[1:] for record in found.tree.entries.split(b"\0") if record]
    for name in (*names, *(path.encode("utf-8", "surrogateescape") for path in found.tree.whiteouts)):
        parts = name.split(b"/")
        assert len(name) <= _LIMITS.name_bytes
        assert not {b"", b".", b".."} & set(parts)
    assert len(names) <= _LIMITS.entries
    assert all(len(taken) <= _LARGEST for _, taken in collector.taken)
    assert len(found.gaps) <= 5


def _streamed(content: bytes, size: int) -> StreamWindow:
    chunks = (content[start : start + size] for start in range(0, len(content), size))
    return StreamWindow(lambda: next(chunks, b""))


def _entries(window: Window) -> list[tuple[object, ...]]:
    """All entries, with the content of the small ones, and how it ended."""
    entries = Entries(window, extension_bytes=_LIMITS.extension_bytes)
    seen: list[tuple[object, ...]] = []
    try:
        for found in entries:
            seen.append(found)
            if found[0] == "f" and found[2] <= _LARGEST:
                seen.append((entries.payload(),))
    except (MalformedError, LimitError) as error:
        seen.append((type(error).__name__, error.what))
    return seen


def _with_sums(data: bytes) -> bytes:
    """The data with a right checksum in every block that looks like a header, so that more than sums is tried."""
    blocks = bytearray(data)
    for start in range(0, len(data) - 511, 512):
        if blocks[start + 148 : start + 156].strip(b"01234567 \0") == b"" and any(blocks[start : start + 512]):
            blocks[start + 148 : start + 156] = b" " * 8
            blocks[start + 148 : start + 156] = b"%06o\0 " % sum(blocks[start : start + 512])
    return bytes(blocks)

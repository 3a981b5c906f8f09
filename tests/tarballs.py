"""Tar entries written byte by byte, for what no tar program would write; and layers and images made of them."""

import gzip
import hashlib
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from tidewaiter.image.blob import Image, LayerBlob
from tidewaiter.model.image import Digest, ImageIdentity, Layer

END = bytes(1024)


def entry(name: str | bytes, content: bytes = b"", *, kind: bytes = b"0", link: str = "", **fields: bytes) -> bytes:
    """A ustar entry. `fields` overwrites bytes of the header before the sum is made: at124=b"…"."""
    header = bytearray(512)
    encoded = name.encode() if isinstance(name, str) else name
    size = len(content) if kind not in b"123456" else 0
    for at, value in (
        (0, encoded[:100]),
        (100, b"0000644\0"),
        (124, b"%011o\0" % size),
        (156, kind),
        (157, link.encode()[:100]),
        (257, b"ustar\x0000"),
        *((int(field.removeprefix("at")), value) for field, value in fields.items()),
    ):
        header[at : at + len(value)] = value
    return summed(bytes(header)) + padded(content)


def summed(header: bytes) -> bytes:
    """The header with its checksum."""
    blank = header[:148] + b" " * 8 + header[156:]
    return header[:148] + b"%06o\0 " % sum(blank) + header[156:]


def padded(content: bytes) -> bytes:
    """The content, up to a full block."""
    return content + bytes(-len(content) % 512)


def folder(name: str) -> bytes:
    return entry(f"{name}/", kind=b"5")


def symlink(name: str, target: str) -> bytes:
    return entry(name, kind=b"2", link=target)


def hardlink(name: str, target: str) -> bytes:
    return entry(name, kind=b"1", link=target)


def pax(records: Mapping[str, str | bytes], kind: bytes = b"x") -> bytes:
    """A pax header with these records."""
    content = b"".join(pax_record(key, value) for key, value in records.items())
    return entry("PaxHeaders/x", content, kind=kind)


def pax_record(key: str, value: str | bytes) -> bytes:
    body = b" " + key.encode() + b"=" + (value.encode() if isinstance(value, str) else value) + b"\n"
    length = len(body)
    while len(str(length)) + len(body) != length:
        length = len(str(length)) + len(body)
    return str(length).encode() + body


def tar(*entries: bytes) -> bytes:
    """The entries and the end of the archive."""
    return b"".join(entries) + END


def sha256(content: bytes) -> Digest:
    return Digest("sha256", hashlib.sha256(content).hexdigest())


def blob(unpacked: bytes, *, index: int = 0, pack: Callable[[bytes], bytes] = gzip.compress) -> LayerBlob:
    """A layer as in a registry: stored compressed, under the digest of its stored bytes."""
    return stored_blob(pack(unpacked), index=index, diff_id=sha256(unpacked))


def stored_blob(stored: bytes, *, index: int = 0, diff_id: Digest | None = None) -> LayerBlob:
    digest = sha256(stored)
    layer = Layer(index=index, digest=digest, diff_id=diff_id, size=len(stored), created_by=f"step {index}")
    return LayerBlob(layer=layer, open=opener(stored), hash_of="stored")


def saved_blob(unpacked: bytes, *, index: int = 0, stored: bytes | None = None) -> LayerBlob:
    """A layer of a docker-archive that is not hopped through: only the digest of its unpacked bytes is known."""
    digest = sha256(unpacked)
    layer = Layer(index=index, digest=digest, diff_id=digest, created_by=f"step {index}")
    return LayerBlob(layer=layer, open=opener(unpacked if stored is None else stored), hash_of="unpacked")


def plain_blob(file: Path, unpacked: bytes, *, index: int = 0, before: bytes = b"", after: bytes = b"") -> LayerBlob:
    """A plain layer of a docker-archive, at its place in a file."""
    file.write_bytes(before + unpacked + after)
    whole = saved_blob(unpacked, index=index)
    return LayerBlob(
        layer=whole.layer, open=whole.open, hash_of="unpacked", plain=(str(file), len(before), len(unpacked))
    )


def opener(stored: bytes) -> Callable[[], BinaryIO]:
    return lambda: io.BytesIO(stored)


def image(*layers: bytes) -> Image:
    """An image of these layers' tars, lowest first."""
    blobs = tuple(blob(layer, index=index) for index, layer in enumerate(layers))
    return image_of(*blobs)


def image_of(*blobs: LayerBlob) -> Image:
    identity = ImageIdentity(reference="example/image:1", layers=tuple(blob.layer for blob in blobs))
    return Image(identity=identity, blobs=blobs)

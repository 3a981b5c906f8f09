"""What the tests of extractors share: files out of the real images."""

import gzip
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ImageFiles = Callable[[str], Iterator[tuple[str, bytes | None]]]


@pytest.fixture
def image_files(shared: Path) -> ImageFiles:
    """Paths and contents of the files in the layers of a real image; the content of what is no regular file is None."""

    def read(name: str) -> Iterator[tuple[str, bytes | None]]:
        blobs = shared / "corpus" / "images" / name / "blobs" / "sha256"
        index = json.loads((blobs.parents[1] / "index.json").read_bytes())
        manifest = json.loads((blobs / index["manifests"][0]["digest"].partition(":")[2]).read_bytes())
        for layer in manifest["layers"]:
            yield from _members(blobs / layer["digest"].partition(":")[2])

    return read


def _members(layer: Path) -> Iterator[tuple[str, bytes | None]]:
    with gzip.open(layer) as unpacked, tarfile.open(fileobj=unpacked, mode="r|") as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() else None
            yield member.name.removeprefix("./").strip("/"), file.read() if file else None

"""Every ceiling can be set from the command line, and what goes beyond it ends with its name."""

import gzip
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
import zstandard

from hostile_targets import SOUND, STANZA, STATUS, Look, packed
from tarballs import END, entry, pax, symlink, tar
from tidewaiter.image.limits import Limits
from tidewaiter.simulator.archives import write_docker_archive, write_layout
from tidewaiter.simulator.images import Built, build_image, build_index, build_layer

Write = Callable[[Path], list[str | Path]]


def image(*rows: bytes) -> Built:
    return build_image([build_layer(tar(*SOUND, *rows))])


def layout(*images: Built) -> Write:
    return lambda folder: [write_layout(folder / "layout", {f"{number}": each for number, each in enumerate(images)})]


def archive(*images: Built) -> Write:
    return lambda folder: [
        write_docker_archive(folder / "saved.tar.gz", {f"{n}": each for n, each in enumerate(images)}, "podman", "gzip")
    ]


def history(size: int) -> Built:
    """A layer that asks for so much history while it is unpacked."""
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=size.bit_length() - 1)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return build_image([packed(packer.compress(tar(*SOUND)) + packer.flush(), "zstd")])


NESTED = build_index([build_index([build_index([image()])])])
CHROOTS = [entry(f"{number}/{STATUS}", STANZA) for number in range(3)]
BIG = entry("big", bytes(100_000))

# How each ceiling is passed: the value it is set to (others may have to give way), and an image that goes beyond.
BEYOND: dict[str, tuple[list[str], Write]] = {
    "manifest_bytes": (["manifest_bytes=100"], layout(image())),
    "config_bytes": (["config_bytes=100"], layout(image())),
    "index_depth": (["index_depth=1"], layout(NESTED)),
    "index_manifests": (["index_manifests=2"], layout(build_index([image(entry(f"{n}")) for n in range(3)]))),
    "images": (["images=1"], layout(image(), image(entry("x")))),
    "layers": (["layers=1"], layout(build_image([build_layer(tar(*SOUND)), build_layer(tar(entry("x")))]))),
    "archive_members": (["archive_members=2"], archive(image())),
    "archive_bytes": (["archive_bytes=50kB"], archive(image(BIG))),
    "layer_bytes": (["layer_bytes=50kB"], layout(image(BIG))),
    "image_bytes": (["image_bytes=50kB"], layout(image(BIG))),
    "ratio": (["ratio=10", "ratio_floor=50kB"], layout(image(BIG))),
    "ratio_floor": (["ratio_floor=50kB", "ratio=10"], layout(image(BIG))),
    "window_bytes": (["window_bytes=1MiB"], layout(history(1 << 22))),
    "entries": (["entries=3"], layout(image(entry("x"), entry("y")))),
    "links": (["links=2"], layout(image(*(symlink(f"l{number}", "x") for number in range(3))))),
    "name_bytes": (["name_bytes=50"], layout(image(entry("n" * 51)))),
    "names_bytes": (["names_bytes=50kB"], layout(image(*(entry(f"{'n' * 90}{n}") for n in range(2000))))),
    "extension_bytes": (["extension_bytes=100"], layout(image(pax({"path": "n" * 150}), entry("u")))),
    "file_bytes": (["file_bytes=50"], layout(image())),
    "looked_bytes": (["looked_bytes=50"], layout(image())),
    "inventory_bytes": (["inventory_bytes=6kB"], layout(image())),
    "roots": (["roots=2"], layout(image(*CHROOTS))),
}
WAITS = {"held_bytes"}
"""What goes beyond these waits for its turn."""


def test_there_is_a_proof_for_every_ceiling() -> None:
    assert BEYOND.keys() | WAITS == {field.name for field in fields(Limits)}


@pytest.mark.parametrize("name", BEYOND)
def test_what_goes_beyond_a_ceiling_ends_with_its_name(look: Look, tmp_path: Path, name: str) -> None:
    settings, write = BEYOND[name]
    options = [part for setting in settings for part in ("--limit", setting)]
    outcome = look(*write(tmp_path), *options)
    shown = "ratio" if name == "ratio_floor" else name
    (gap,) = [gap for gap in outcome.gaps if gap["why"] in ("limit", "malformed") and shown in gap["detail"]]
    assert gap["subject"]


@pytest.mark.parametrize("name", BEYOND)
def test_the_same_image_is_within_the_defaults(look: Look, tmp_path: Path, name: str) -> None:
    _, write = BEYOND[name]
    look(*write(tmp_path), code=0)


@pytest.mark.parametrize("name", WAITS)
def test_a_file_beyond_the_room_for_files_waits_and_is_read(look: Look, tmp_path: Path, name: str) -> None:
    layers = [build_layer(tar(*SOUND, entry(f"{number}"))) for number in range(4)]
    look(*layout(build_image(layers))(tmp_path), "--limit", f"{name}=1", code=0)


def test_a_ceiling_on_names_counts_those_of_a_folder_too(look: Look, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    for number in range(10):
        (tmp_path / f"etc/{number}").touch()
    look(f"dir:{tmp_path}", "--limit", "entries=5").gap("limit", "limit entries")


def test_a_ceiling_may_be_raised(look: Look, tmp_path: Path) -> None:
    stored = gzip.compress(b"".join(SOUND) + entry("big", bytes(10_000_000)) + END)
    (target,) = layout(build_image([packed(stored)]))(tmp_path)
    look(target, "--limit", "ratio_floor=1MB").gap("limit", "limit ratio")
    look(target, "--limit", "ratio_floor=1MB", "--limit", "ratio=2000", code=0)

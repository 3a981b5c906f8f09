"""Layers and archives whose compression is broken, or a bomb."""

import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from hostile_targets import MIB, PURL, SOUND, Command, Look, filled, huge, packed, write_image, zeros
from tarballs import END, entry, tar
from tidewaiter.simulator.archives import write_docker_archive, write_layout
from tidewaiter.simulator.images import Compression, build_image, build_layer

GIB = 1 << 30
HEAD = b"".join(SOUND) + huge("zeros", 10 * GIB)


def zstd_bomb() -> bytes:
    frame = zstandard.compress(bytes(128 * MIB))
    return zstandard.compress(HEAD) + frame * 80


BOMBS: dict[str, tuple[Compression, Callable[[], bytes]]] = {
    "gzip": ("gzip", lambda: gzip.compress(HEAD, mtime=0) + zeros(10 * GIB)),
    "zstd": ("zstd", zstd_bomb),
}


class TestBombs:
    @pytest.mark.parametrize("kind", BOMBS)
    def test_a_layer_of_10_gib_of_zeros_ends_by_its_ratio(self, command: Command, tmp_path: Path, kind: str) -> None:
        compression, make = BOMBS[kind]
        layer = packed(make(), compression)
        outcome = command.sbom(write_layout(tmp_path / "bomb", [build_image([layer])]))
        outcome.gap("limit", str(layer.digest), "250 times its stored size", "limit ratio")
        assert outcome.packages == [PURL]

    def test_so_does_a_compressed_layer_of_a_docker_archive(self, command: Command, tmp_path: Path) -> None:
        layer = packed(gzip.compress(HEAD, mtime=0) + zeros(1200 * MIB))
        path = write_docker_archive(tmp_path / "bomb.tar", {"bomb:1": build_image([layer])}, "kaniko")
        outcome = command.sbom(path)
        outcome.gap("limit", str(layer.diff_id), "limit ratio")
        assert outcome.packages == [PURL]

    @pytest.mark.parametrize("kind", BOMBS)
    def test_so_does_an_archive_that_is_compressed_as_a_whole(
        self, command: Command, tmp_path: Path, kind: str
    ) -> None:
        path = tmp_path / "bomb.tar.packed"
        path.write_bytes(BOMBS[kind][1]())
        outcome = command.sbom(path)
        outcome.gap("limit", str(path), "250 times its stored size", "ratio")
        assert outcome.err.count("\n") == 1

    def test_an_archive_of_nothing_but_zeros_is_no_image(self, command: Command, tmp_path: Path) -> None:
        path = tmp_path / "zeros.tar.gz"
        path.write_bytes(zeros(10 * GIB))
        command.sbom(path).gap("not-an-image", str(path), "no tar archive")

    def test_a_bomb_of_other_bytes_than_zeros_takes_no_disk_beyond_its_ratio(
        self, command: Command, tmp_path: Path
    ) -> None:
        path = tmp_path / "bomb.tar.gz"
        path.write_bytes(gzip.compress(HEAD, mtime=0) + filled(128 * MIB, b"bomb"))
        outcome = command.sbom(path, "--limit", "ratio_floor=64MiB")
        outcome.gap("limit", "ratio")

    def test_a_history_longer_than_the_ceiling_is_not_given_the_memory(self, command: Command, tmp_path: Path) -> None:
        parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=31)
        packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
        layer = packed(packer.compress(tar(*SOUND)) + packer.flush(), "zstd")
        outcome = command.sbom(write_layout(tmp_path / "image", [build_image([layer])]), most_memory=64 * MIB)
        outcome.gap("limit", str(layer.digest), "limit window_bytes")

    def test_the_histories_of_many_layers_are_not_in_memory_together(self, command: Command, tmp_path: Path) -> None:
        parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=26)
        body = b"".join(number.to_bytes(4, "big") * 64 for number in range(320 * 1024))  # 80 MiB
        layers = []
        for number in range(5):
            packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
            content = b"".join(SOUND) + huge(f"file{number}", len(body)) + body + END
            layers.append(packed(packer.compress(content) + packer.flush(), "zstd"))
        command.sbom(write_layout(tmp_path / "image", [build_image(layers)]), code=0)

    @pytest.mark.parametrize(
        ("compression", "nothing"),
        [
            ("gzip", gzip.compress(b"", mtime=0)),
            ("zstd", zstandard.compress(b"")),
            ("zstd", b"\x50\x2a\x4d\x18\0\0\0\0"),
        ],
    )
    def test_hundreds_of_thousands_of_empty_members_are_read_and_hold_nothing(
        self, command: Command, tmp_path: Path, compression: Compression, nothing: bytes
    ) -> None:
        layer = packed(nothing * 200_000, compression)
        outcome = command.sbom(write_layout(tmp_path / "image", [build_image([layer])]), most_memory=64 * MIB)
        outcome.gap("unsupported", "no installed package was found")


NOISE = bytes(range(256)) * 4000
TAR = tar(*SOUND, entry("noise", NOISE), entry("last"))
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda content: gzip.compress(content, mtime=0),
    "zstd": zstandard.ZstdCompressor().compress,
    "xz": lzma.compress,
}


class TestBrokenStreams:
    @pytest.mark.parametrize("kind", PACKERS)
    @pytest.mark.parametrize("kept", [9, 0.5, -2], ids=["start", "half", "nearly all"])
    def test_a_layer_that_was_cut_off_before_its_digest_was_made_is_a_gap(
        self, look: Look, tmp_path: Path, kind: str, kept: float
    ) -> None:
        stored = PACKERS[kind](TAR)
        layer = packed(stored[: int(len(stored) * kept) if 0 < kept < 1 else int(kept)])
        outcome = look(write_layout(tmp_path / "image", [build_image([layer])]))
        outcome.gap("malformed", f"layer {layer.digest}", "cut off")

    @pytest.mark.parametrize("kind", PACKERS)
    def test_a_cut_off_layer_of_a_docker_archive_is_a_gap_and_its_first_part_is_reported(
        self, look: Look, tmp_path: Path, kind: str
    ) -> None:
        layer = packed(PACKERS[kind](TAR)[:-4])
        path = write_docker_archive(tmp_path / "image.tar", {"cut:1": build_image([layer])}, "kaniko")
        outcome = look(path)
        outcome.gap("malformed", f"layer {layer.diff_id}", "cut off")
        if kind != "xz":  # its block of data is checked as a whole
            assert outcome.packages == [PURL]

    def test_a_layer_that_was_cut_off_later_has_another_size_than_promised(self, look: Look, tmp_path: Path) -> None:
        (folder,) = write_image(tmp_path, "layout", TAR)
        blob = max(Path(folder, "blobs/sha256").iterdir(), key=lambda file: file.stat().st_size)
        blob.write_bytes(blob.read_bytes()[:-20])
        outcome = look(folder)
        outcome.gap("malformed", str(folder), blob.name, "were promised")
        assert blob.name in outcome.err

    def test_a_cut_off_archive_is_malformed(self, command: Command, tmp_path: Path) -> None:
        (path,) = write_image(tmp_path, "saved and compressed", TAR)
        whole = Path(path).read_bytes()
        for size in (15, len(whole) // 2, len(whole) - 1):
            Path(path).write_bytes(whole[:size])
            command.sbom(path).gap("malformed", str(path), "cut off")

    @pytest.mark.parametrize("kind", ["gzip", "xz"])
    def test_a_wrong_checksum_of_the_content_is_a_gap(self, look: Look, tmp_path: Path, kind: str) -> None:
        stored = bytearray(PACKERS[kind](TAR))
        stored[-6] ^= 0xFF
        layer = packed(bytes(stored))
        look(write_layout(tmp_path / "image", [build_image([layer])])).gap("malformed", str(layer.digest), "broken")

    def test_other_bytes_behind_the_compressed_ones_are_a_gap(self, look: Look, tmp_path: Path) -> None:
        layer = packed(PACKERS["gzip"](TAR) + b"more")
        outcome = look(write_layout(tmp_path / "image", [build_image([layer])]))
        outcome.gap("malformed", str(layer.digest), "other bytes behind")
        assert outcome.packages == [PURL]

    def test_what_is_no_tar_inside_is_a_gap(self, look: Look, tmp_path: Path) -> None:
        for number, content in enumerate((b"text" * 400, NOISE, b"x")):
            layer = build_layer(content)
            outcome = look(write_layout(tmp_path / f"{number}", [build_image([layer])]))
            outcome.gap("malformed", str(layer.digest), "0 names" if number < 2 else "cut off")


class TestWrongDigests:
    @pytest.mark.parametrize("form", ["layout", "saved --verify"])
    def test_a_layer_of_another_digest_stops_the_image(self, look: Look, tmp_path: Path, form: str) -> None:
        target, *options = write_image(tmp_path, form, TAR)
        file = next(Path(target).rglob("*")) if form == "layout" else Path(target)
        if form == "layout":
            file = max(Path(target, "blobs/sha256").iterdir(), key=lambda blob: blob.stat().st_size)
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 0xFF
        file.write_bytes(content)
        outcome = look(target, *options)
        outcome.gap("malformed", str(target), "layer sha256:", "wrong digest", "was promised")
        assert outcome.packages == []
        assert str(target) in outcome.err
        assert outcome.err.count("\n") == 1

    def test_a_plain_archive_vouches_for_itself_and_says_so_only_when_asked(self, look: Look, tmp_path: Path) -> None:
        (path,) = write_image(tmp_path, "saved", TAR)
        content = Path(path).read_bytes()
        Path(path).write_bytes(content.replace(b"bash", b"dash"))
        assert look(path, code=0).packages == [PURL.replace("bash", "dash")]
        assert look(path, "--verify").packages == []

"""Files that extractors look into: too large, broken, or of very many packages."""

import gzip
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from hostile_targets import (
    FORMS,
    MIB,
    OS_RELEASE,
    PURL,
    SOUND,
    STATUS,
    Command,
    Look,
    filled,
    huge,
    layer_digest,
    packed,
    saved_around_zeros,
    write_image,
    zeros,
)
from tarballs import END, entry, hardlink, tar
from tidewaiter.simulator.archives import write_layout
from tidewaiter.simulator.images import build_image
from tidewaiter.simulator.rpmdb import InstalledRpm, berkeley_database, ndb_database, sqlite_database

DATABASES: dict[str, Callable[[Iterable[InstalledRpm]], bytes]] = {
    "Packages": berkeley_database,
    "Packages.db": ndb_database,
    "rpmdb.sqlite": sqlite_database,
}
INSTALLED = [InstalledRpm(name=f"p{number}", version="1", release="1") for number in range(200)]


def write_huge(folder: Path, form: str, name: str, size: int) -> list[str | Path]:
    """An image with `SOUND` and a file of so many zeros, in a form; a plain archive has a hole in their place."""
    if form == "layout":
        content = gzip.compress(b"".join(SOUND) + huge(name, size), mtime=0) + zeros(size)
        layer = packed(content + gzip.compress(bytes(-size % 512) + END, mtime=0))
        return [write_layout(folder / "layout", [build_image([layer])])]
    before, after = saved_around_zeros(name, size)
    if form == "saved and compressed":
        path = folder / "saved.tar.gz"
        path.write_bytes(gzip.compress(before, mtime=0) + zeros(size) + gzip.compress(after, mtime=0))
        return [path]
    with (folder / "saved.tar").open("wb") as archive:
        archive.write(before)
        archive.seek(size, os.SEEK_CUR)
        archive.write(after)
    return [folder / "saved.tar", *form.split()[1:]]


class TestLargeFiles:
    @pytest.mark.parametrize("form", FORMS)
    def test_a_file_that_nobody_wants_may_be_of_any_size(self, command: Command, tmp_path: Path, form: str) -> None:
        target, *options = write_huge(tmp_path, form, "app/package.json", 300 * MIB)
        outcome = command.sbom(target, *options, code=0, most_memory=64 * MIB)
        assert outcome.packages == [PURL]

    @pytest.mark.parametrize(
        ("form", "name"), [*((form, "usr/lib/os-release") for form in FORMS), ("saved", "lib/apk/db/installed")]
    )
    def test_a_file_that_is_wanted_is_not_taken_beyond_its_ceiling(
        self, command: Command, tmp_path: Path, form: str, name: str
    ) -> None:
        target, *options = write_huge(tmp_path, form, name, 300 * MIB)
        outcome = command.sbom(target, *options, most_memory=64 * MIB)
        outcome.gap("limit", name, "layer sha256:", f"{300 * MIB:,} bytes", "own limit")
        assert outcome.packages == [PURL]

    @pytest.mark.parametrize("name", [STATUS, "var/lib/rpm/rpmdb.sqlite"])
    def test_a_database_of_a_gibibyte_in_one_line_is_a_gap(self, command: Command, tmp_path: Path, name: str) -> None:
        size = 1024 * MIB
        stored = gzip.compress(OS_RELEASE + huge(name, size), mtime=0) + filled(size, b"Package: bash ")
        layer = packed(stored + gzip.compress(END, mtime=0))
        target = write_layout(tmp_path / "image", [build_image([layer])])
        outcome = command.sbom(target, "--limit", "ratio=100000", most_memory=64 * MIB)
        outcome.gap("limit", name, str(layer.digest), f"{size:,} bytes")

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            (STATUS, b"Package: bash "),
            (STATUS, b"a\n\n"),
            ("lib/apk/db/installed", b"P:a\nV:1\n"),
            ("lib/apk/db/installed", b"F:a\nR:b\n"),
            ("var/lib/rpm/Packages", b"\0\0\0\0\x61\x15\x06\0"),
        ],
    )
    def test_databases_just_below_the_ceiling_in_several_layers_take_turns_in_memory(
        self, command: Command, tmp_path: Path, name: str, content: bytes
    ) -> None:
        layers = []
        for number in range(3):
            head = b"".join((*SOUND, huge(f"{number}/{name}", 64 * MIB)))
            stored = gzip.compress(head, mtime=0) + filled(64 * MIB, content) + gzip.compress(END, mtime=0)
            layers.append(packed(stored))
        outcome = command.sbom(write_layout(tmp_path / "image", [build_image(layers)]))
        assert PURL in outcome.packages

    def test_the_largest_rpm_databases_take_turns_in_memory(self, command: Command, tmp_path: Path) -> None:
        layers = []
        for number in range(3):
            head = b"".join((*SOUND, huge(f"{number}/var/lib/rpm/Packages", 192 * MIB)))
            layers.append(packed(gzip.compress(head, mtime=0) + zeros(192 * MIB) + gzip.compress(END, mtime=0)))
        outcome = command.sbom(write_layout(tmp_path / "image", [build_image(layers)]))
        outcome.gap("unsupported", "0/var/lib/rpm/Packages", "not a package database")


def damaged(content: bytes, kind: str) -> bytes:
    half = len(content) // 2
    match kind:
        case "cut":
            return content[:half]
        case "emptied":
            return b""
        case "overwritten":
            return content[:16] + b"\xff" * (len(content) - 16)
        case "filled with zeros":
            return content[:512] + bytes(len(content) - 512)
        case _:
            return bytes(reversed(content))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("damage", ["cut", "emptied", "overwritten", "filled with zeros", "turned around"])
@pytest.mark.parametrize("name", DATABASES)
def test_a_corrupt_rpm_database_is_a_gap_that_names_it(
    look: Look, tmp_path: Path, name: str, damage: str, form: str
) -> None:
    content = damaged(DATABASES[name](INSTALLED), damage)
    layer = tar(*SOUND, entry(f"var/lib/rpm/{name}", content))
    outcome = look(*write_image(tmp_path, form, layer))
    assert PURL in outcome.packages
    path = f"var/lib/rpm/{name}"
    assert [gap for gap in outcome.gaps if gap["subject"] == path and gap["why"] in ("malformed", "unsupported")]


def stanzas(count: int, **fields: str) -> bytes:
    more = "".join(f"{name}: {value}\n" for name, value in fields.items())
    return "".join(
        f"Package: p{number}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.{number}\n{more}\n"
        for number in range(count)
    ).encode()


class TestManyPackages:
    def test_more_packages_than_a_distribution_has_are_a_gap(self, command: Command, tmp_path: Path) -> None:
        layer = tar(OS_RELEASE, entry(STATUS, stanzas(200_001)))
        report = tmp_path / "report.json"
        outcome = command(
            "sbom", "--format", "json", "-o", report, *write_image(tmp_path, "layout", layer), most_memory=800 * MIB
        )
        assert "more than 200,000 packages" in report.read_text()
        assert outcome.out == ""

    def test_packages_of_many_databases_have_one_room(self, command: Command, tmp_path: Path) -> None:
        many = stanzas(5_000, Maintainer="m" * 100)
        layer = tar(*SOUND, *(entry(f"{number}/{STATUS}", many) for number in range(10)))
        outcome = command.sbom(*write_image(tmp_path, "layout", layer), "--limit", "inventory_bytes=20MiB")
        digest = layer_digest("layout", layer)
        outcome.gap("limit", f"layer {digest}", "limit inventory_bytes", f"3/{STATUS} and 6 more")

    def test_one_large_file_of_thousands_of_names_is_not_read_for_each(self, command: Command, tmp_path: Path) -> None:
        many = stanzas(300)
        links = (hardlink(f"{number}/{STATUS}", STATUS) for number in range(300))
        layer = tar(OS_RELEASE, entry(STATUS, many), *links)
        outcome = command.sbom(
            *write_image(tmp_path, "layout", layer), "--limit", f"looked_bytes={50 * len(many) + 100}"
        )
        outcome.gap("limit", "limit looked_bytes")
        assert len(outcome.packages) == 300
        assert len(outcome.document["packages"][0]["locations"]) == 50

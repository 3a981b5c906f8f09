"""Layers with harmful names, links and numbers of both."""

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from hostile_targets import (
    FORMS,
    OS_RELEASE,
    PURL,
    SOUND,
    STANZA,
    STATUS,
    Command,
    Look,
    Outcome,
    layer_digest,
    packed,
    write_image,
)
from tarballs import END, entry, folder, hardlink, pax, symlink, tar
from tidewaiter.simulator.archives import write_layout
from tidewaiter.simulator.images import build_image

NAMES = {
    "a name that leads upwards": entry("../../etc/os-release", b"ID=alpine\n"),
    "a name that leads upwards in its middle": entry("var/../../x", b""),
    "a NUL in a pax name": pax({"path": "etc/os-\0release"}) + entry("u", b"ID=alpine\n"),
    "a name of more than 4 KiB": pax({"path": "n" * 4097}) + entry("u"),
    "a GNU name of more than 4 KiB": entry("././@LongLink", b"n" * 5000 + b"\0", kind=b"L") + entry("u"),
    "a file that is the root": entry("./", b"x"),
    "a link to nowhere at all": symlink("link", ""),
    "a link to a NUL": pax({"linkpath": "a\0b"}) + symlink("link", "u"),
    "a link to more than 4 KiB": pax({"linkpath": "n" * 4097}) + symlink("link", "u"),
    "a hard link that leads upwards": hardlink("link", "../../etc/shadow"),
    "a whiteout of the folder itself": entry("etc/.wh.."),
    "a whiteout of the folder above": entry("etc/.wh..."),
    "a whiteout of nothing": entry("etc/.wh."),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("what", NAMES)
def test_a_name_that_must_not_be_followed_is_a_gap_and_all_others_count(
    look: Look, tmp_path: Path, form: str, what: str
) -> None:
    layer = tar(OS_RELEASE, NAMES[what], entry(STATUS, STANZA))
    outcome = look(*write_image(tmp_path, form, layer))
    outcome.gap("malformed", f"layer {layer_digest(form, layer)}", "1 name is not followed")
    assert outcome.packages == [PURL]
    assert not (tmp_path.parent / "etc").exists()


@pytest.mark.parametrize("form", FORMS)
def test_absolute_names_and_links_are_those_of_the_image(look: Look, tmp_path: Path, form: str) -> None:
    release = tmp_path / "outside"
    release.write_text("ID=outside\n")
    layer = tar(
        entry("/usr/lib/os-release", b"ID=debian\nVERSION_ID=12\n"),
        symlink("etc/os-release", str(release)),
        entry(f"//{STATUS}", STANZA),
        entry("n" * 100, at345=b"p" * 155),
        pax({"path": "n" * 4096}) + entry("u"),
    )
    outcome = look(*write_image(tmp_path, form, layer), code=0)
    assert outcome.packages == [PURL]


class TestLinks:
    @pytest.mark.parametrize("form", FORMS)
    def test_links_in_a_circle_end_and_name_what_was_not_seen(self, look: Look, tmp_path: Path, form: str) -> None:
        layer = tar(
            symlink(STATUS, "status"),
            symlink("etc/os-release", "../usr/lib/os-release"),
            symlink("usr/lib/os-release", "/etc/os-release"),
        )
        outcome = look(*write_image(tmp_path, form, layer))
        for path in (STATUS, "etc/os-release", "usr/lib/os-release"):
            outcome.gap("malformed", path, "circle")

    @pytest.mark.parametrize("form", FORMS)
    def test_circles_of_folders_end(self, look: Look, tmp_path: Path, form: str) -> None:
        layer = tar(symlink("var", "lib"), symlink("lib", "var"), symlink("a", "a/a"), *SOUND)
        look(*write_image(tmp_path, form, layer)).gap("malformed", STATUS, "circle")

    @pytest.mark.parametrize(("links", "code"), [(40, 0), (41, 2)])
    def test_links_are_followed_as_far_as_the_kernel_would(
        self, look: Look, tmp_path: Path, links: int, code: int
    ) -> None:
        chain = [symlink(f"l{number}", f"l{number + 1}") for number in range(1, links)]
        layer = tar(symlink("etc", "l1"), *chain, folder(f"l{links}"), entry(f"l{links}/os-release", b"ID=debian\n"))
        outcome = look(*write_image(tmp_path, "layout", layer, tar(entry(STATUS, STANZA))), code=code)
        if code:
            outcome.gap("malformed", "etc/os-release", "circle")
        else:
            assert outcome.document["distro"]["id"] == "debian"

    @pytest.mark.parametrize(
        "links",
        [
            [hardlink(STATUS, STATUS)],
            [hardlink(STATUS, "x"), hardlink("x", STATUS)],
            [hardlink(STATUS, "nothing")],
            [hardlink("x", STATUS), hardlink(STATUS, "x")],
        ],
    )
    def test_hard_links_to_themselves_or_to_nothing_are_gaps(
        self, look: Look, tmp_path: Path, links: list[bytes]
    ) -> None:
        layer = tar(OS_RELEASE, entry("lib/apk/db/installed", b"P:musl\nV:1\n\n"), *links)
        look(*write_image(tmp_path, "layout", layer)).gap("malformed", STATUS, "hard link that leads to no file")

    def test_a_link_through_thousands_of_names_costs_little(self, command: Command, tmp_path: Path) -> None:
        dots = "./" * 2000
        links = [pax({"linkpath": f"{dots}l{number + 1}"}) + symlink(f"l{number}", "u") for number in range(38)]
        ends = [pax({"linkpath": f"/l0/{number}"}) + symlink(f"x{number}/{STATUS}", "u") for number in range(500)]
        command.sbom(*write_image(tmp_path, "layout", tar(*SOUND, *links, *ends)))

    def test_a_path_of_two_thousand_folders_costs_little(self, command: Command, tmp_path: Path) -> None:
        deep = pax({"path": "/".join("d" * 1900) + f"/{STATUS}"}) + entry("u", STANZA)
        assert PURL in command.sbom(*write_image(tmp_path, "layout", tar(*SOUND, deep))).packages


class TestNumbers:
    @pytest.mark.parametrize(("form", "thousands"), [("layout", 1000), ("saved", 100)])
    def test_a_million_tiny_files_are_read(self, command: Command, tmp_path: Path, form: str, thousands: int) -> None:
        thousand = b"".join(entry(f"usr/share/folder/file{number:04}") for number in range(1000))
        if form == "layout":
            stored = gzip.compress(b"".join(SOUND), mtime=0) + gzip.compress(thousand, mtime=0) * thousands
            image = build_image([packed(stored + gzip.compress(END, mtime=0))])
            outcome = command.sbom(write_layout(tmp_path / "image", [image]), code=0)
        else:
            layer = b"".join((*SOUND, *[thousand] * thousands, END))
            outcome = command.sbom(*write_image(tmp_path, form, layer), code=0)
        assert outcome.packages == [PURL]

    def test_very_many_long_names_end_at_the_room_for_names(self, command: Command, tmp_path: Path) -> None:
        rows = b"".join(entry("n" * 90 + f"{number:04}", at345=b"p" * 150) for number in range(1000))
        outcome = look_at(command, tmp_path, [b"".join(SOUND), *[rows] * 100], "--limit", "names_bytes=16MiB")
        outcome.gap("limit", "layer sha256:", "limit names_bytes")
        assert outcome.packages == [PURL]

    def test_very_many_names_of_4_kib_end_at_the_room_for_names(self, command: Command, tmp_path: Path) -> None:
        rows = b"".join(pax({"path": f"{'n' * 4000}{number:04}"}) + entry("u") for number in range(1000))
        look_at(command, tmp_path, [b"".join(SOUND), *[rows] * 40]).gap("limit", "limit names_bytes")

    def test_more_names_than_the_ceiling_end_the_layer(self, command: Command, tmp_path: Path) -> None:
        rows = b"".join(entry(f"f{number:04}") for number in range(1000))
        parts = [b"".join(SOUND), *[rows] * 101]
        outcome = look_at(command, tmp_path, parts, "--limit", "entries=100000")
        outcome.gap("limit", "limit entries", "100,000 names")
        assert outcome.packages == [PURL]

    def test_fifty_thousand_links_are_followed_once(self, command: Command, tmp_path: Path) -> None:
        links = b"".join(symlink(f"l{number}", f"l{number + 1}") for number in range(50_000))
        outcome = command.sbom(*write_image(tmp_path, "layout", tar(*SOUND, links)), code=0)
        assert outcome.packages == [PURL]

    @pytest.mark.parametrize(
        ("rows", "code"),
        [
            pytest.param(lambda number: entry(f"x{number}/{STATUS}", STANZA), 2, id="chroots"),
            pytest.param(lambda number: symlink(f"x{number}/{STATUS}", f"nothing{number}"), 2, id="dead ends"),
            pytest.param(lambda number: symlink(f"x{number}", "var/lib"), 0, id="links to the folder of databases"),
            pytest.param(lambda number: hardlink(f"x{number}/{STATUS}", f"x{number - 1}/{STATUS}"), 2, id="hard links"),
        ],
    )
    def test_thousands_of_databases_and_links_to_them_do_not_cost_their_square(
        self, command: Command, tmp_path: Path, rows: Callable[[int], bytes], code: int
    ) -> None:
        names = b"".join(entry(f"usr/share/some/folder/file{number:04}") for number in range(1000)) * 20
        layer = tar(*SOUND, *map(rows, range(10_000)), names)
        assert PURL in command.sbom(*write_image(tmp_path, "layout", layer), code=code).packages


class TestLayersOverLayers:
    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize(
        "above",
        [
            pytest.param([entry(".wh..wh..opq")], id="an opaque root"),
            pytest.param([entry(".wh.var"), entry(".wh.etc")], id="whiteouts of everything"),
            pytest.param([folder(STATUS)], id="a folder in the place of the database"),
            pytest.param([entry("var/lib/dpkg", b"x")], id="a file in the place of the folder"),
        ],
    )
    def test_what_a_layer_hides_is_not_there_and_no_packages_are_a_gap(
        self, look: Look, tmp_path: Path, form: str, above: list[bytes]
    ) -> None:
        target, *options = write_image(tmp_path, form, tar(*SOUND), tar(*above))
        outcome = look(target, *options)
        assert outcome.packages == []
        outcome.gap("unsupported", str(target), "no installed package was found")

    @pytest.mark.parametrize("form", FORMS)
    def test_a_layer_that_stands_twice_counts_once(self, look: Look, tmp_path: Path, form: str) -> None:
        outcome = look(*write_image(tmp_path, form, tar(*SOUND), tar(*SOUND)), code=0)
        assert outcome.packages == [PURL]
        assert outcome.document["packages"][0]["locations"][0]["layer_index"] == 0

    def test_tens_of_thousands_of_whiteouts_are_laid_over_quickly(self, command: Command, tmp_path: Path) -> None:
        marks = [entry("var/lib/dpkg/.wh.status"), entry("var/lib/dpkg/.wh..wh..opq")] * 20_000
        command.sbom(*write_image(tmp_path, "layout", tar(*SOUND), tar(*marks))).gap("unsupported", "no installed")

    def test_a_thousand_layers_are_looked_through(self, command: Command, tmp_path: Path) -> None:
        layers = (tar(*SOUND, entry(f"{number}")) for number in range(999))
        outcome = command.sbom(*write_image(tmp_path, "layout", *layers), code=0)
        assert outcome.packages == [PURL]


def look_at(command: Command, tmp_path: Path, parts: Sequence[bytes], *options: str) -> Outcome:
    """Looks at a layer that is compressed in members, equal ones at no cost."""
    known: dict[bytes, bytes] = {}
    for part in parts:
        if part not in known:
            known[part] = gzip.compress(part, mtime=0)
    stored = b"".join(known[part] for part in parts) + gzip.compress(END, mtime=0)
    return command.sbom(write_layout(tmp_path / "image", [build_image([packed(stored)])]), *options)

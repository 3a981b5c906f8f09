"""An image looked through: what is installed, who brought it, and what could not be seen."""

import gzip
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from tarballs import (
    blob,
    entry,
    folder,
    hardlink,
    image,
    image_of,
    opener,
    pax,
    plain_blob,
    saved_blob,
    stored_blob,
    symlink,
    tar,
)
from tidewaiter.errors import MalformedError
from tidewaiter.image.blob import Image
from tidewaiter.image.limits import Limits
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.image import ImageIdentity, Layer
from tidewaiter.model.package import Extraction, Inventory
from tidewaiter.scan import look

STATUS = "var/lib/dpkg/status"
DEBIAN = entry("etc/os-release", b'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n')
ALPINE = b'ID=alpine\nVERSION_ID=3.20.1\nPRETTY_NAME="Alpine 3.20"\n'


def status(*packages: str) -> bytes:
    return "".join(
        f"Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n\n"
        for name, _, version in (package.partition("=") for package in packages)
    ).encode()


def installed(*packages: str) -> bytes:
    return "".join(
        f"P:{name}\nV:{version}\nA:x86_64\n\n" for name, _, version in (package.partition("=") for package in packages)
    ).encode()


def seen(*layers: bytes) -> Inventory:
    return look(image(*layers), limits=Limits())


def brought(inventory: Inventory) -> dict[str, int | None]:
    """Which layer brought which package."""
    return {
        f"{package.name}={package.version}": place.layer.index if place.layer else None
        for package in inventory.packages
        for place in package.locations[:1]
    }


def gap_lines(inventory: Inventory) -> list[tuple[Why, str]]:
    return [(gap.why, gap.subject) for gap in inventory.gaps]


def test_packages_come_with_release_purl_layer_and_the_step_that_made_it() -> None:
    found = seen(tar(DEBIAN), tar(entry(STATUS, status("bash=5.2-1"))))
    (package,) = found.packages
    assert found.distro is not None
    assert (found.distro.id, found.distro.version_id) == ("debian", "12")
    assert package.distro == found.distro
    assert package.purl == "pkg:deb/debian/bash@5.2-1?arch=amd64&distro=debian-12"
    (place,) = package.locations
    assert place.layer is not None
    assert (place.path, place.layer.index, place.layer.created_by) == (STATUS, 1, "step 1")
    assert found.gaps == ()
    assert found.extractors == ("distro", "dpkg", "apk", "rpm")


def test_the_layer_of_a_package_is_the_lowest_from_which_on_it_stayed() -> None:
    found = seen(
        tar(DEBIAN, entry(STATUS, status("bash=1", "curl=1", "gone=1", "back=1"))),
        tar(entry(STATUS, status("bash=1", "curl=2", "new=1"))),
        tar(entry("unrelated")),
        tar(entry(STATUS, status("bash=1", "curl=2", "new=1", "back=1"))),
    )
    assert brought(found) == {"bash=1": 0, "curl=2": 1, "new=1": 1, "back=1": 3}


def test_a_database_that_was_removed_and_came_back_is_new() -> None:
    found = seen(
        tar(DEBIAN, entry(STATUS, status("bash=1"))),
        tar(entry("var/lib/dpkg/.wh.status")),
        tar(entry(STATUS, status("bash=1"))),
    )
    assert brought(found) == {"bash=1": 2}


def test_a_database_that_could_not_be_read_in_between_breaks_the_line() -> None:
    apk = "lib/apk/db/installed"
    limits = Limits(file_bytes=2000)
    found = look(
        image(
            tar(entry("etc/os-release", ALPINE), entry(apk, installed("musl=1"))),
            tar(entry(apk, installed("musl=1") + b"#" * 3000)),
            tar(entry(apk, installed("musl=1"))),
        ),
        limits=limits,
    )
    assert brought(found) == {"musl=1": 2}
    assert found.gaps == ()


def test_of_a_database_that_stands_twice_in_a_layer_the_last_counts() -> None:
    found = seen(tar(DEBIAN, entry(STATUS, status("bash=1", "gone=1")), entry(STATUS, status("bash=2"))))
    assert brought(found) == {"bash=2": 0}


@pytest.mark.parametrize(("last", "brings"), [("link", "linked=1"), ("file", "own=1")])
def test_of_a_file_and_a_hard_link_with_one_name_the_last_counts(last: str, brings: str) -> None:
    entries = [entry(STATUS, status("own=1")), hardlink(STATUS, "opt/database")]
    ordered = entries if last == "link" else entries[::-1]
    found = seen(tar(DEBIAN, entry("opt/database", status("linked=1")), *ordered))
    assert brought(found) == {brings: 0}


def test_a_hard_link_to_a_lower_layer_replaces_a_file_of_its_own_layer() -> None:
    lower = tar(DEBIAN, entry("opt/database", status("linked=1")))
    found = seen(lower, tar(entry(STATUS, status("own=1")), hardlink(STATUS, "opt/database")))
    assert brought(found) == {"linked=1": 1}


@pytest.mark.parametrize("elsewhere", [entry("opt/other"), symlink("opt/database", "other")])
def test_a_database_that_is_a_hard_link_to_no_file_is_a_gap(elsewhere: bytes) -> None:
    alpine = entry("lib/apk/db/installed", installed("musl=1"))
    found = seen(tar(DEBIAN, alpine, elsewhere), tar(hardlink(STATUS, "opt/database")))
    assert (Why.MALFORMED, STATUS) in gap_lines(found)


def test_a_database_below_a_file_is_a_gap() -> None:
    found = seen(tar(DEBIAN, entry("var")), tar(entry(STATUS, status("bash=1"))))
    assert (Why.MALFORMED, STATUS) in gap_lines(found)


def test_single_entries_of_status_d_each_have_their_layer() -> None:
    one, two = (entry(f"var/lib/dpkg/status.d/{name}", status(f"{name}=1")) for name in ("base", "libc6"))
    assert brought(seen(tar(DEBIAN, one), tar(two))) == {"base=1": 0, "libc6=1": 1}


def test_a_removed_database_leaves_an_image_of_which_nothing_is_known() -> None:
    found = seen(tar(DEBIAN, entry(STATUS, status("bash=1"))), tar(entry("var/.wh.lib")))
    assert found.packages == ()
    assert gap_lines(found) == [(Why.UNSUPPORTED, "example/image:1")]


def test_an_image_of_binaries_alone_does_not_read_as_clean() -> None:
    found = seen(tar(entry("app", b"\x7fELF")))
    assert gap_lines(found) == [(Why.UNSUPPORTED, "example/image:1")]
    assert "there is no package database" in found.gaps[0].detail


def test_an_empty_database_does_not_read_as_clean() -> None:
    found = seen(tar(DEBIAN, entry(STATUS)))
    assert gap_lines(found) == [(Why.UNSUPPORTED, "example/image:1")]
    assert STATUS in found.gaps[0].detail


def test_packages_without_a_release_are_a_gap() -> None:
    found = seen(tar(entry(STATUS, status("bash=1", "curl=1"))))
    assert [package.distro for package in found.packages] == [None, None]
    assert gap_lines(found) == [(Why.UNSUPPORTED, STATUS)]
    assert "2 deb packages" in found.gaps[0].detail


def test_two_kinds_of_packages_in_one_root_are_not_judged_by_the_wrong_release() -> None:
    found = seen(tar(DEBIAN, entry(STATUS, status("bash=1")), entry("lib/apk/db/installed", installed("musl=1"))))
    releases = {package.type: package.distro for package in found.packages}
    assert releases == {"deb": found.distro, "apk": None}
    assert gap_lines(found) == [(Why.UNSUPPORTED, "lib/apk/db/installed")]
    assert "Debian 12 is not made of apk packages" in found.gaps[0].detail


def test_a_derivative_is_known_by_what_it_is_like() -> None:
    release = entry("etc/os-release", b"ID=ourlinux\nID_LIKE=debian\nVERSION_ID=1\n")
    found = seen(tar(release, entry(STATUS, status("bash=1")), entry("lib/apk/db/installed", installed("musl=1"))))
    assert {package.type for package in found.packages if package.distro} == {"deb"}


def test_a_release_of_unknown_kind_takes_all_packages() -> None:
    release = entry("etc/os-release", b"ID=neverheard\nVERSION_ID=1\n")
    found = seen(tar(release, entry(STATUS, status("bash=1"))))
    assert [package.distro for package in found.packages] == [found.distro]


def test_a_chroot_has_its_own_release_and_the_images_own_comes_first() -> None:
    found = seen(
        tar(DEBIAN, entry(STATUS, status("bash=1"))),
        tar(entry("a/jail/etc/os-release", ALPINE), entry("a/jail/lib/apk/db/installed", installed("musl=1"))),
        tar(entry("b/chroot/" + STATUS, status("bash=2"))),
    )
    assert [distro.root for distro in found.distros] == ["", "a/jail"]
    releases = {package.name + package.version: package.distro for package in found.packages}
    assert releases == {"bash1": found.distros[0], "bash2": found.distros[0], "musl1": found.distros[1]}
    assert found.gaps == ()


def test_the_same_package_in_an_image_and_a_chroot_with_a_release_of_its_own_stays_two() -> None:
    jail = (entry("jail/etc/os-release", b"ID=debian\nVERSION_ID=11\n"), entry(f"jail/{STATUS}", status("bash=1")))
    found = seen(tar(DEBIAN, entry(STATUS, status("bash=1")), *jail))
    assert [package.purl for package in found.packages] == [
        "pkg:deb/debian/bash@1?arch=amd64&distro=debian-11",
        "pkg:deb/debian/bash@1?arch=amd64&distro=debian-12",
    ]


def test_a_database_that_two_names_lead_to_counts_once() -> None:
    apk, merged = "lib/apk/db/installed", "usr/lib/apk/db/installed"
    release = entry("etc/os-release", ALPINE)
    linked = seen(tar(release, symlink("lib", "usr/lib"), entry(merged, installed("musl=1"))))
    assert [len(package.locations) for package in linked.packages] == [1]
    copied = seen(tar(release, entry(apk, installed("musl=1")), entry(merged, installed("musl=1"))))
    assert [[place.path for place in package.locations] for package in copied.packages] == [[apk, merged]]
    assert linked.gaps == copied.gaps == ()


@pytest.mark.parametrize(
    "links",
    [
        (symlink("etc/os-release", "../usr/lib/os-release"),),
        (symlink("etc/os-release", "/usr/lib/os-release"),),
        (symlink("etc", "usr/etc"), symlink("usr/etc/os-release", "../lib/os-release")),
    ],
)
def test_a_release_behind_a_link_is_the_images(links: tuple[bytes, ...]) -> None:
    release = entry("usr/lib/os-release", b"ID=debian\nVERSION_ID=12\n")
    found = seen(tar(release, *links, entry(STATUS, status("bash=1"))))
    assert found.distro is not None
    assert found.distro.version_id == "12"
    assert found.gaps == ()


@pytest.mark.parametrize(
    "layers",
    [
        (tar(symlink("var/lib/dpkg", "/opt/dpkg"), entry("opt/dpkg/status", status("bash=1"))),),
        (tar(entry("opt/dpkg/status", status("bash=1"))), tar(symlink("var/lib/dpkg", "../../opt/dpkg"))),
        (tar(symlink("var", "data")), tar(entry("data/lib/dpkg/status", status("bash=1")))),
        (tar(symlink(STATUS, "real-status"), entry("var/lib/dpkg/real-status", status("bash=1"))),),
        (tar(symlink("var/lib/dpkg", "/a"), symlink("a", "b/c"), entry("b/c/status", status("bash=1"))),),
        (tar(symlink("mylib", "var/lib")), tar(entry("mylib/dpkg/status", status("bash=1")))),
        (tar(entry("store/x", status("bash=1")), hardlink(STATUS, "store/x")),),
        (tar(entry("store/x", status("bash=1")), hardlink("y", "store/x"), hardlink(STATUS, "y")),),
        (tar(entry("store/x", status("bash=1"))), tar(hardlink(STATUS, "store/x"))),
        (tar(entry("store/x", status("bash=1")), hardlink("opt/s", "store/x")), tar(symlink(STATUS, "/opt/s"))),
    ],
)
def test_a_database_is_found_wherever_links_lead(layers: tuple[bytes, ...]) -> None:
    found = seen(tar(DEBIAN), *layers)
    assert [package.name for package in found.packages] == ["bash"]
    assert found.packages[0].distro == found.distro
    assert found.gaps == ()


def test_a_folder_of_databases_behind_a_link_is_found_whole() -> None:
    found = seen(
        tar(DEBIAN, symlink("var/lib/dpkg/status.d", "/opt/all")),
        tar(entry("opt/all/base", status("base=1")), entry("opt/all/libc6", status("libc6=1"))),
    )
    assert brought(found) == {"base=1": 1, "libc6=1": 1}
    assert found.packages[0].locations[0].path == "var/lib/dpkg/status.d/base"


def test_the_versions_of_a_database_behind_a_link_count_too() -> None:
    found = seen(
        tar(DEBIAN, symlink("var/lib/dpkg", "/opt/dpkg"), entry("opt/dpkg/status", status("bash=1"))),
        tar(entry("opt/dpkg/status", status("bash=1", "curl=1"))),
    )
    assert brought(found) == {"bash=1": 0, "curl=1": 1}


def test_what_a_later_layer_writes_through_a_link_replaces_the_database() -> None:
    found = seen(
        tar(entry("etc/os-release", ALPINE), symlink("lib", "usr/lib")),
        tar(entry("usr/lib/apk/db/installed", installed("musl=1"))),
        tar(entry("lib/apk/db/installed", installed("musl=1", "zlib=1"))),
    )
    assert brought(found) == {"musl=1": 1, "zlib=1": 2}
    assert found.gaps == ()


@pytest.mark.parametrize("link", [symlink("var/lib/dpkg", "/gone"), symlink(STATUS, "status"), symlink("var", "var")])
def test_a_database_that_is_a_dead_end_is_a_gap(link: bytes) -> None:
    found = seen(tar(DEBIAN, entry("lib/apk/db/installed", installed("musl=1")), link))
    assert (Why.MALFORMED, STATUS) in gap_lines(found)


def test_a_dead_end_of_one_of_several_release_files_is_no_gap() -> None:
    found = seen(tar(DEBIAN, entry(STATUS, status("bash=1")), symlink("etc/lsb-release", "/gone")))
    assert found.gaps == ()


def test_whatever_a_broken_layer_held_before_it_broke_is_used() -> None:
    broken = DEBIAN + entry(STATUS, status("bash=1")) + b"x" * 5000
    found = seen(tar(entry("a")), broken)
    assert [package.name for package in found.packages] == ["bash"]
    assert [gap.why for gap in found.gaps] == [Why.MALFORMED]


def test_a_gap_in_a_hidden_file_does_not_matter() -> None:
    found = look(
        image(tar(DEBIAN, entry(STATUS, b"x" * 5000)), tar(entry(STATUS, status("bash=1")))),
        limits=Limits(file_bytes=2000),
    )
    assert found.gaps == ()


def test_a_large_database_is_a_gap_that_names_it() -> None:
    found = look(image(tar(DEBIAN, entry(STATUS, b"x" * 5000))), limits=Limits(file_bytes=2000))
    assert (Why.LIMIT, STATUS) in gap_lines(found)


def test_bad_names_are_one_gap_a_layer_and_the_rest_is_read() -> None:
    found = seen(
        tar(
            entry("../../etc/passwd"),
            entry("../x"),
            pax({"path": "a\0b"}) + entry("x"),
            DEBIAN,
            entry(STATUS, status("a=1")),
        )
    )
    assert len(found.packages) == 1
    (gap,) = found.gaps
    assert "3 names" in gap.detail


def test_gaps_of_the_source_are_kept_and_all_are_sorted_without_doubles() -> None:
    gap = Gap(stage=Stage.SOURCE, why=Why.UNSUPPORTED, subject="a", detail="b")
    opened = replace(image(tar(entry("x")), tar(entry("y"))), gaps=(gap, gap))
    found = look(opened, limits=Limits())
    assert len(found.gaps) == 2
    assert list(found.gaps) == sorted(found.gaps)


def test_a_wrong_digest_in_any_layer_stops_the_image_and_all_threads() -> None:
    blobs = [blob(tar(entry(f"f{number}", bytes(100_000))), index=number) for number in range(6)]
    blobs[3] = replace(blobs[3], open=opener(gzip.compress(b"other")))
    before = set(threading.enumerate())
    with pytest.raises(MalformedError, match="promised"):
        look(image_of(*blobs), limits=Limits())
    assert set(threading.enumerate()) <= before


class Interrupted(BinaryIO):
    """A stream whose reader presses Ctrl-C."""

    def read(self, _size: int = -1) -> bytes:
        raise KeyboardInterrupt

    def close(self) -> None:
        pass


def test_an_interrupt_ends_all_threads() -> None:
    blobs = [blob(tar(entry(f"f{number}", bytes(100_000))), index=number) for number in range(4)]
    blobs[0] = replace(blobs[0], open=Interrupted)
    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        look(image_of(*blobs), limits=Limits())
    assert set(threading.enumerate()) <= before


def test_a_layer_that_an_image_has_twice_is_read_once() -> None:
    opened = Counter[int]()
    one, two = (blob(tar(DEBIAN, entry(STATUS, status("a=1"))), index=number) for number in range(2))

    def counted(number: int) -> BinaryIO:
        opened[number] += 1
        return one.open()

    blobs = (replace(one, open=lambda: counted(0)), replace(two, open=lambda: counted(1)))
    found = look(image_of(*blobs), limits=Limits())
    assert sum(opened.values()) == 1
    assert brought(found) == {"a=1": 0}


def test_layers_of_all_kinds_say_the_same(tmp_path: Path) -> None:
    layers = tar(DEBIAN, folder("var")), tar(entry(STATUS, status("bash=1")), entry("etc/.wh.hostname"))
    kinds = [
        image(*layers),
        image_of(*(stored_blob(layer, index=index) for index, layer in enumerate(layers))),
        image_of(*(saved_blob(layer, index=index) for index, layer in enumerate(layers))),
        image_of(*(plain_blob(tmp_path / str(index), layer, index=index) for index, layer in enumerate(layers))),
    ]
    found = [look(each, limits=Limits()) for each in kinds]
    assert {brought(each)["bash=1"] for each in found} == {1}
    assert {each.gaps for each in found} == {()}
    assert {each.packages[0].purl for each in found} == {"pkg:deb/debian/bash@1?arch=amd64&distro=debian-12"}


def test_a_folder_is_looked_through_without_layers(tmp_path: Path) -> None:
    for path, content in (("usr/lib/os-release", ALPINE), ("lib/apk/db/installed", installed("musl=1"))):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").symlink_to("../usr/lib/os-release")
    found = look(Image(identity=ImageIdentity(reference="dir"), folder=str(tmp_path)), limits=Limits())
    assert brought(found) == {"musl=1": None}
    assert found.distro is not None
    assert found.gaps == ()


class Listening:
    def __init__(self) -> None:
        self.said: dict[int, list[str | int]] = {}

    def start(self, layer: Layer) -> None:
        self.said[layer.index] = ["start"]

    def advance(self, layer: Layer, stored_bytes: int) -> None:
        self.said[layer.index].append(stored_bytes)

    def finish(self, layer: Layer) -> None:
        self.said[layer.index].append("finish")


def test_progress_tells_each_layers_beginning_bytes_and_end() -> None:
    progress = Listening()
    opened = image(tar(entry("a")), tar(entry("b", bytes(range(256)) * 5000)))
    look(opened, limits=Limits(), progress=progress)
    for layer in opened.identity.layers:
        first, *steps, last = progress.said[layer.index]
        assert (first, last) == ("start", "finish")
        assert sum(step for step in steps if isinstance(step, int)) == layer.size


class Broken:
    """A reader with a bug."""

    name = "broken"
    version = 1
    basenames = frozenset({"status"})
    parents: frozenset[str] = frozenset()
    well_known: tuple[str, ...] = (STATUS,)
    ceiling = 1000

    def wants(self, path: str) -> bool:
        return path == STATUS

    def extract(self, _path: str, _content: bytes) -> Extraction:
        raise RuntimeError("a bug")


def test_a_reader_with_a_bug_does_not_end_the_scan() -> None:
    found = look(image(tar(DEBIAN, entry(STATUS, b"x"))), limits=Limits(), extractors=(Broken(),))
    assert (Why.MALFORMED, STATUS) in gap_lines(found)


def test_an_image_may_have_very_many_layers() -> None:
    databases = (status(*(f"p{name}=1" for name in range(number))) for number in range(1, 120))
    found = seen(tar(DEBIAN), *(tar(entry(STATUS, database)) for database in databases))
    assert set(brought(found).values()) == set(range(1, 120))

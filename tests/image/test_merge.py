"""Layers laid over each other, as container runtimes unpack them."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tarballs import blob, entry, folder, hardlink, symlink, tar
from tidewaiter.image.below import names_below
from tidewaiter.image.budget import Budget
from tidewaiter.image.interest import Records
from tidewaiter.image.layers import read_layer
from tidewaiter.image.limits import Limits
from tidewaiter.image.merge import DeadEnd, File, Folder, Origin, Overlay
from tidewaiter.model.package import LayerTree

DB = "lib/apk/db/installed"
MERGED = "usr/lib/apk/db/installed"


class Nothing:
    def wants(self, _path: str, _size: int) -> bool:
        return False

    def take(self, path: str, _content: bytes) -> None:
        raise AssertionError(path)


def tree(*entries: bytes) -> LayerTree:
    limits = Limits()
    return read_layer(blob(tar(*entries)), Nothing(), limits=limits, budget=Budget(limits)).tree


def merged(*trees: LayerTree, paths: tuple[str, ...] = (DB, MERGED)) -> Overlay:
    return Overlay(trees, paths)


def visible(*trees: LayerTree, paths: tuple[str, ...] = (DB, MERGED)) -> dict[str, list[int]]:
    """Where the files are in the end, and which layers made their versions."""
    files = merged(*trees, paths=paths).files()
    return {path: [origin.layer for origin in file.versions] for path, file in files.items()}


def test_a_file_stays_until_a_layer_replaces_it_and_all_versions_are_known() -> None:
    assert visible(tree(entry(DB)), tree(entry("other")), tree(entry(DB))) == {DB: [0, 2]}


def test_the_last_of_two_entries_in_a_layer_wins() -> None:
    assert visible(tree(entry(DB), entry(DB))) == {DB: [0]}
    assert visible(tree(entry(DB), symlink(DB, "elsewhere"))) == {}
    assert visible(tree(symlink(DB, "elsewhere"), entry(DB))) == {DB: [0]}


def test_a_whiteout_hides_a_file_and_the_versions_before_it() -> None:
    assert visible(tree(entry(DB)), tree(entry("lib/apk/db/.wh.installed"))) == {}
    assert visible(tree(entry(DB)), tree(entry("lib/apk/db/.wh.installed")), tree(entry(DB))) == {DB: [2]}


def test_a_whiteout_hides_a_folder_with_all_below_it() -> None:
    assert visible(tree(entry(DB)), tree(entry("lib/.wh.apk"))) == {}


def test_a_whiteout_does_not_hide_what_its_own_layer_brings_before_or_after() -> None:
    mark = entry("lib/apk/db/.wh.installed")
    assert visible(tree(entry(DB)), tree(entry(DB), mark)) == {DB: [1]}
    assert visible(tree(entry(DB)), tree(mark, entry(DB))) == {DB: [1]}


def test_an_opaque_folder_hides_what_lower_layers_put_there() -> None:
    opaque = entry("lib/apk/.wh..wh..opq")
    assert visible(tree(entry(DB), entry(MERGED)), tree(opaque)) == {MERGED: [0]}
    assert visible(tree(entry(DB)), tree(entry(DB), opaque)) == {DB: [1]}


def test_an_opaque_root_hides_everything_below() -> None:
    assert visible(tree(entry(DB)), tree(entry(".wh..wh..opq"))) == {}


def test_names_that_only_look_like_whiteouts_hide_nothing() -> None:
    assert visible(tree(entry(DB)), tree(entry("lib/a.wh.apk"), entry("lib/.wh.apk.d/x"), entry(".wh..wh.aufs"))) == {
        DB: [0]
    }


def test_a_file_replaces_a_folder_and_a_folder_a_file() -> None:
    assert visible(tree(entry(DB)), tree(entry("lib/apk"))) == {"lib/apk": [1]}
    assert visible(tree(entry(DB)), tree(entry("lib/apk")), tree(folder("lib/apk"), entry(DB))) == {DB: [2]}
    assert visible(tree(entry(DB)), tree(folder(DB))) == {}
    assert visible(tree(entry(DB)), tree(folder("lib"), folder("lib/apk"))) == {DB: [0]}


def test_what_is_written_through_a_linked_folder_is_where_the_link_leads() -> None:
    base = tree(symlink("lib", "usr/lib"), entry(MERGED))
    assert visible(base, tree(entry(DB))) == {MERGED: [0, 1]}


def test_a_whiteout_through_a_linked_folder_hides_what_the_link_leads_to() -> None:
    base = tree(symlink("lib", "usr/lib"), entry(MERGED))
    assert visible(base, tree(entry("lib/apk/db/.wh.installed")), paths=(MERGED,)) == {}
    assert visible(base, tree(entry("lib/apk/.wh..wh..opq")), paths=(MERGED,)) == {}


def test_a_folder_in_the_place_of_a_link_is_a_new_folder_and_leaves_the_target_alone() -> None:
    base = tree(symlink("lib", "usr/lib"), entry(MERGED))
    assert visible(base, tree(folder("lib"), entry(DB))) == {MERGED: [0], DB: [1]}
    assert visible(base, tree(folder("lib"), entry("lib/apk/db/.wh.installed"))) == {MERGED: [0]}
    assert visible(base, tree(folder("lib"), entry("lib/.wh..wh..opq"))) == {MERGED: [0]}


def test_a_link_in_the_place_of_a_folder_removes_what_was_there() -> None:
    assert visible(tree(entry(DB)), tree(symlink("lib", "usr/lib"))) == {}


def test_a_removed_link_no_longer_leads_anywhere() -> None:
    base = tree(symlink("lib", "usr/lib"), entry(MERGED))
    assert visible(base, tree(entry(".wh.lib"), entry(DB))) == {MERGED: [0], DB: [1]}


def test_a_path_leads_to_a_file_a_folder_or_nothing() -> None:
    overlay = merged(tree(entry(DB)), paths=(DB, "lib/apk", "none"))
    assert overlay.lead(DB) == File(DB, (Origin(0, DB),))
    assert overlay.lead("lib/apk") == Folder("lib/apk")
    assert overlay.lead("none") is None
    assert overlay.lead(f"{DB}/below") is None


def test_links_lead_relative_absolute_and_over_several_steps() -> None:
    layer = tree(
        symlink("var/lib/rpm", "../../opt/rpm"),
        symlink("opt", "/mnt/./data//"),
        symlink("mnt/data/rpm", "../rpm-5"),
        entry("mnt/rpm-5/Packages"),
    )
    paths = ("var/lib/rpm", "var/lib/rpm/Packages")
    overlay = merged(layer, paths=paths)
    assert overlay.lead("var/lib/rpm") == Folder("mnt/rpm-5")
    assert overlay.lead("var/lib/rpm/Packages") == File("mnt/rpm-5/Packages", (Origin(0, "mnt/rpm-5/Packages"),))
    assert overlay.below("mnt/rpm-5") == ("mnt/rpm-5/Packages",)


def test_no_link_gets_above_the_root() -> None:
    layer = tree(symlink("etc/os-release", "../../../../../usr/lib/os-release"), entry("usr/lib/os-release"))
    lead = merged(layer, paths=("etc/os-release",)).lead("etc/os-release")
    assert lead == File("usr/lib/os-release", (Origin(0, "usr/lib/os-release"),))


def test_links_in_a_chroot_stay_in_it() -> None:
    path = "srv/jail/etc/os-release"
    layer = tree(
        symlink(path, "/usr/lib/os-release"), entry("usr/lib/os-release"), entry("srv/jail/usr/lib/os-release")
    )
    lead = merged(layer, paths=(path, "srv/jail/usr/lib/os-release")).lead(path, "srv/jail")
    assert lead == File("srv/jail/usr/lib/os-release", (Origin(0, "srv/jail/usr/lib/os-release"),))


def test_a_link_to_nothing_is_a_dead_end_and_a_missing_name_behind_a_good_link_is_not() -> None:
    dead = merged(tree(symlink("lib", "usr/lib")), paths=(DB,)).lead(DB)
    assert isinstance(dead, DeadEnd)
    assert "usr/lib" in dead.reason
    assert merged(tree(symlink("lib", "usr/lib"), folder("usr/lib")), paths=(DB,)).lead(DB) is None
    assert merged(tree(symlink("lib", "usr/lib"), entry("usr/lib/libc.so")), paths=(DB,)).lead(DB) is None


def test_a_folder_behind_a_link_is_one_even_if_no_layer_names_it() -> None:
    overlay = merged(tree(symlink("var/lib", "/data"), entry("data/rpm/Packages")), paths=("var/lib/rpm",))
    assert overlay.lead("var/lib/rpm") == Folder("data/rpm")


def test_links_in_a_circle_are_a_dead_end() -> None:
    for layer in (
        tree(symlink("lib", "lib")),
        tree(symlink("lib", "a"), symlink("a", "b"), symlink("b", "lib")),
        tree(symlink("lib", "lib/apk"), symlink("lib/apk", "x")),
        tree(symlink(DB, "installed")),
    ):
        assert isinstance(merged(layer, paths=(DB,)).lead(DB), DeadEnd)


def test_links_that_multiply_end_within_bounds() -> None:
    rows = [symlink(f"lib{number}", f"lib{number + 1}/lib{number + 1}") for number in range(60)]
    layer = tree(symlink("lib", "lib0/lib0"), *rows)
    assert isinstance(merged(layer, paths=(DB,)).lead(DB), DeadEnd)
    assert not merged(tree(symlink("lib", "lib/lib")), paths=(DB,)).complete


def test_a_folder_may_hold_a_link_to_itself_as_long_as_nobody_writes_through_it() -> None:
    assert merged(tree(entry(DB), symlink("lib/again", "."), symlink("lib/apk/lib", "/lib"))).complete


def test_a_hard_link_is_a_file_whose_content_lies_elsewhere() -> None:
    overlay = merged(tree(entry("store/1")), tree(hardlink(DB, "store/1")), paths=(DB, "store/1"))
    assert overlay.files()[DB].versions == (Origin(1, DB),)
    assert overlay.hardlink(DB) == Origin(0, "store/1")
    assert overlay.hardlink("store/1") is None


def test_a_hard_link_outlives_the_name_it_was_made_from() -> None:
    layers = tree(entry("store/1")), tree(hardlink(DB, "store/1")), tree(entry("store/.wh.1"))
    assert merged(*layers, paths=(DB, "store/1")).hardlink(DB) == Origin(0, "store/1")


def test_names_are_found_in_every_slice_of_a_large_layer() -> None:
    names = [f"some/folder/that/has/many/files/number-{number:06}" for number in range(60_000)]
    large = LayerTree(entries=b"\0".join(b"f" + name.encode() for name in names))
    wanted = [names[0], names[-1], *names[20_000:20_005], names[31_337]]
    assert [record[1:].decode() for record in Records(wanted).of(large)] == sorted(wanted)


def test_names_below_a_folder_do_not_include_those_of_its_namesakes() -> None:
    layer = tree(entry("a/b/c"), entry("x/a/b/d"), entry("a/bb/e"), folder("a/b"), entry("a/b/f/g"))
    assert list(names_below("a/b", [layer])) == ["a/b/c", "a/b/f/g"]


_NAMES = st.lists(st.sampled_from("ab"), min_size=1, max_size=3).map("/".join)
_TARGETS = st.lists(st.sampled_from(["a", "b", "..", ""]), min_size=1, max_size=3).map("/".join).filter(bool)
_ENTRIES = st.one_of(
    st.builds(entry, _NAMES),
    st.builds(folder, _NAMES),
    st.builds(symlink, _NAMES, _TARGETS),
    st.builds(lambda name: entry(f"{name.rpartition('/')[0] or '.'}/.wh.{name.rpartition('/')[2]}"), _NAMES),
    st.builds(lambda name: entry(f"{name}/.wh..wh..opq"), _NAMES),
)
_LAYERS = st.lists(st.lists(_ENTRIES, max_size=6).map(lambda entries: tree(*entries)), min_size=1, max_size=4)
_ALL = tuple("/".join(parts) for a in "ab" for b in "ab" for c in "ab" for parts in ((a,), (a, b), (a, b, c)))


@settings(max_examples=60, deadline=None)
@given(_LAYERS, _NAMES)
def test_asking_for_one_path_gives_the_file_that_the_whole_image_has_there(layers: list[LayerTree], path: str) -> None:
    whole, one = Overlay(layers, _ALL), Overlay(layers, (path,))
    assume(whole.complete)
    assume(one.complete)
    expected, found = whole.lead(path), one.lead(path)
    assert (found if isinstance(found, File) else None) == (expected if isinstance(expected, File) else None)

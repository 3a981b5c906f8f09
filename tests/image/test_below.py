"""Which folders have names below them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.image.below import Below, folders_with_names
from tidewaiter.model.package import LayerTree

PARTS = st.sampled_from(["a", "b", "ab", ".a", "\udcff"])
PATHS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
NAMES = ("a/b/c", "ab/c", "x", "a/b/c", "deep/1/2/3/4/5")


def tree(*paths: str) -> LayerTree:
    return LayerTree(entries=b"\0".join(b"f" + path.encode("utf-8", "surrogateescape") for path in paths))


def many(*more: str) -> list[str]:
    """So many questions that the names are passed over once, instead of being searched for each."""
    return [*(f"none{number}" for number in range(40)), *more]


@pytest.mark.parametrize("folders", [("a", "b", "ab", "a/b", "x", "c", "deep/1/2"), many("a", "ab", "a/b", "deep/1/2")])
def test_a_folder_counts_if_any_layer_has_a_name_below_it(folders: tuple[str, ...]) -> None:
    below = Below([tree(*NAMES), tree("y")], lambda: folders)
    assert {folder for folder in folders if folder in below} == {"a", "ab", "a/b", "deep/1/2"}


@given(st.lists(st.lists(PATHS), max_size=3), st.lists(PATHS, max_size=20))
def test_one_pass_finds_what_searching_finds(layers: list[list[str]], folders: list[str]) -> None:
    trees = [tree(*paths) for paths in layers if paths]
    few = [folder for folder in folders if folder in Below(trees, tuple)]
    below = Below(trees, lambda: many(*folders))
    assert [folder for folder in many(*folders) if folder in below] == few


def test_a_name_of_thousands_of_parts_is_cut_to_the_depth_that_is_asked_for() -> None:
    deep = "/".join("d" * 2000)
    assert folders_with_names(frozenset((b"d/d", b"d/e")), [tree(deep)]) == {b"d/d"}

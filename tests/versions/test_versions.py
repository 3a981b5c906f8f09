"""What holds for every scheme, on versions that Hypothesis makes up."""

import subprocess
import sys
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.versions import SCHEMES, VersionError, compare, key
from tidewaiter.versions.syntax import LONGEST
from version_lines import relation, relation_of_keys

# Few and telling pieces, so that versions meet: equal ones, beginnings of others, and all the special cases.
_PIECES = {
    "deb": [*"019.~+-a:", ".0", "~rc1", "-1", "+deb12u1"],
    "apk": [".0", ".1", ".01", ".10", "a", "b", "_rc", "_rc1", "_p", "_p1", "_alpha2", "~ab", "-r0", "-r1", "-r10"],
    "rpm": [*"019.~^_-a:", ".0", "~rc1", "^git1", "-1", ".el9", "é"],
    "pep440": [".0", ".1", ".10", "a1", "b2", "rc1", ".post1", ".dev0", "+local.1", "-1"],
    "semver": [".0", ".1", ".10", "-alpha", "-1", ".beta", "-rc", "rc1", "+build", "--"],
    "maven": [*"0.-a1", ".0", "-alpha", ".foo", "-foo", "-1", ".final", "-sp", "rc1", ".RELEASE", "-SNAPSHOT"],
    "gem": [".0", ".1", ".a", ".b2", "-1", "-rc", ".pre", "a"],
    "nuget": [".0", ".1", ".10", "-alpha", "-1", ".beta", ".2", "+meta", "-Beta", "-99999999999"],
    "composer": [".0", ".1", "-dev", "-alpha", "b2", "RC1", "pl1", "-patch", "+foo", "_1", "-BETA"],
}


def _is_version(scheme: str, text: str) -> bool:
    try:
        key(scheme, text)
    except VersionError:
        return False
    return True


def _versions_of(scheme: str) -> st.SearchStrategy[str]:
    heads = st.sampled_from(["0", "1", "2", "10"])
    tails = st.lists(st.sampled_from(_PIECES[scheme]), max_size=4).map("".join)
    return st.builds(str.__add__, heads, tails).filter(lambda text: _is_version(scheme, text))


def _several(count: int) -> st.SearchStrategy[tuple[str, list[str]]]:
    def of(scheme: str) -> st.SearchStrategy[tuple[str, list[str]]]:
        return st.tuples(st.just(scheme), st.lists(_versions_of(scheme), min_size=count, max_size=count))

    return st.sampled_from(sorted(SCHEMES)).flatmap(of)


@given(_several(3))
def test_the_keys_of_a_scheme_are_totally_ordered(case: tuple[str, list[str]]) -> None:
    scheme, (a, b, c) = case
    assert relation_of_keys(scheme, a, b) == {"<": ">", "=": "=", ">": "<"}[relation_of_keys(scheme, b, a)]
    if relation_of_keys(scheme, a, b) != ">" and relation_of_keys(scheme, b, c) != ">":
        steps = {relation_of_keys(scheme, a, b), relation_of_keys(scheme, b, c)}
        assert relation_of_keys(scheme, a, c) == ("<" if "<" in steps else "=")


@given(_several(2))
def test_comparing_is_antisymmetric_and_a_version_equals_itself(case: tuple[str, list[str]]) -> None:
    scheme, (a, b) = case
    assert compare(scheme, a, b) == -compare(scheme, b, a)
    assert compare(scheme, a, a) == 0


@given(_several(2).filter(lambda case: case[0] != "maven"))
def test_comparing_says_what_the_keys_say(case: tuple[str, list[str]]) -> None:
    scheme, (a, b) = case
    assert relation(scheme, a, b) == relation_of_keys(scheme, a, b)


@given(_several(12))
def test_sorting_by_key_puts_no_version_before_an_older_one(case: tuple[str, list[str]]) -> None:
    scheme, versions = case
    ordered = sorted(versions, key=lambda version: key(scheme, version))
    for place, earlier in enumerate(ordered):
        assert all(relation_of_keys(scheme, earlier, later) != ">" for later in ordered[place:])


@given(st.sampled_from(sorted(SCHEMES)), st.text(max_size=40))
def test_any_text_has_a_key_or_is_refused(scheme: str, text: str) -> None:
    if _is_version(scheme, text):
        assert relation(scheme, text, text) == "="
        assert relation_of_keys(scheme, text, text) == "="


# Shapes that hurt careless parsers: long numbers, deep nesting, endless separators, and ends that make them go back.
_HOSTILE = [
    "1",
    "9",
    "0",
    "1.",
    "1-",
    "1a",
    "1a-",
    "1.0-",
    "1.a",
    "1~",
    "1^",
    "1_p",
    "1-r",
    "1+",
    "a",
    "a.",
    "-",
    ".",
    "~",
    "1:",
]


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_the_longest_hostile_versions_have_keys_or_are_refused(scheme: str) -> None:
    for shape, end in product(_HOSTILE, ["", "1", "!", " ", "\n", "-"]):
        text = ("1" + shape * LONGEST)[: LONGEST - len(end)] + end
        if _is_version(scheme, text):
            assert relation(scheme, text, text) == "="
            assert relation_of_keys(scheme, text, text) == "="


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_a_version_beyond_the_longest_is_refused_with_a_short_message(scheme: str) -> None:
    with pytest.raises(VersionError) as caught:
        key(scheme, "1" * 10_000_000)
    assert len(str(caught.value)) < 200
    assert "10000000 characters" in str(caught.value)


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_numbers_are_compared_whatever_their_length(scheme: str) -> None:
    assert relation(scheme, "1." + "9" * 1000, "1.1" + "0" * 1000) == "<"


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_an_empty_version_is_refused(scheme: str) -> None:
    with pytest.raises(VersionError):
        key(scheme, "")
    with pytest.raises(VersionError):
        compare(scheme, "1.0", "")


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_a_refusal_names_the_version(scheme: str) -> None:
    with pytest.raises(VersionError, match="not a version"):
        key(scheme, "not a version")


def test_an_unknown_scheme_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="pacman"):
        key("pacman", "1.0")
    with pytest.raises(ValueError, match="deb"):
        compare("pacman", "1.0", "1.0")


def test_a_scheme_is_imported_only_when_it_is_asked_for() -> None:
    program = (
        "import sys; from tidewaiter.versions import compare; compare('deb', '1', '2');"
        "print(*sorted(name for name in sys.modules if name.startswith(('packaging', 'tidewaiter.versions.'))))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["tidewaiter.versions.deb", "tidewaiter.versions.syntax"]

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.versions import VersionError, key
from tidewaiter.versions.maven import compare_key
from version_lines import Statement, relation, relation_of_keys, statements

_ORDER = """
    1 = 1.0.0
    1.0 = 1-0
    1.ga = 1
    1.0.Final = 1
    1.0.RELEASE = 1
    1.9 < 1.10
    01 = 1
    # the qualifiers in their order, in any case, by their short names only before a digit
    1-alpha < 1-beta
    1-beta < 1-milestone
    1-milestone < 1-rc
    1-rc = 1-CR
    1-rc < 1-SNAPSHOT
    1-snapshot < 1
    1 < 1-sp
    1-sp < 1-foo
    1-bar < 1-foo
    1-foo < 1-1
    1-1 < 1.1
    1a1 = 1-alpha-1
    1b2 = 1-beta-2
    1m3 = 1-milestone-3
    1a = 1-a
    1-a > 1
    # digits and letters part without a separator
    1.0rc1 = 1.0-rc-1
    1x = 1-x
    6.1.0rc3 < 6.1.0
    1-1.foo-bar1baz-.1 = 1-1.foo-bar-1-baz-0.1
    1.foo < 1-foo
    2.0.1 < 2.0.1-123
    1.0-alpha-1-SNAPSHOT < 1.0-alpha-1
    1234567890.12345 < 123456789012345.1H.5-beta
    # real ones
    9.4.0.RC1 < 9.4.0.v20161208
    31.0-android < 31.1-android
    2.13.0 < 2.13.4.2
    5.3.0.M1 < 5.3.0.RELEASE
    r07 < r08
"""


@pytest.mark.parametrize("line", statements(_ORDER), ids=str)
def test_mavens_order(line: Statement) -> None:
    assert relation("maven", line.left, line.right) == line.relation
    assert relation_of_keys("maven", line.left, line.right) == line.relation


@pytest.mark.parametrize("version", ["", " ", "1.0 beta", "1.0\n", "[1.0,2.0]\x00"])
def test_a_maven_version_that_is_empty_or_has_blanks_is_refused(version: str) -> None:
    with pytest.raises(VersionError):
        key("maven", version)


def test_maven_compares_in_circles_and_keys_do_not() -> None:
    circle = ["1.foo", "1-alpha", "1"]
    assert [relation("maven", *pair) for pair in zip(circle, [*circle[1:], circle[0]], strict=True)] == ["<", "<", "<"]
    assert sorted(circle, key=lambda version: key("maven", version)) == ["1-alpha", "1", "1.foo"]


_number = st.sampled_from(["0", "1", "2", "10"])
_text = st.sampled_from(["alpha", "beta2", "rc", "sp", "foo", "SNAPSHOT", "a", "m1"])


_hyphenated = st.builds(
    lambda numbers, tails: "-".join([".".join(numbers), *tails]),
    st.lists(_number, min_size=1, max_size=4),
    st.lists(st.one_of(_text, _number.filter("0".__ne__)), max_size=3),
)


@given(_hyphenated, _hyphenated)
def test_maven_and_keys_agree_where_hyphens_lead_to_text_and_numbers_but_zero(a: str, b: str) -> None:
    assert relation("maven", a, b) == relation_of_keys("maven", a, b)


_any_version = st.lists(st.sampled_from([*"0-.1a", ".foo", "-foo", ".rc", "-rc", ".0"]), max_size=5).map(
    lambda tail: "1" + "".join(tail)
)


@given(_any_version, _any_version)
def test_maven_and_keys_part_only_between_a_pre_release_and_what_comes_after(a: str, b: str) -> None:
    if relation("maven", a, b) != relation_of_keys("maven", a, b):
        weights = zip(compare_key(a), compare_key(b), strict=False)
        one, other = next((one, other) for one, other in weights if one[1:] != other[1:])
        assert {one[0], other[0]} == {-1, 1}

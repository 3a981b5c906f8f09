import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidewaiter.versions import VersionError, key
from version_lines import Statement, relation, statements

_ORDER = """
    1.0 < 1.1
    1.9 < 1.10
    1.09 = 1.9
    # a missing epoch is 0, and an epoch beats everything behind it
    0:1.0 = 1.0
    9.9 < 1:0.1
    2:1 > 1:9
    # a missing revision is 0, and the revision begins at the last hyphen
    1.0 = 1.0-0
    1.0 < 1.0-1
    1.0-1 < 1.0-1.1
    1.0-2-1 > 1.0-1-9
    # a tilde is older than the end, letters are older than other characters
    1.0~rc1 < 1.0
    1.0~~ < 1.0~
    1.0~ < 1.0
    1.0-1~bpo12+1 < 1.0-1
    1.0a < 1.0+
    1.0 < 1.0a
    1.0a < 1.0.
    1.0Z < 1.0a
    # a number left out is 0
    1. = 1.0
    1.0a = 1.0a0
    0~1 < 0
    3.0.11-1~deb12u1 < 3.0.11-1~deb12u2
    1.2.3-1+b1 > 1.2.3-1
    2.7.4+reloaded2-13ubuntu1 < 2.7.4+reloaded2-13+deb9u1
    1:2:3 < 1:2:4
"""


@pytest.mark.parametrize("line", statements(_ORDER), ids=str)
def test_dpkgs_order(line: Statement) -> None:
    assert relation("deb", line.left, line.right) == line.relation


@pytest.mark.parametrize(
    "version",
    [
        "",
        " ",
        "a1",
        "~1",
        "-1",
        "1-",
        "1_0",
        "1.0-1_1",
        "a:1",
        ":1",
        "1:",
        "1:a",
        "1:-1",
        "1:2-3:4",
        "1 2",
        "2147483648:1",
        "1.0é",
        "\u0661",
    ],
)
def test_what_dpkg_calls_bad_syntax_is_refused(version: str) -> None:
    with pytest.raises(VersionError):
        key("deb", version)


def test_blanks_around_a_version_do_not_count() -> None:
    assert relation("deb", " 1.0-1\t", "1.0-1") == "="


_needs_dpkg = pytest.mark.skipif(shutil.which("dpkg") is None, reason="SKIPPED LOUDLY: dpkg is not installed")

_part = st.text("019.+~aZ", max_size=6)
_versions = st.builds(
    lambda epoch, upstream, revision: f"{epoch}{upstream}{revision}",
    st.sampled_from(["", "", "0:", "1:"]),
    st.builds(
        str.__add__, st.sampled_from("0129"), st.text("019.+~aZ-", max_size=6).map(lambda part: part.rstrip("-"))
    ),
    st.one_of(st.just(""), _part.filter(bool).map("-".__add__)),
)

_ASK_DPKG = """
while read -r a b; do
    if dpkg --compare-versions "$a" lt "$b"; then echo '<'
    elif dpkg --compare-versions "$a" eq "$b"; then echo '='
    else echo '>'; fi
done
"""


def _ask_dpkg(script: str, lines: list[str]) -> list[str]:
    done = subprocess.run(
        ["sh", "-c", script], input="\n".join(lines) + "\n", capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@_needs_dpkg
@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(_versions, _versions), min_size=60, max_size=60))
def test_random_versions_are_ordered_as_dpkg_orders_them(pairs: list[tuple[str, str]]) -> None:
    answers = _ask_dpkg(_ASK_DPKG, [f"{a} {b}" for a, b in pairs])
    assert [(*pair, relation("deb", *pair)) for pair in pairs] == [
        (*pair, answer) for pair, answer in zip(pairs, answers, strict=True)
    ]


def _accepts(version: str) -> bool:
    try:
        key("deb", version)
    except VersionError:
        return False
    return True


@_needs_dpkg
@settings(max_examples=8, deadline=None)
@given(st.lists(st.text("01a.:-~_", min_size=1, max_size=6), min_size=60, max_size=60))
def test_random_texts_are_refused_where_dpkg_calls_them_bad_syntax(texts: list[str]) -> None:
    script = 'while read -r a; do dpkg --validate-version "$a" >/dev/null 2>&1 && echo yes || echo no; done'
    answers = _ask_dpkg(script, texts)
    assert [(text, "yes" if _accepts(text) else "no") for text in texts] == list(zip(texts, answers, strict=True))

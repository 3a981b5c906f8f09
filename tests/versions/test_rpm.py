import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidewaiter.versions import VersionError, key
from version_lines import Statement, relation, statements

_ORDER = """
    1.0 < 2.0
    1.9 < 1.10
    10.0001 = 10.1
    # a missing epoch is 0; it is digits up to a colon
    1.0-1 = 0:1.0-1
    :1.0-1 = 0:1.0-1
    01:2 = 1:2
    1:1.0-1 > 2.0-1
    a:1 < a:2
    # a missing release is older than any
    1.0 < 1.0-0
    1.0-1 < 1.0-1.1
    1.0-1.el9 < 1.0-1.el9_2
    0:3.10.0-229.el7 < 0:3.10.0-229.1.2.ael7b
    # numbers are newer than letters
    1.0.rc1 < 1.0.1
    1.0a < 1.0.1
    1.0a > 1.0
    6.0.rc1 > 6.0
    xyz.4 < 2
    10xyz < 10.1xyz
    # a tilde is older than the end, a caret newer than the end and older than anything else
    1.0~rc1 < 1.0
    1.0~rc1^git1 > 1.0~rc1
    1.0^git1 > 1.0
    1.0^git1 < 1.0.1
    1.0^git1~pre < 1.0^git1
    # separators only separate
    2_0 = 2.0
    1.0. = 1.0
    _ = +
    a+ = _a
    1.1.é = 1.1.ü
"""


@pytest.mark.parametrize("line", statements(_ORDER), ids=str)
def test_rpms_order(line: Statement) -> None:
    assert relation("rpm", line.left, line.right) == line.relation


@pytest.mark.parametrize("version", ["", "1:", "-1", "1:-1", "1 0", "1.0\n", "1\x000"])
def test_an_rpm_version_without_a_version_or_with_blanks_is_refused(version: str) -> None:
    with pytest.raises(VersionError):
        key("rpm", version)


_part = st.text("019.~^_aZ", min_size=1, max_size=6)
_versions = st.builds(
    lambda epoch, version, release: f"{epoch}{version}{release}",
    st.sampled_from(["", "", "0:", "1:", "01:"]),
    _part,
    st.one_of(st.just(""), _part.map("-".__add__)),
)

# One process for all pairs. Lua's patterns are spelt with %, which rpm would expand.
_ASK_RPM = """%{lua:
for line in io.lines("PAIRS") do
    local blank = string.find(line, " ", 1, true)
    print(rpm.vercmp(string.sub(line, 1, blank - 1), string.sub(line, blank + 1)) .. " ")
end
}"""


@pytest.mark.skipif(shutil.which("rpm") is None, reason="SKIPPED LOUDLY: rpm is not installed")
@settings(max_examples=15, deadline=None)
@given(pairs=st.lists(st.tuples(_versions, _versions), min_size=300, max_size=300))
def test_random_versions_are_ordered_as_rpm_orders_them(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]]
) -> None:
    listed: Path = tmp_path_factory.mktemp("rpm") / "pairs"
    listed.write_text("".join(f"{a} {b}\n" for a, b in pairs))
    question = _ASK_RPM.replace("PAIRS", str(listed))
    done = subprocess.run(["rpm", "--eval", question], capture_output=True, text=True, check=True)
    answers = ["=><"[int(answer)] for answer in done.stdout.split()]
    assert [(*pair, relation("rpm", *pair)) for pair in pairs] == [
        (*pair, answer) for pair, answer in zip(pairs, answers, strict=True)
    ]

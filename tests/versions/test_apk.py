import pytest

from tidewaiter.versions import VersionError, key
from version_lines import Statement, relation, statements

_ORDER = """
    1.0 < 1.1
    1.9 < 1.10
    # what goes on is newer, except with a pre-release
    1 < 1.0
    1.0 < 1.0a
    1.0a < 1.0b
    1.0a < 1.0.1
    1.0 < 1.0-r0
    1.0-r9 < 1.0-r10
    1-r1 = 1-r01
    1.0-r5 < 1.0a-r0
    # suffixes in their order around none
    1.0_alpha < 1.0_beta
    1.0_beta < 1.0_pre
    1.0_pre < 1.0_rc
    1.0_rc < 1.0
    1.0_rc9 < 1.0
    1.0 < 1.0_cvs
    1.0_cvs < 1.0_svn
    1.0_svn < 1.0_git
    1.0_git < 1.0_hg
    1.0_hg < 1.0_p
    1.0_p1 < 1.0_p2
    1.0_p9 < 1.0_p10
    1.0_rc < 1.0_rc0
    1.0_alpha_pre2 < 1.0_alpha
    1.0_rc1-r3 < 1.0-r0
    # the first number is a number; later ones with a leading zero are text
    06 = 6
    1.06 < 1.1
    1.09 < 1.1
    1.010 < 1.02
    1.0 < 1.00
    # a commit's hash counts before the revision
    1.0~ab-r0 < 1.0~ac-r0
    1.0-r9 < 1.0~ab-r0
    # what only apk-tools 2 accepts
    1-r = 1-r0
    0..1..0 < 0..1..1
    .1 < 1
    6.6.2p1 < 6.6.2p2
    6.6.2p1 > 6.6.2_p2
"""


@pytest.mark.parametrize("line", statements(_ORDER), ids=str)
def test_apks_order(line: Statement) -> None:
    assert relation("apk", line.left, line.right) == line.relation


@pytest.mark.parametrize(
    "version",
    [
        "",
        ".",
        "a",
        "v1.0",
        "1.0bc",
        "1.0A",
        "1.2_foo",
        "1.2_csv1",
        "1_",
        "1-ruff",
        "1-r0-r1",
        "1-1",
        "1~",
        "1~xyz",
        "1.0\n",
        "1.\u0663",
    ],
)
def test_what_apk_calls_invalid_is_refused(version: str) -> None:
    with pytest.raises(VersionError):
        key("apk", version)

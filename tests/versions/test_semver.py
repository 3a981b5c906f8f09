import pytest

from tidewaiter.versions import VersionError, key
from version_lines import Statement, relation, statements

_ORDER = """
    # the specification's own example
    1.0.0-alpha < 1.0.0-alpha.1
    1.0.0-alpha.1 < 1.0.0-alpha.beta
    1.0.0-alpha.beta < 1.0.0-beta
    1.0.0-beta < 1.0.0-beta.2
    1.0.0-beta.2 < 1.0.0-beta.11
    1.0.0-beta.11 < 1.0.0-rc.1
    1.0.0-rc.1 < 1.0.0
    1.9.0 < 1.10.0
    1.0.0-1 < 1.0.0-a
    1.0.0-A < 1.0.0-a
    1.0.0--1 > 1.0.0-9
    # build metadata does not count
    1.0.0+a = 1.0.0+b
    1.0.0-rc.1+a = 1.0.0-rc.1
    2.0.0+incompatible = 2.0.0
    # Go: a v in front, pseudo-versions
    v1.2.3 = 1.2.3
    v0.0.0-20190101000000-abcdef123456 < v0.0.0-20200101000000-0123456789ab
    v1.2.3-0.20190101000000-abcdef123456 < v1.2.3
    # loose forms
    1.2 = 1.2.0
    1 = 1.0.0
    =1.2.3 = 1.2.3
    01.02.03 = 1.2.3
    1.2.3beta = 1.2.3-beta
    1.21rc2 < 1.21
    1.2.3 < 1.2.3.1
    1.2.3.1 < 1.2.4
    1.2.3.0 = 1.2.3
    99999999999999999998.0.0 < 99999999999999999999.0.0
"""


@pytest.mark.parametrize("line", statements(_ORDER), ids=str)
def test_semvers_order(line: Statement) -> None:
    assert relation("semver", line.left, line.right) == line.relation


@pytest.mark.parametrize(
    "version",
    [
        "",
        "v",
        "a.b.c",
        "main",
        "1.",
        "1..2",
        ".1",
        "1.2.3-",
        "1.2.3-a..b",
        "1.2.3-a_b",
        "1.2.3+",
        "1.2.3 beta",
        "go1.2",
        "1.2.\u0663",
    ],
)
def test_what_is_no_semantic_version_is_refused(version: str) -> None:
    with pytest.raises(VersionError):
        key("semver", version)

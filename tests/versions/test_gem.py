import pytest

from tidewaiter.versions import VersionError, key
from version_lines import Statement, relation, statements

_ORDER = """
    1.9 < 1.10
    1 = 1.0
    1.0 = 1.0.0
    1.01 = 1.1
    # text is a pre-release
    1.0.a < 1.0
    1.0.a < 1.0.b
    1.0.a9 < 1.0.a10
    1.0.a.2 < 1.0.b1
    1.0.a1 = 1.0.a.1
    0.9 < 1.0.a
    1.0.rc1 < 1.0.0
    1.2.gamma < 1.2
    1.0.A < 1.0.a
    # zeros do not count at the end, nor before the first text
    1.0.0.a = 1.a
    1.a.0 = 1.a
    1.0.a.0.1 > 1.0.a
    1.0.1 > 1
    1.0.a.0.b < 1.0.a
    # a hyphen stands for .pre.
    1.0.0-1 = 1.0.0.pre.1
    1.0.0-rc1 < 1.0.0
"""


@pytest.mark.parametrize("line", statements(_ORDER), ids=str)
def test_ruby_gems_order(line: Statement) -> None:
    assert relation("gem", line.left, line.right) == line.relation


@pytest.mark.parametrize("version", ["", "a", "v1.0", "1.", "1..0", "1.0_1", "1.0+1", "1.0 1", "1.0-", "junk"])
def test_what_gem_version_calls_malformed_is_refused(version: str) -> None:
    with pytest.raises(VersionError):
        key("gem", version)

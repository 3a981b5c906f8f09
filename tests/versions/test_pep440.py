import pytest

from tidewaiter.versions import VersionError, key
from version_lines import Statement, relation, statements

_ORDER = """
    1.0.dev0 < 1.0a0
    1.0a1 < 1.0b1
    1.0b1 < 1.0rc1
    1.0rc1 < 1.0
    1.0 < 1.0.post1
    1.0.post1.dev1 < 1.0.post1
    1.0 < 1.0+local
    1.0+local.a < 1.0+local.1
    9.0 < 1!1.0
    1.9 < 1.10
    1.0 = 1.0.0
    v1.0 = 1.0
    1.0-1 = 1.0.post1
    1.0ALPHA1 = 1.0a1
    1.0c1 = 1.0rc1
"""


@pytest.mark.parametrize("line", statements(_ORDER), ids=str)
def test_pep_440s_order(line: Statement) -> None:
    assert relation("pep440", line.left, line.right) == line.relation


@pytest.mark.parametrize(
    "version", ["", "1.0-charmander", "2013-01-21T20:33:09+0100", "0.3m1", "1.0p1", "french toast"]
)
def test_legacy_python_versions_are_refused(version: str) -> None:
    with pytest.raises(VersionError):
        key("pep440", version)

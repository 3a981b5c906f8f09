import pytest

from tidewaiter.versions import VersionError, key
from version_lines import Statement, relation, statements

_ORDER = """
    1 = 1.0.0.0
    1.0 = 1.0.0
    1.0.01 = 1.0.1
    1.0.0 < 1.0.0.1
    1.0.0.9 < 1.0.1
    1.9.0 < 1.10.0
    # pre-releases, in any case
    1.0.0-alpha < 1.0.0
    1.0.0-BETA = 1.0.0-beta
    1.0.0-beta < 1.0.0-beta2
    1.0.0-beta.9 < 1.0.0-beta.10
    1.0.0-beta.9 < 1.0.0-beta.a
    1.0.0-beta < 1.0.0-beta.1
    1.0.0 < 1.0.0.1-alpha
    # metadata does not count
    1.0.0+a = 1.0.0+b
    1.0.0-rc+a = 1.0.0-rc
    # a label beyond 32 bits is text to NuGet, so it is newer than a number
    1.0.0-2147483647 < 1.0.0-2147483648
    1.0.0-20191112150000 < 1.0.0-3000000000
    1.0.0-10000000000 < 1.0.0-9000000000
    1.0.0--5 < 1.0.0-4
"""


@pytest.mark.parametrize("line", statements(_ORDER), ids=str)
def test_nugets_order(line: Statement) -> None:
    assert relation("nuget", line.left, line.right) == line.relation


@pytest.mark.parametrize(
    "version",
    [
        "",
        "v1.0",
        "1.",
        "1.2.3.4.5",
        "1.0.0-",
        "1.0.0-01",
        "1.0.0-a..b",
        "1.0.0-a_b",
        "1.0.0+",
        "1.0a",
        "[1.0,)",
        "1.0.*",
    ],
)
def test_what_nuget_can_not_parse_is_refused(version: str) -> None:
    with pytest.raises(VersionError):
        key("nuget", version)

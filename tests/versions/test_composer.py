import pytest

from tidewaiter.versions import VersionError, key
from version_lines import Statement, relation, statements

_ORDER = """
    1.9 < 1.10
    # the words in their order around none
    1.0-dev < 1.0-alpha
    1.0-alpha < 1.0-beta
    1.0a1 = 1.0-alpha1
    1.0b1 < 1.0RC1
    1.0RC1 = 1.0rc1
    1.0RC1 < 1.0
    1.0 < 1.0pl1
    1.0pl1 = 1.0-patch1
    1.0 < 1.0.0
    1.0.1 < 1.0pl1
    1.0-beta2 < 1.0-beta10
    # separators are all alike, and stand wherever digits and letters meet
    1.0.0rc2 = 1.0.0.rc2
    1.0_1 = 1.0.1
    1.0+1 = 1.0.1
    # a v in front does not count
    v1.0.0 = V1.0.0
    v10 > 2
    # words count in this case only, and those that PHP does not know are all alike
    1.0-BETA1 < 1.0-dev
    1.0-BETA1 = 1.0-ALPHA1
    1.0-stable < 1.0
"""


@pytest.mark.parametrize("line", statements(_ORDER), ids=str)
def test_the_order_of_phps_version_compare(line: Statement) -> None:
    assert relation("composer", line.left, line.right) == line.relation


@pytest.mark.parametrize(
    "version", ["", "v", "dev-main", "master", "1.x-dev", "2.0.x-dev", "1.*", "v2.X", "1.0 beta", "^1.0", "1.0é"]
)
def test_branches_and_constraints_are_refused(version: str) -> None:
    with pytest.raises(VersionError):
        key("composer", version)

"""The stages must agree on distributions without importing each other."""

import pytest

from tidewaiter.inventory import fold
from tidewaiter.match.distributions import FAMILIES


@pytest.mark.parametrize("name", FAMILIES)
def test_what_judges_a_distribution_expects_the_packages_that_it_is_made_of(name: str) -> None:
    assert fold._KINDS[name] == FAMILIES[name].type

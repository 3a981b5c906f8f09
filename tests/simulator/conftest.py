"""A simulated cloud, its management account, and a user there who may do everything."""

from collections.abc import Iterator

import pytest

from tidewaiter.simulator.aws import SimulatedAccount, SimulatedAws
from tidewaiter.simulator.keys import Keys
from tidewaiter.simulator.policies import allowing


@pytest.fixture
def aws() -> Iterator[SimulatedAws]:
    with SimulatedAws() as aws:
        yield aws


@pytest.fixture
def home(aws: SimulatedAws) -> SimulatedAccount:
    """The management account."""
    return aws.account("management")


@pytest.fixture
def keys(home: SimulatedAccount) -> Keys:
    """Those of a user of the management account who may do everything."""
    return home.user("administrator", policy=allowing("*"))

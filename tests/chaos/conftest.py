"""The demonstration's organization, each test's own, and what an undisturbed scan says of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_commands import Ended, Fleet, end_all
from tidewaiter.simulator.aws import SimulatedAws
from tidewaiter.simulator.demonstration_organization import populate


@pytest.fixture(autouse=True)
def nothing_runs_on() -> Iterator[None]:
    """A test that fails leaves no process behind."""
    yield
    end_all()


@pytest.fixture
def cloud() -> Iterator[SimulatedAws]:
    with SimulatedAws() as cloud:
        yield cloud


@pytest.fixture
def fleet(cloud: SimulatedAws, database: Path, tmp_path: Path) -> Fleet:
    return Fleet.of(cloud, populate(cloud), tmp_path, database)


@pytest.fixture(scope="session")
def undisturbed(database: Path, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """A scan of the same organization with a store of its own, in which nothing goes wrong."""
    with SimulatedAws() as cloud:
        done = Fleet.of(cloud, populate(cloud), tmp_path_factory.mktemp("undisturbed"), database).scanned()
    assert done.code == 2, done.err
    return done

"""The demonstration's organization, each test's own, and what an undisturbed scan says of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker_programs import Site
from brokered_cargo import Harvest, harbour, harvest, start
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


@pytest.fixture
def place(tmp_path: Path, database: Path) -> Iterator[Site]:
    """A place for a brokered scan; none of its programs is started yet."""
    with harbour(tmp_path, database) as place:
        yield place


@pytest.fixture(scope="session")
def brought_in(database: Path, tmp_path_factory: pytest.TempPathFactory) -> Harvest:
    """What a brokered scan of the same says and remembers in which nothing goes wrong."""
    with harbour(tmp_path_factory.mktemp("undisturbed"), database) as place:
        start(place)
        found = harvest(place, place.scanned())
        assert found.pulls == {1}, "each blob was asked for once"
        return found

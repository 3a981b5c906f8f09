"""A simulated cloud, an environment without anybody's own credentials, and the doctor's patient."""

import os
from collections.abc import Iterator

import pytest

from patients import Patient
from tidewaiter.simulator.aws import SimulatedAws


@pytest.fixture
def cloud() -> Iterator[SimulatedAws]:
    with SimulatedAws() as cloud:
        yield cloud


@pytest.fixture
def patient(cloud: SimulatedAws, monkeypatch: pytest.MonkeyPatch) -> Patient:
    """A sound organization, and the keys of its base user in the environment."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    return Patient(cloud, monkeypatch)

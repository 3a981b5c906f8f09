"""A simulated AWS with two accounts that let an agent in, and the agent's settings."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from brokered_accounts import World, world_of
from tidewaiter.broker.agent.settings import AgentSettings
from tidewaiter.simulator.aws import SimulatedAws


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials and no settings of the machine that runs the tests."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "TIDEWAITER_", "CR_", "BROKER_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def world(nobody: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with SimulatedAws() as cloud:
        world = world_of(cloud)
        for name, value in cloud.environment(world.keys).items():
            monkeypatch.setenv(name, value)
        yield world


@pytest.fixture
def settings(tmp_path: Path) -> AgentSettings:
    folder = tmp_path / "agent"
    folder.mkdir()
    return AgentSettings(folder=str(folder), callback="http://127.0.0.1:7341")

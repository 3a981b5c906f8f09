"""A simulated registry, clients that wait without spending time, and an image to pull."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from tidewaiter.registry.client import RegistryClient
from tidewaiter.registry.credentials import Credential
from tidewaiter.registry.transport import Patience, Waiting
from tidewaiter.simulator.images import Built, build_image, build_layer
from tidewaiter.simulator.registry import SimulatedRegistry


@dataclass
class Keys:
    """A keychain in memory, which notes what it was asked for."""

    credential: Credential | None = None
    registry: str = ""
    asked: list[str] = field(default_factory=list)

    def find(self, registry: str, repository: str) -> Credential | None:
        self.asked.append(f"{registry}/{repository}")
        return self.credential if registry == self.registry else None

    def troubles(self) -> tuple[str, ...]:
        return ()


@dataclass
class Clock:
    """Pauses that take no time, and are kept."""

    pauses: list[float] = field(default_factory=list)

    def waiting(self, **patience: float) -> Waiting:
        return Waiting(Patience(**{"connect": 5, "read": 5, **patience}), sleep=self.pauses.append)  # type: ignore[arg-type]  # counts are ints


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys() -> Callable[..., Keys]:
    """Makes keychains that hold one credential for one registry."""

    def make(registry: SimulatedRegistry, **secrets: str) -> Keys:
        return Keys(Credential(origin="a test", **secrets), registry.host)

    return make


@pytest.fixture
def registry() -> Iterator[SimulatedRegistry]:
    with SimulatedRegistry() as running:
        yield running


@pytest.fixture
def storage() -> Iterator[SimulatedRegistry]:
    with SimulatedRegistry() as running:
        yield running


@pytest.fixture
def connect(clock: Clock) -> Iterator[Callable[..., RegistryClient]]:
    """Makes clients, which are closed at the end."""
    clients = []

    def make(keychain: Keys | None = None, **settings: bool) -> RegistryClient:
        clients.append(RegistryClient(keychain=keychain or Keys(), waiting=clock.waiting(), **settings))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture(scope="session")
def image() -> Built:
    """Two layers; the upper is large enough for several chunks."""
    noise = b"".join(number.to_bytes(4, "big") for number in range(150_000))
    layers = [build_layer({"etc/os-release": b"ID=debian\n"}), build_layer({"data": noise}, compression="")]
    return build_image(layers)

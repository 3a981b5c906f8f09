"""All simulated registries of ECR: one for each account and region that is asked for, and the public ones."""

import hashlib
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from tidewaiter.aws import hosts
from tidewaiter.model.cloud import Registry
from tidewaiter.simulator.blob_host import BlobHost
from tidewaiter.simulator.content import Content
from tidewaiter.simulator.ecr_host import DockerHost
from tidewaiter.simulator.ecr_public import EcrPublicService
from tidewaiter.simulator.ecr_registry import EcrFaults, SimulatedEcr, Surroundings
from tidewaiter.simulator.ecr_service import EcrService
from tidewaiter.simulator.ecr_tokens import Tokens
from tidewaiter.simulator.service import Clock, Gate, Service

__all__ = ["EcrFaults", "SimulatedEcr", "SimulatedRegistries"]


class SimulatedRegistries:
    """The registries of a simulated cloud, and the storage behind them. They listen from the start until `close`.

    `blobs` is that storage, with its faults and what it served. `tokens` are the logins to the Docker APIs. `gate`
    decides who may do what there, where no front asks it.
    """

    def __init__(self, clock: Clock, gate: Gate) -> None:
        content = Content()
        self.blobs = BlobHost(clock, content)
        self.tokens = Tokens(clock)
        self._shared = Surroundings(
            clock=clock, gate=gate, content=content, blobs=self.blobs, tokens=self.tokens, listen=self._listen
        )
        self._services: Mapping[str, Service] = {
            "ecr": EcrService(self.registry),
            "ecr-public": EcrPublicService(self.public),
        }
        self._registries: dict[tuple[str, str], SimulatedEcr] = {}
        self._public: dict[str, SimulatedEcr] = {}
        self._hosts: dict[str, DockerHost] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def services(self) -> Mapping[str, Service]:
        """The services by the name that requests are signed for."""
        return self._services

    def registry(self, account: str, region: str) -> SimulatedEcr:
        """The registry of an account in a region, made when first asked for."""
        with self._lock:
            key = (account, region)
            return self._registries.get(key) or self._registries.setdefault(key, self._private_one(account, region))

    def public(self, account: str) -> SimulatedEcr:
        """The public registry of an account, made when first asked for."""
        with self._lock:
            return self._public.get(account) or self._public.setdefault(account, self._public_one(account))

    def close(self) -> None:
        """Ends all that listens, and deletes what lies in files."""
        for host in self._hosts.values():
            host.close()
        self.blobs.close()
        self._shared.content.close()

    def _private_one(self, account: str, region: str) -> SimulatedEcr:
        partition, host = hosts.partition_of_region(region), hosts.registry_host(account, region)
        return SimulatedEcr(Registry(partition=partition, account=account, region=region, host=host), self._shared)

    def _public_one(self, account: str) -> SimulatedEcr:
        alias = hashlib.sha256(account.encode()).hexdigest()[:8]
        place = Registry(
            partition=hosts.DEFAULT_PARTITION,
            account=account,
            region=hosts.PUBLIC_REGION,
            host=f"public.ecr.aws/{alias}",
            public=True,
        )
        return SimulatedEcr(place, self._shared)

    def _listen(self, registry: SimulatedEcr) -> str:
        """All public registries share one host; each private one has its own."""
        key = "" if registry.place.public else registry.place.host
        with self._lock:
            if key not in self._hosts:
                found = self._by_alias if registry.place.public else lambda name: (registry, name)
                self._hosts[key] = DockerHost(self._shared, found, public=registry.place.public)
            return self._hosts[key].url

    def _by_alias(self, name: str) -> tuple[SimulatedEcr, str] | None:
        alias, _, repository = name.partition("/")
        with self._lock:
            found = next((registry for registry in self._public.values() if registry.alias == alias), None)
        return (found, repository) if found else None

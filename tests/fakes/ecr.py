"""A simulated ECR without a front before it: calls are handed to its services as the front would."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fakes.gates import ACCOUNT, READER, OpenGate
from tidewaiter.simulator.ecr import SimulatedEcr, SimulatedRegistries
from tidewaiter.simulator.service import Caller, Clock

REGION = "eu-west-1"


@dataclass
class EcrWithoutFront:
    """`call` asks the private registry of `ACCOUNT` in `REGION`, or with `service` the public one."""

    clock: Clock = field(default_factory=Clock)
    gate: OpenGate = field(default_factory=OpenGate)

    def __post_init__(self) -> None:
        self.registries = SimulatedRegistries(self.clock, self.gate)

    @property
    def registry(self) -> SimulatedEcr:
        return self.registries.registry(ACCOUNT, REGION)

    def call(
        self, operation: str, *, service: str = "ecr", region: str = REGION, caller: Caller = READER, **arguments: Any
    ) -> Mapping[str, Any]:
        return self.registries.services[service].handle(caller, region, operation, arguments)

    def listed(self, operation: str, member: str, **arguments: Any) -> list[list[Any]]:
        """All pages of a listing."""
        pages: list[list[Any]] = []
        following: dict[str, Any] = {}
        while True:
            page = self.call(operation, **arguments, **following)
            pages.append(list(page[member]))
            if "nextToken" not in page:
                return pages
            following = {"nextToken": page["nextToken"]}

"""The registries of jobs under way: entered when the first job needs them, left after the last."""

import threading
from dataclasses import dataclass

from tidewaiter.aws.registries import RegistryApi
from tidewaiter.errors import CloudError
from tidewaiter.fleet.pull import Origin
from tidewaiter.model.cloud import Registry


@dataclass(slots=True)
class _Entered:
    api: RegistryApi
    origin: Origin
    jobs: int = 0


class Registries:
    """Who can be asked about a registry, while a job needs it. Thread-safe.

    An agent runs for months: what a registry refused, and connections to it, are not kept longer than they are needed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entered: dict[Registry, _Entered] = {}

    def __call__(self, registry: Registry) -> RegistryApi:
        """Who can be asked about it. Raises CloudError when no job needs it any more."""
        with self._lock:
            entered = self._entered.get(registry)
        if entered is None:
            raise CloudError("nobody looks through images of it any more", where=registry.host)
        return entered.api

    def enter(self, api: RegistryApi) -> Origin:
        """Where manifests come from; leave the registry afterwards."""
        with self._lock:
            entered = self._entered.get(api.registry)
            if entered is None:
                entered = self._entered[api.registry] = _Entered(api, Origin(api))
            entered.jobs += 1
            return entered.origin

    def leave(self, registry: Registry) -> bool:
        """A job is over; True if it was the last of the registry."""
        with self._lock:
            entered = self._entered[registry]
            entered.jobs -= 1
            if entered.jobs:
                return False
            del self._entered[registry]
        entered.origin.close()
        return True

"""A run in a process of its own that is killed at a chosen moment, and the fleet that it goes over."""

import os
import signal
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

from fakes.registries import MemoryLookers, MemoryRegistry, built, registry
from tidewaiter.fleet.filters import Wishes
from tidewaiter.fleet.run import run
from tidewaiter.model.cloud import ImageStatus
from tidewaiter.model.image import Platform
from tidewaiter.simulator.images import build_artifact, build_attestation, build_index
from tidewaiter.store.store import Store

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def places() -> list[MemoryRegistry]:
    """Two registries with shared images, indexes, signatures, something archived and something that is not there."""
    found = [MemoryRegistry(registry(region="eu-west-1")), MemoryRegistry(registry(region="us-east-1"))]
    for place in found:
        for name in ("web", "api", "jobs"):
            multi = [built(name), built(name, Platform("linux", "arm64"))]
            place.push(name, build_index([*multi, build_attestation(multi[0])]), "v2")
            place.push(name, built("shared"), "v1")
            place.push(name, build_artifact("application/vnd.cncf.helm.config.v1+json"), "chart")
            place.push(name, built("old"), "v0", status=ImageStatus.ARCHIVED)
    lost = found[0].push("web", built("lost"), "lost")
    del found[0].content["web", lost]
    return found


def go(store: Store, lookers: MemoryLookers) -> int:
    """A run over these places."""
    found = [each.place for each in places()]
    return run(found, store=store, wishes=Wishes(), command="ecr scan", scope="all", now=lambda: NOW, lookers=lookers)


def die(path: str, moment: str, number: int) -> None:
    """A run that is killed when this method of the store was called so often; or, `look`, an image looked at."""
    with Store.open(path) as store:
        lookers = MemoryLookers()
        if moment == "look":
            lookers.on_look = lambda looks: _kill() if looks == number else None
        go(cast("Store", _Dying(store, moment, number)), lookers)


class _Dying:
    """A store that takes its process with it when one of its methods has done its work so often."""

    def __init__(self, store: Store, moment: str, number: int) -> None:
        self._store = store
        self._moment = moment
        self._number = number
        self._calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return partial(self._call, name)

    def _call(self, name: str, *given: Any, **named: Any) -> Any:
        result = getattr(self._store, name)(*given, **named)
        self._calls[name] += 1
        if name == self._moment and self._calls[name] == self._number:
            _kill()
        return result


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)

"""Several connections of one broker server, as a run over a fleet, or a survey of one, looks at them."""

import hashlib
import queue
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import wait
from contextlib import suppress
from dataclasses import fields, replace
from types import TracebackType
from typing import Self

import msgspec

from tidewaiter.aws.registries import Found, Place
from tidewaiter.broker.messages import AgentInfo, Hello
from tidewaiter.broker.platform.api import BrokerApi
from tidewaiter.broker.platform.discovery import Discovery
from tidewaiter.broker.platform.reach import Bearing, Reach, check_usage
from tidewaiter.errors import BrokerError
from tidewaiter.fleet.watcher import Watcher
from tidewaiter.image.limits import Limits
from tidewaiter.inventory.catalog import FINGERPRINT
from tidewaiter.model.cloud import Identity, Lost, Registry
from tidewaiter.model.gap import Gap, Stage, Why


class Expedition:
    """Connections that are entered together: a context manager.

    In it all of them have greeted or are given up; or some have, and the others have had their time: those may come
    later, if they are of the same kind. Entering raises UsageError where the server does not know the API key, or one
    of the connections. What agents tell is believed, as one believes the programs of one's own network: give the
    connections of strangers a store of their own.
    """

    def __init__(
        self, api: BrokerApi, connections: Sequence[str], *, watcher: Watcher, bearing: Bearing | None = None
    ) -> None:
        self.api = api
        self.bearing = bearing or Bearing()
        self._watcher = watcher
        self._found: queue.SimpleQueue[Found | None] = queue.SimpleQueue()
        self._hellos: Sequence[Hello] = ()
        self._discoveries = [self._discovery(name) for name in dict.fromkeys(connections)]

    def __enter__(self) -> Self:
        for each in self._discoveries:
            each.begin()
        try:
            self._meet()
        except BrokerError as error:
            self._leave()
            check_usage(error)
            raise
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    @property
    def connections(self) -> Sequence[str]:
        """Their names."""
        return tuple(each.connection for each in self._discoveries)

    @property
    def fingerprint(self) -> str:
        """That of the agents' extractors. Where agents differ, one that changes with each of them."""
        kinds = {_kind(each) for each in self._agents}
        if len(kinds) > 1:
            return hashlib.sha256(b"\n".join(sorted(map(msgspec.json.encode, kinds)))).hexdigest()
        return kinds.pop()[0] if kinds else FINGERPRINT

    @property
    def fingerprints(self) -> frozenset[str]:
        """Those of the extractors of all agents."""
        return frozenset(each.fingerprint for each in self._agents) or frozenset({FINGERPRINT})

    @property
    def limits(self) -> Limits:
        """The agents' ceilings; the lowest, where they differ."""
        return _lowest(each.limits for each in self._agents)

    @property
    def operations(self) -> int:
        """How many images the agents look through at the same time."""
        return max(sum(each.operations for each in self._agents), 1)

    @property
    def identity(self) -> Identity | None:
        """As whom the agents look, with the role of a connection that is alone; None where they are several."""
        told = {each.identity for each in self._hellos}
        if len(told) > 1:
            told = {replace(each, hops=()) for each in told}
        return told.pop() if len(told) == 1 else None

    def found(self) -> Iterator[Found]:
        """All that is behind the connections, as it is found, once.

        A registry of AWS that several connections lead to is entered by the first that finds it.
        """
        ways: dict[Registry, str] = {}
        left = len(self._discoveries)
        while left:
            found = self._found.get()
            if found is None:
                left -= 1
            elif not isinstance(found, Place):
                yield found
            elif not self._is_alike(found):
                yield Lost(account=found.account, gap=_unlike(found))
            elif not self._is_entered(found, ways):
                yield found

    def reach(self, connection: str, whom: str = "") -> Reach:
        """The patience with a connection's agent, or with whom it is reached by."""
        return Reach(whom or f"connection {connection}", self.bearing, self._watcher)

    def _meet(self) -> None:
        """Waits for greetings. Raises the BrokerError of a connection that cannot be."""
        greetings = [each.hello for each in self._discoveries]
        wait(greetings, timeout=self.bearing.together)
        if not any(each.done() and each.result() is not None for each in greetings):
            wait(greetings)
        self._hellos = [hello for each in greetings if each.done() and (hello := each.result()) is not None]

    def _is_alike(self, place: Place) -> bool:
        """Whether it was known before, or could have been known, how the place is looked at."""
        hellos = (each.hello.result() for each in self._discoveries if each.connection == place.api.registry.via)
        kinds = {_kind(each.agent) for each in self._hellos}
        return not kinds or all(hello is None or _kind(hello.agent) in kinds for hello in hellos)

    def _is_entered(self, place: Place, ways: dict[Registry, str]) -> bool:
        registry = place.api.registry
        way = ways.setdefault(_wherever(registry), registry.via)
        if way == registry.via or not registry.partition:
            return False
        self._watcher.note(f"{registry.host} is behind {way} and {registry.via}: it is looked at by way of {way}")
        return True

    def _discovery(self, name: str) -> Discovery:
        return Discovery(connection=name, api=self.api, reach=self.reach(name), tell=self._found.put)

    @property
    def _agents(self) -> Sequence[AgentInfo]:
        return [each.agent for each in self._hellos]

    def _leave(self) -> None:
        self.bearing.over.set()
        with suppress(Exception):
            self.api.close()


def _kind(agent: AgentInfo) -> tuple[str, Limits]:
    """What makes agents find the same in the same image."""
    return agent.fingerprint, agent.limits


def _unlike(place: Place) -> Gap:
    detail = "Its agent greeted when the run had begun, and is not of the kind of the others. Run again."
    return Gap(stage=Stage.DISCOVERY, why=Why.UNREACHABLE, subject=place.api.registry.host, detail=detail)


def _wherever(registry: Registry) -> Registry:
    return Registry(
        partition=registry.partition,
        account=registry.account,
        region=registry.region,
        host=registry.host,
        public=registry.public,
    )


def _lowest(several: Iterable[Limits]) -> Limits:
    told = tuple(several) or (Limits(),)
    return Limits(**{field.name: min(getattr(each, field.name) for each in told) for field in fields(Limits)})

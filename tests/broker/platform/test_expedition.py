"""Connections are entered together: who looks, what is found, and what is told of those that lead nowhere."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest

from fakes.platform_api import KEY, FakeAgent, FakeBroker, Told, lines, refusal
from fakes.registries import ACCOUNT, CountingWatcher, MemoryRegistry, registry
from tidewaiter.aws.registries import Found, Place
from tidewaiter.broker.messages import AgentInfo, Line, LostPlace, PassedPlace, Trouble
from tidewaiter.broker.platform.api import BrokerApi
from tidewaiter.broker.platform.expedition import Expedition
from tidewaiter.broker.platform.reach import Bearing
from tidewaiter.broker.platform.registry import RelayedRegistry
from tidewaiter.errors import UsageError
from tidewaiter.image.limits import Limits
from tidewaiter.inventory.catalog import FINGERPRINT
from tidewaiter.model.cloud import Account, Identity, Lost, Passed, RoleHop
from tidewaiter.model.gap import Gap, Stage, Why

DENIED = Gap(stage=Stage.IDENTITY, why=Why.DENIED, subject="account 111111111111", detail="It may not.")
OTHER = MemoryRegistry(registry=registry("222222222222"), account=Account(id="222222222222"))


@dataclass
class World:
    broker: FakeBroker
    watcher: CountingWatcher = field(default_factory=CountingWatcher)

    @contextmanager
    def entered(self, *connections: str, patience: float = 0, together: float = 20) -> Iterator[Expedition]:
        bearing = Bearing(patience=patience, together=together, first_pause=0.01, longest_pause=0.01)
        names = connections or tuple(self.broker.agents)
        with Expedition(BrokerApi(self.broker.url, KEY), names, watcher=self.watcher, bearing=bearing) as expedition:
            yield expedition

    def found(self, *connections: str, patience: float = 0) -> Sequence[Found]:
        with self.entered(*connections, patience=patience) as expedition:
            return list(expedition.found())


@pytest.fixture
def world() -> Iterator[Callable[..., World]]:
    opened: list[FakeBroker] = []

    def made(**agents: FakeAgent) -> World:
        opened.append(FakeBroker(**agents).__enter__())
        return World(opened[-1])

    yield made
    for each in opened:
        each.__exit__(None, None, None)


def hosts(found: Sequence[Found]) -> set[tuple[str, str]]:
    """The registries with the connection that each is entered by."""
    return {(each.api.registry.host, each.api.registry.via) for each in found if isinstance(each, Place)}


def test_all_that_is_behind_the_connections_is_found(world: Callable[..., World]) -> None:
    gone = Gap(stage=Stage.DISCOVERY, why=Why.INACTIVE, subject="account", detail="It is suspended.")
    more: list[Line] = [LostPlace(ACCOUNT, DENIED, "eu-west-2"), PassedPlace(Account(id="333333333333"), gone)]
    found = world(one=FakeAgent(more=more), two=FakeAgent(places=[OTHER])).found()
    assert hosts(found) == {(registry().host, "one"), (OTHER.registry.host, "two")}
    assert Lost(account=ACCOUNT, gap=DENIED, region="eu-west-2") in found
    assert Passed(account=Account(id="333333333333"), gap=gone) in found
    assert len(found) == 4
    assert all(isinstance(each.api, RelayedRegistry) for each in found if isinstance(each, Place))


def test_a_registry_of_aws_behind_two_connections_is_entered_once(world: Callable[..., World]) -> None:
    seen = world(one=FakeAgent(), two=FakeAgent())
    assert len(seen.found()) == 1
    (note,) = seen.watcher.notes
    assert note.startswith(f"{registry().host} is behind ")


def test_another_host_behind_two_connections_may_show_something_else_to_each(world: Callable[..., World]) -> None:
    hub = MemoryRegistry(registry=replace(registry("docker.io"), partition="", region="", host="docker.io"))
    assert hosts(world(one=FakeAgent([hub]), two=FakeAgent([hub])).found()) == {
        ("docker.io", "one"),
        ("docker.io", "two"),
    }


def test_a_connection_named_twice_is_one(world: Callable[..., World]) -> None:
    assert len(world().found("shop", "shop")) == 1


def test_a_key_that_the_server_does_not_know_is_a_wrong_command_line(world: Callable[..., World]) -> None:
    api = BrokerApi(world().broker.url, "another-key")
    with pytest.raises(UsageError, match="not known"), Expedition(api, ["shop"], watcher=CountingWatcher()):
        pytest.fail("it was entered")


def test_a_connection_that_there_is_not_is_a_wrong_command_line(world: Callable[..., World]) -> None:
    with pytest.raises(UsageError, match="no connection 'shpo'"), world().entered("shop", "shpo"):
        pytest.fail("it was entered")


@pytest.mark.parametrize(
    ("code", "why"),
    [("not-connected", Why.UNREACHABLE), ("unreachable", Why.UNREACHABLE), ("revoked", Why.DENIED)],
)
def test_a_connection_that_leads_nowhere_is_lost_and_the_others_go_on(
    world: Callable[..., World], code: str, why: Why
) -> None:
    seen = world(one=FakeAgent(), two=FakeAgent([OTHER]))
    seen.broker.before = lambda _, path: refusal(code, "it leads nowhere") if "/one/" in path else None
    found = seen.found(patience=0.02)
    assert hosts(found) == {(OTHER.registry.host, "two")}
    (lost,) = (each for each in found if isinstance(each, Lost))
    assert (lost.account.id, lost.gap.why, lost.gap.subject) == ("one", why, "connection one")
    assert "it leads nowhere" in lost.gap.detail


def test_what_the_agent_refuses_as_a_whole_is_lost(world: Callable[..., World]) -> None:
    seen = world()
    seen.broker.before = lambda _method, _path: Told(403, b'{"what": "it may not take the role", "denied": true}')
    (lost,) = seen.found()
    assert isinstance(lost, Lost)
    assert (lost.gap.why, "it may not take the role" in lost.gap.detail) == (Why.DENIED, True)


def test_a_discovery_that_breaks_off_begins_anew_and_tells_nothing_twice(world: Callable[..., World]) -> None:
    seen = world(one=FakeAgent([MemoryRegistry(), OTHER]))
    whole, times = lines(seen.broker.agent.found()), iter(range(5))
    cuts = [whole[: whole.index(b"\n") + 5], whole[:-60], lines(seen.broker.agent.found(), end=False)]
    seen.broker.before = lambda _method, _path: (
        Told(200, cuts[at], cut=at < 2) if (at := next(times)) < len(cuts) else None
    )
    assert len(seen.found(patience=60)) == 2
    assert seen.broker.count("POST /broker/one/discover") == 4


def test_a_discovery_that_stays_broken_keeps_what_it_found(world: Callable[..., World]) -> None:
    seen = world()
    found = lines(seen.broker.agent.found(), end=False)
    seen.broker.before = lambda _method, _path: Told(200, found)
    place, lost = seen.found(patience=0.05)
    assert isinstance(place, Place)
    assert isinstance(lost, Lost)
    assert "stopped before its end" in lost.gap.detail


@pytest.mark.parametrize(
    "content",
    [
        lines([LostPlace(ACCOUNT, DENIED)]),
        lines([Trouble("it may not")], end=False),
        b'{"type":"repository","name":"a"}\n{"type":"end"}\n',
        b"<html>\n",
        b"",
    ],
    ids=["no greeting", "trouble", "another kind", "no line", "nothing"],
)
def test_an_agent_that_does_not_greet_is_lost(world: Callable[..., World], content: bytes) -> None:
    seen = world()
    seen.broker.before = lambda _method, _path: Told(200, content)
    with seen.entered() as expedition:
        (lost,) = expedition.found()
        assert isinstance(lost, Lost)
        assert (expedition.fingerprint, expedition.operations, expedition.identity) == (FINGERPRINT, 1, None)


def info(**changes: object) -> AgentInfo:
    values = {"version": "1", "fingerprint": "one", "limits": Limits(), "operations": 3, **changes}
    return AgentInfo(**values)  # type: ignore[arg-type]  # its own fields


def test_agents_of_one_kind_are_as_one(world: Callable[..., World]) -> None:
    agents = {name: FakeAgent(info=info()) for name in ("one", "two")}
    with world(**agents).entered() as expedition:
        assert (expedition.fingerprint, expedition.limits, expedition.operations) == ("one", Limits(), 6)


@pytest.mark.parametrize(
    "other", [info(fingerprint="two"), info(limits=Limits(layers=7))], ids=["extractors", "ceilings"]
)
def test_agents_that_differ_have_a_fingerprint_of_their_own(world: Callable[..., World], other: AgentInfo) -> None:
    seen = world(one=FakeAgent(info=info()), two=FakeAgent(info=other), three=FakeAgent(info=info()))
    with seen.entered() as expedition, seen.entered("two", "one") as again, seen.entered("one") as alone:
        assert expedition.fingerprint == again.fingerprint
        assert expedition.fingerprint not in ("one", "two")
        assert alone.fingerprint == "one"
        assert expedition.limits.layers == min(Limits().layers, other.limits.layers)


def test_who_asks_is_the_agent_with_the_role_of_a_connection_that_is_alone(world: Callable[..., World]) -> None:
    base = Identity(arn="arn:aws:iam::999999999999:role/agent", account="999999999999", partition="aws")
    taken = [replace(base, hops=(RoleHop(role_arn=f"arn:aws:iam::{each}:role/r"),)) for each in ("1", "2")]
    seen = world(one=FakeAgent(identity=taken[0]), two=FakeAgent(identity=taken[1]))
    with seen.entered("one") as alone, seen.entered() as both:
        assert (alone.identity, both.identity) == (taken[0], base)
    seen.broker.agents["two"].identity = replace(base, arn="arn:aws:iam::888888888888:role/other")
    with seen.entered() as strangers:
        assert strangers.identity is None


@pytest.mark.parametrize("alike", [True, False])
def test_who_is_late_is_not_waited_for_and_comes_if_he_is_of_the_same_kind(
    world: Callable[..., World], alike: bool
) -> None:
    late = FakeAgent([OTHER], info=info(fingerprint="one" if alike else "two"))
    seen = world(one=FakeAgent(info=info()), two=late)
    begun = threading.Event()
    seen.broker.before = lambda _, path: None if begun.is_set() or "/one/" in path else refusal("not-connected")
    with seen.entered(patience=60, together=0.05) as expedition:
        assert (expedition.fingerprint, expedition.operations) == ("one", 3)
        begun.set()
        found = list(expedition.found())
    assert ((OTHER.registry.host, "two") in hosts(found)) is alike
    lost = [each.gap for each in found if isinstance(each, Lost)]
    assert [gap.subject for gap in lost] == ([] if alike else [OTHER.registry.host])


def test_the_first_of_all_that_are_late_is_waited_for(world: Callable[..., World]) -> None:
    seen = world()
    tries = iter([True] * 20)
    seen.broker.before = lambda _method, _path: refusal("not-connected") if next(tries, False) else None
    with seen.entered(patience=60, together=0.01) as expedition:
        assert expedition.fingerprint == "fingerprint-1"

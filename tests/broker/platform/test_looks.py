"""A run by way of connections: it ends as a direct one does, whatever is lost, forgotten or restarted meanwhile."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import cast

import msgspec
import pytest

from fakes.platform_api import KEY, FakeAgent, FakeBroker, Told, refusal
from fakes.registries import CountingWatcher, MemoryLookers, MemoryRegistry, built, registry, unreachable
from tidewaiter.aws.registries import Found
from tidewaiter.broker.messages import JobState, Result
from tidewaiter.broker.platform.api import BrokerApi
from tidewaiter.broker.platform.collection import Pace
from tidewaiter.broker.platform.documents import documents
from tidewaiter.broker.platform.expedition import Expedition
from tidewaiter.broker.platform.looks import RelayedLookers
from tidewaiter.broker.platform.reach import Bearing
from tidewaiter.errors import StoreError
from tidewaiter.fleet.filters import Wishes
from tidewaiter.fleet.run import run
from tidewaiter.inventory.encoding import decode_inventory, encode_inventory
from tidewaiter.model.cloud import Account
from tidewaiter.model.gap import Why
from tidewaiter.model.image import Digest
from tidewaiter.simulator.images import build_artifact, build_index
from tidewaiter.store.store import Store

QUICK = Pace(poll=0.2, pause=0.01, ask_after=0.05, last_words=5)
HOST = registry().host


@dataclass
class World:
    """A store, and the server that its runs ask."""

    store: Store
    broker: FakeBroker
    watcher: CountingWatcher = field(default_factory=CountingWatcher)
    owner: str = "a store"
    patience: float = 30
    pace: Pace = QUICK

    @property
    def agent(self) -> FakeAgent:
        return self.broker.agent

    @property
    def ecr(self) -> MemoryRegistry:
        return self.agent.places[0]

    def run(self, *, store: Store | None = None, and_then: Callable[[], Iterable[Found]] = tuple) -> int:
        """A run over what is behind the connections, and then over what `and_then` gives."""
        api = BrokerApi(self.broker.url, KEY)
        bearing = Bearing(patience=self.patience, first_pause=0.01, longest_pause=0.02)
        with Expedition(api, tuple(self.broker.agents), watcher=self.watcher, bearing=bearing) as expedition:
            return run(
                chain(expedition.found(), (found for found in and_then())),
                store=store or self.store,
                wishes=Wishes(workers=expedition.operations, limits=expedition.limits),
                command="ecr scan",
                scope="test",
                watcher=self.watcher,
                lookers=RelayedLookers(expedition, owner=self.owner, pace=self.pace),
                documents=documents,
                fingerprint=expedition.fingerprint,
            )

    def die_when(self, is_time: Callable[[], bool]) -> Iterator[Found]:
        """Nothing more is found, but the end of the run."""
        while True:
            if is_time():
                raise RuntimeError("killed")
            time.sleep(0.005)
            yield from ()

    def ends(self, number: int) -> dict[Digest, str]:
        outcomes = {row.detail.digest: row.settled.outcome for row in self.store.manifests(number)}
        return {digest: f"{end.state} {end.why or ''}".strip() for digest, end in outcomes.items()}

    def detail(self, number: int, digest: Digest) -> str:
        return next(row.settled.outcome.detail for row in self.store.manifests(number) if row.detail.digest == digest)


class FullStore:
    """A store in which there is no room for images."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def keep_image(self, *_arguments: object, **_named: object) -> None:
        raise StoreError("it is full")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Store.open(str(tmp_path / "fleet.db")) as store, FakeBroker() as broker:
        yield World(store, broker)


def push_all(ecr: MemoryRegistry) -> None:
    """One of each kind."""
    ecr.push("shop/web", built("a"), "v1", "latest")
    ecr.push("shop/web", build_index([built("b"), built("c")]), "v2")
    ecr.push("shop/chart", build_artifact("application/vnd.cncf.helm.config.v1+json"), "1.0")
    ecr.push("shop/api", built("a"), "v1")
    ecr.push("shop/api", built("d"))


def final(store: Store, number: int) -> set[object]:
    """All that a report is made of."""
    rows = {(row.repository, row.settled, row.detail) for row in store.manifests(number)}
    return rows | {each.digest for each in store.contents(number)}


def test_a_run_ends_as_a_direct_one_does(world: World, tmp_path: Path) -> None:
    push_all(world.ecr)
    world.agent.lookers.fails[f"{HOST}/shop/api", built("d").digest] = unreachable("it", Why.UNSUPPORTED)
    number = world.run()
    with Store.open(str(tmp_path / "direct.db")) as store:
        lookers = MemoryLookers(fails=world.agent.lookers.fails)
        same = run(
            [world.ecr.place],
            store=store,
            wishes=Wishes(),
            command="",
            scope="",
            lookers=lookers,
            now=lambda: world.store.run(number).started,
        )
        assert final(world.store, number) == final(store, same)
        assert set(world.ends(number).values()) == {
            "scanned",
            "skipped not-an-image",
            "failed unsupported",
        }
    assert world.watcher.notes == []
    assert world.broker.results == {}, "all is acknowledged"


def test_an_image_is_looked_through_once_wherever_it_stands(world: World) -> None:
    push_all(world.ecr)
    world.run()
    assert world.agent.lookers.times == {built(name).digest: 1 for name in "abcd"}
    assert set(world.agent.posted.values()) == {1}


def test_a_second_run_asks_for_listings_alone(world: World) -> None:
    push_all(world.ecr)
    first = world.ends(world.run())
    del world.broker.asked[:]
    assert world.ends(world.run()) == first
    paths = sorted(each.partition("?")[0] for each in world.broker.asked)
    assert paths == [
        "GET /broker/shop/list",
        "GET /broker/shop/list-with-metadata/shop/api",
        "GET /broker/shop/list-with-metadata/shop/chart",
        "GET /broker/shop/list-with-metadata/shop/web",
        "POST /broker/shop/discover",
    ]


def test_agents_with_other_extractors_look_again(world: World) -> None:
    world.ecr.push("app", built("a"))
    world.run()
    world.agent.info = msgspec.structs.replace(world.agent.info, fingerprint="fingerprint-2")
    world.run()
    world.run()
    assert world.agent.lookers.looked.total() == 2


def test_what_other_extractors_saw_than_those_that_greeted_is_not_taken_for_theirs(world: World) -> None:
    digest = world.ecr.push("app", built("a"))
    world.agent.spoil = lambda content: content.replace(b"fingerprint-1", b"fingerprint-2")
    number = world.run()
    assert world.ends(number) == {digest: "failed malformed"}
    assert "other extractors" in world.detail(number, digest)
    world.agent.spoil = lambda content: content
    assert world.ends(world.run()) == {digest: "scanned"}


def test_two_connections_are_looked_at_at_the_same_time(tmp_path: Path) -> None:
    other = MemoryRegistry(registry=registry("222222222222"), account=Account(id="222222222222"))
    agents = {"one": FakeAgent(), "two": FakeAgent([other])}
    both = threading.Barrier(2, timeout=20)

    def meet(_number: int) -> None:
        both.wait()

    for agent in agents.values():
        agent.places[0].push("app", built(agent.places[0].account.id))
        agent.lookers.on_look = meet
    with Store.open(str(tmp_path / "fleet.db")) as store, FakeBroker(**agents) as broker:
        world = World(store, broker)
        assert set(world.ends(world.run()).values()) == {"scanned"}


def test_what_is_behind_both_is_taken_from_the_one_that_gives_it(tmp_path: Path) -> None:
    other = MemoryRegistry(registry=registry("222222222222"), account=Account(id="222222222222"))
    agents = {"one": FakeAgent(), "two": FakeAgent([other])}
    digest = built("a").digest
    for agent in agents.values():
        agent.places[0].push("app", built("a"))
    agents["one"].lookers.fails[f"{HOST}/app", digest] = unreachable("it")
    with Store.open(str(tmp_path / "fleet.db")) as store, FakeBroker(**agents) as broker:
        world = World(store, broker)
        number = world.run()
        states = {row.registry.account: row.settled.outcome.state for row in store.manifests(number)}
        assert states["222222222222"] == "scanned"


# What is kept, and what is taken up again.


def test_nothing_is_acknowledged_before_it_is_kept(world: World) -> None:
    digest = world.ecr.push("app", built("a"))
    kept: list[bool] = []

    def look(method: str, _path: str) -> None:
        if method == "DELETE":
            kept.append(digest in world.store.remembered([digest], "fingerprint-1"))

    world.broker.before = look
    world.run()
    assert kept == [True]


def test_a_run_that_ended_early_is_taken_up_where_its_jobs_are(world: World) -> None:
    digests = [world.ecr.push("app", built(name)) for name in "abcd"]
    hold = world.agent.hold = threading.Event()
    with pytest.raises(RuntimeError, match="killed"):
        world.run(and_then=lambda: world.die_when(lambda: len(world.agent.posted) == len(digests)))
    asked = set(world.agent.posted)
    hold.set()
    assert world.ends(world.run()) == dict.fromkeys(digests, "scanned")
    assert set(world.agent.posted) == asked, "under the same names"
    assert world.agent.lookers.times == dict.fromkeys(digests, 1), "each looked through once"


def test_a_result_that_was_fetched_and_not_kept_is_still_there(world: World) -> None:
    digest = world.ecr.push("app", built("a"))
    with pytest.raises(StoreError, match="full"):
        world.run(store=cast("Store", FullStore(world.store)))
    assert list(world.broker.results) == [("shop", *world.agent.posted)]
    assert world.broker.acknowledged == []
    assert world.ends(world.run()) == {digest: "scanned"}
    assert world.agent.lookers.looked.total() == 1
    assert world.broker.results == {}


def test_results_that_no_run_wants_any_more_are_let_go_by_their_owner(world: World) -> None:
    gone = world.ecr.push("app", built("a"))
    with pytest.raises(StoreError):
        world.run(store=cast("Store", FullStore(world.store)))
    world.ecr.delete("app", gone)
    world.ecr.push("app", built("b"))
    world.broker.results["shop", "another-owners-job"] = b"not ours"
    world.run()
    assert list(world.broker.results) == [("shop", "another-owners-job")]


def test_an_image_without_a_stored_result_gets_another_name_each_time(world: World) -> None:
    digest = world.ecr.push("app", built("a"))
    world.agent.lookers.fails[f"{HOST}/app", digest] = unreachable("it")
    assert world.ends(world.run()) == {digest: "failed unreachable"}
    assert world.ends(world.run()) == {digest: "failed unreachable"}
    world.agent.lookers.fails.clear()
    assert world.ends(world.run()) == {digest: "scanned"}
    assert len(world.agent.posted) == 3
    assert world.broker.results == {}, "failures are acknowledged too"


def test_stores_of_other_owners_have_jobs_of_their_own(world: World, tmp_path: Path) -> None:
    world.ecr.push("app", built("a"))
    world.run()
    with Store.open(str(tmp_path / "other.db")) as store:
        other = World(store, world.broker, owner="another store")
        assert set(other.ends(other.run()).values()) == {"scanned"}
    assert len({job.partition("-")[0] for job in world.agent.posted}) == 2


def test_results_of_others_are_left_alone(world: World) -> None:
    for number in range(3):
        world.broker.results["shop", f"job-{number}"] = b"not ours"
    world.ecr.push("app", built("a"))
    assert set(world.ends(world.run()).values()) == {"scanned"}
    assert len(world.broker.results) == 3


# What goes wrong at the other end.


def test_a_job_that_the_agent_forgot_is_asked_for_again(world: World) -> None:
    world.ecr.push("app", built("a"))
    world.agent.hold = threading.Event()

    def restart(method: str, path: str) -> None:
        if method == "GET" and "/scan/" in path and world.agent.hold is not None:
            world.agent.forget()
            world.agent.hold = None

    world.broker.before = restart
    assert set(world.ends(world.run()).values()) == {"scanned"}
    assert list(world.agent.posted.values()) == [2]


def test_an_image_that_ends_the_agent_each_time_ends_at_last(world: World) -> None:
    digest = world.ecr.push("app", built("a"))
    world.agent.hold = threading.Event()

    def die(method: str, path: str) -> None:
        if method == "GET" and "/scan/" in path:
            world.agent.forget()

    world.broker.before = die
    world.pace = replace(QUICK, ask_after=0.01)
    number = world.run()
    assert world.ends(number) == {digest: "failed unreachable"}
    assert "forgotten it 20 times" in world.detail(number, digest)
    assert list(world.agent.posted.values()) == [21]


def test_a_result_that_the_server_does_not_list_is_fetched_all_the_same(world: World) -> None:
    world.ecr.push("app", built("a"))
    world.broker.before = lambda _, path: Told(200, b"[]") if path.startswith("/results/shop?") else None
    assert set(world.ends(world.run()).values()) == {"scanned"}


def test_a_result_that_is_lost_on_the_way_is_asked_for_anew(world: World) -> None:
    world.ecr.push("app", built("a"))
    lost: list[str] = []

    def lose(method: str, path: str) -> None:
        if method == "GET" and path.startswith("/results/shop?") and world.broker.results and not lost:
            lost.extend(job for _, job in world.broker.results)
            world.broker.results.clear()

    world.agent.hold = threading.Event()
    threading.Timer(0.1, world.agent.hold.set).start()
    world.broker.before = lose
    assert set(world.ends(world.run()).values()) == {"scanned"}
    assert len(world.agent.posted) == 1 + len(lost)


def test_a_result_that_the_agent_cannot_deliver_is_not_waited_for_for_ever(world: World) -> None:
    digest = world.ecr.push("app", built("a"))
    world.agent.hold = threading.Event()
    world.patience = 0.2

    def finish(method: str, path: str) -> None:
        if method == "GET" and "/scan/" in path:
            world.agent.jobs.update(dict.fromkeys(world.agent.jobs, JobState.DONE))

    world.broker.before = finish
    number = world.run()
    assert world.ends(number) == {digest: "failed unreachable"}
    assert "does not arrive" in world.detail(number, digest)
    world.agent.hold = None
    world.agent.forget()
    assert world.ends(world.run()) == {digest: "scanned"}


def test_a_job_that_somebody_cancels_is_a_failure_that_says_so(world: World) -> None:
    digest = world.ecr.push("app", built("a"))
    world.agent.hold = threading.Event()

    def cancel(method: str, path: str) -> None:
        if method == "GET" and "/scan/" in path:
            world.agent.jobs.update(dict.fromkeys(world.agent.jobs, JobState.CANCELLED))

    world.broker.before = cancel
    number = world.run()
    assert world.ends(number) == {digest: "failed unreachable"}
    assert "cancelled at the agent" in world.detail(number, digest)
    world.agent.hold = None
    assert world.ends(world.run()) == {digest: "scanned"}, "under another name"


@pytest.mark.parametrize(
    ("spoil", "end", "words"),
    [
        (lambda content: content[:-1], "failed malformed", "promised"),
        (lambda _: b"", "failed malformed", "begin with a line"),
        (lambda content: content.replace(b'"job":"', b'"job":"x'), "failed malformed", "another job"),
    ],
    ids=["cut", "empty", "of another job"],
)
def test_a_result_that_cannot_be_read_is_a_failure_and_is_not_kept_for_ever(
    world: World, spoil: Callable[[bytes], bytes], end: str, words: str
) -> None:
    digest = world.ecr.push("app", built("a"))
    world.agent.spoil = spoil
    number = world.run()
    assert world.ends(number) == {digest: end}
    assert words in world.detail(number, digest)
    assert world.broker.results == {}


def test_an_agent_that_is_busy_is_asked_again(world: World) -> None:
    world.ecr.push("app", built("a"))
    answers = iter([Told(429, b"{}"), refusal("busy"), refusal("not-connected"), refusal("lost")])
    world.broker.before = lambda _, path: next(answers, None) if path.endswith("/scan") else None
    assert set(world.ends(world.run()).values()) == {"scanned"}
    assert [note.partition(";")[0] for note in world.watcher.notes] == [
        "connection shop: it does not work",
        "connection shop answers again",
    ]


def test_a_server_whose_store_is_away_for_a_while_is_asked_again(world: World) -> None:
    world.ecr.push("app", built("a"))
    failed = replace(refusal("failed", "the store failed"), status=503)
    answers = iter([failed] * 3)
    world.broker.before = lambda _, path: next(answers, None) if path.startswith("/results/") else None
    assert set(world.ends(world.run()).values()) == {"scanned"}
    assert next(answers, None) is None


def test_an_agent_that_stays_away_is_given_up_and_its_images_are_failures(world: World) -> None:
    push_all(world.ecr)
    world.patience = 0.2
    world.broker.before = lambda _, path: (
        refusal("not-connected", "no client is connected") if "/scan" in path else None
    )
    number = world.run()
    assert {world.ends(number)[built(name).digest] for name in "abcd"} == {"failed unreachable"}
    assert "no client is connected" in world.detail(number, built("a").digest)


def test_an_agent_that_goes_away_with_jobs_under_way_is_given_up_too(world: World) -> None:
    digest = world.ecr.push("app", built("a"))
    world.agent.hold = threading.Event()
    world.patience = 0.2
    world.broker.before = lambda method, path: refusal("unreachable") if method == "GET" and "/scan/" in path else None
    assert world.ends(world.run()) == {digest: "failed unreachable"}


def test_a_job_that_the_agent_cannot_tell_of_fails_alone(world: World) -> None:
    digests = [world.ecr.push("app", built(name)) for name in "ab"]
    world.agent.hold = threading.Event()
    asked: list[str] = []

    def stumble(method: str, path: str) -> Told | None:
        if method != "GET" or "/scan/" not in path:
            return None
        asked.append(path)
        if path == asked[0]:
            return Told(500, b'{"what": "an error of the agent\'s"}')
        assert world.agent.hold is not None
        world.agent.hold.set()
        return None

    world.broker.before = stumble
    assert sorted(world.ends(world.run()).values()) == ["failed unreachable", "scanned"]
    assert len(digests) == 2


def test_inventories_have_the_names_by_which_they_were_asked_for(world: World) -> None:
    digest = world.ecr.push("app", built("a"), "v1")
    world.agent.spoil = renamed
    world.run()
    inventory = world.store.inventory(digest)
    assert inventory
    assert (inventory.image.reference, inventory.image.tags) == (f"{HOST}/app@{digest}", ("v1",))


def renamed(content: bytes) -> bytes:
    """A result in which the image calls itself something else."""
    head, _, packed = content.partition(b"\n")
    inventory = decode_inventory(packed)
    other = replace(inventory, image=replace(inventory.image, reference="bank/app@v1", tags=("stable",)))
    told = msgspec.structs.replace(msgspec.json.decode(head, type=Result), size=len(encode_inventory(other)))
    return msgspec.json.encode(told) + b"\n" + encode_inventory(other)


def test_a_server_that_stays_away_is_given_up(world: World) -> None:
    digest = world.ecr.push("app", built("a"))
    world.agent.hold = threading.Event()
    world.patience = 0.2
    world.pace = replace(QUICK, ask_after=60)
    world.broker.before = lambda _, path: Told(502, b"<html>") if path.startswith("/results") else None
    assert world.ends(world.run()) == {digest: "failed unreachable"}


def test_a_revoked_connection_is_a_refusal(world: World) -> None:
    digest = world.ecr.push("app", built("a"))
    world.broker.before = lambda _, path: refusal("revoked", "it was revoked") if "/scan" in path else None
    number = world.run()
    assert world.ends(number) == {digest: "failed denied"}


def test_threads_end_with_the_run(world: World) -> None:
    push_all(world.ecr)
    world.run()
    for _ in range(500):
        left = [each.name for each in threading.enumerate() if each.name.startswith(("tidewaiter-c", "tidewaiter-a"))]
        if not left:
            return
        time.sleep(0.01)
    pytest.fail(f"they go on: {left}")

"""A relayed registry lists as the agent does, and gives nothing away; documents are what the agent says they are."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from fakes.platform_api import KEY, FakeBroker, Told, lines, refusal
from fakes.registries import CountingWatcher, MemoryRegistry, built, registry
from tidewaiter.broker.messages import RepositoryLine
from tidewaiter.broker.platform.api import BrokerApi
from tidewaiter.broker.platform.documents import documents
from tidewaiter.broker.platform.reach import Bearing, Reach
from tidewaiter.broker.platform.registry import RelayedRegistry
from tidewaiter.errors import CloudDeniedError, CloudError
from tidewaiter.fleet.documents import documents as direct
from tidewaiter.image.limits import Limits
from tidewaiter.model.cloud import Repository
from tidewaiter.model.fleet import State
from tidewaiter.model.gap import Why
from tidewaiter.model.image import Digest
from tidewaiter.simulator.images import build_artifact, build_index

APP = Repository(registry=registry(), name="team/app")
LIMITS = Limits()


@pytest.fixture
def broker() -> Iterator[FakeBroker]:
    with FakeBroker() as broker:
        yield broker


@pytest.fixture
def ecr(broker: FakeBroker) -> MemoryRegistry:
    return broker.agent.places[0]


@pytest.fixture
def relayed(broker: FakeBroker) -> Iterator[RelayedRegistry]:
    api = BrokerApi(broker.url, KEY)
    yield RelayedRegistry(registry=registry(), connection="shop", api=api, reach=reach(patience=60))
    api.close()


def reach(patience: float) -> Reach:
    bearing = Bearing(patience=patience, first_pause=0.01, longest_pause=0.01)
    return Reach("connection shop", bearing, CountingWatcher())


def impatient(relayed: RelayedRegistry) -> RelayedRegistry:
    return replace(relayed, reach=reach(patience=0.02))


def test_it_lists_what_the_agent_lists(relayed: RelayedRegistry, ecr: MemoryRegistry) -> None:
    ecr.push("team/app", built("a"), "v1", "latest")
    ecr.push("team/app", built("b"))
    ecr.push("other", built("c"), "v2")
    assert list(relayed.repositories()) == ["team/app", "other"]
    assert list(relayed.images("team/app")) == list(ecr.listed["team/app"].values())
    assert relayed.resolve("team/app", "latest") == built("a").digest


def test_what_is_refused_is_refused_in_the_agents_words(relayed: RelayedRegistry, ecr: MemoryRegistry) -> None:
    ecr.refuses.add(("images", "team/app"))
    with pytest.raises(CloudDeniedError, match="may not list images") as raised:
        list(relayed.images("team/app"))
    assert raised.value.code == "AccessDenied"
    with pytest.raises(CloudError) as absent:
        list(relayed.images("absent"))
    assert absent.value.code == "RepositoryNotFoundException"


def test_whether_a_tag_has_moved_is_asked_without_a_listing(
    broker: FakeBroker, relayed: RelayedRegistry, ecr: MemoryRegistry
) -> None:
    ecr.push("team/app", built("a"), "v1")
    assert relayed.resolve("team/app", "v1") == built("a").digest
    ecr.push("team/app", built("b"), "v1")
    assert relayed.resolve("team/app", "v1") == built("b").digest
    assert broker.count("GET /broker/shop/get-state-identifier?repository=team/app&tag=v1&registry=") == 2
    assert len(broker.asked) == 2


@pytest.mark.parametrize(
    ("told", "kind", "words"),
    [
        (Told(404, b'{"what": "there is no such tag", "code": "ImageNotFound"}'), CloudError, "no such tag"),
        (Told(200, b'{"identifier": "latest"}'), CloudError, "not a digest"),
        (Told(200, b"{}"), CloudError, "not as agreed"),
        (refusal("revoked", "it was revoked"), CloudDeniedError, "it was revoked"),
    ],
    ids=["absent", "no digest", "nothing", "revoked"],
)
def test_a_tag_that_is_not_told_is_an_error_of_the_registry(
    broker: FakeBroker, relayed: RelayedRegistry, told: Told, kind: type[CloudError], words: str
) -> None:
    broker.before = lambda _method, _path: told
    with pytest.raises(kind, match=words):
        relayed.resolve("team/app", "v1")


def test_a_listing_that_breaks_off_is_read_again_and_gives_nothing_twice(
    broker: FakeBroker, relayed: RelayedRegistry, ecr: MemoryRegistry
) -> None:
    ecr.push("one", built("a"))
    ecr.push("two", built("b"))
    cut = lines([RepositoryLine("one")], end=False)
    answers = iter([Told(200, cut), refusal("lost"), None])
    broker.before = lambda _method, _path: next(answers)
    assert list(relayed.repositories()) == ["one", "two"]


def test_a_listing_that_stays_broken_gives_what_it_had_and_the_error(
    broker: FakeBroker, relayed: RelayedRegistry
) -> None:
    broker.before = lambda _method, _path: Told(200, lines([RepositoryLine("one")], end=False))
    found = impatient(relayed).repositories()
    assert next(found) == "one"
    with pytest.raises(CloudError, match="stopped before its end"):
        next(found)


def test_an_agent_that_stays_away_is_an_error_of_the_registry(broker: FakeBroker, relayed: RelayedRegistry) -> None:
    broker.before = lambda _method, _path: refusal("not-connected", "no client is connected")
    with pytest.raises(CloudError, match="no client is connected") as raised:
        list(impatient(relayed).repositories())
    assert raised.value.code == "not-connected"
    assert "Start the broker client" in raised.value.advice


def test_nothing_comes_here_that_only_the_agent_reads(relayed: RelayedRegistry) -> None:
    digest = built("a").digest
    for ask in (
        lambda: relayed.manifests("app", [digest]),
        lambda: relayed.download("app", digest),
        relayed.authorization,
    ):
        with pytest.raises(CloudError, match="read by the agent"):
            ask()


def test_documents_are_what_a_direct_look_makes_of_them(relayed: RelayedRegistry, ecr: MemoryRegistry) -> None:
    index = build_index([built("a"), built("b")])
    digests = [
        ecr.push("team/app", built("a"), "v1"),
        ecr.push("team/app", index, "v2"),
        ecr.push("team/app", build_artifact("application/vnd.cncf.helm.config.v1+json"), "chart"),
    ]
    told = {each.digest: each for each in documents(relayed, APP, digests, LIMITS)}
    read = {each.digest: each for each in direct(ecr, APP, digests, LIMITS)}
    assert {digest: each.verdict for digest, each in told.items()} == {
        digest: each.verdict for digest, each in read.items()
    }
    assert [child.digest for child in told[index.digest].children] == [
        child.digest for child in read[index.digest].children
    ]
    assert not any(each.content for each in told.values()), "bytes stay where they are"


def test_many_documents_are_asked_for_fifty_at_a_time(
    broker: FakeBroker, relayed: RelayedRegistry, ecr: MemoryRegistry
) -> None:
    digests = [ecr.push("team/app", built(str(number))) for number in range(51)]
    assert {each.digest for each in documents(relayed, APP, digests, LIMITS)} == set(digests)
    assert broker.count("GET /broker/shop/image-metadata/team/app") == 2


def test_a_digest_that_the_agent_says_nothing_of_is_a_failure(
    broker: FakeBroker, relayed: RelayedRegistry, ecr: MemoryRegistry
) -> None:
    known, unknown = ecr.push("team/app", built("a")), Digest("sha256", "0" * 64)
    first, second = documents(relayed, APP, [known, unknown], LIMITS)
    assert first.verdict.outcome is None
    assert second.digest == unknown
    assert second.verdict.outcome
    assert (second.verdict.outcome.state, second.verdict.outcome.why) == (State.FAILED, Why.UNREACHABLE)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (refusal("lost"), Why.UNREACHABLE),
        (refusal("revoked"), Why.DENIED),
        (Told(403, b'{"what": "it may not", "denied": true}'), Why.DENIED),
        (Told(200, b"<html>"), Why.UNREACHABLE),
    ],
    ids=["lost", "revoked", "denied", "malformed"],
)
def test_documents_are_never_an_exception(broker: FakeBroker, relayed: RelayedRegistry, told: Told, why: Why) -> None:
    broker.before = lambda _method, _path: told
    (document,) = documents(impatient(relayed), APP, [built("a").digest], LIMITS)
    assert document.verdict.outcome
    assert document.verdict.outcome.why is why

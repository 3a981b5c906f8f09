"""Registries that are not Amazon's, through the agent: entered with the login of their connection."""

from collections.abc import Iterator

import pytest

from agents import Asking, Said, with_agent
from tidewaiter.broker.agent.settings import AgentSettings
from tidewaiter.broker.messages import (
    AtRegistry,
    Credentials,
    DocumentLine,
    End,
    Hello,
    ImageLine,
    RepositoryLine,
    TagLine,
    Trouble,
)
from tidewaiter.model.fleet import Kind
from tidewaiter.simulator.images import build_image, build_layer
from tidewaiter.simulator.registry import Login, SimulatedRegistry

IMAGE = build_image([build_layer({"etc/owner": b"nexus"})])
PASSWORD = "a-password-of-the-registry"


@pytest.fixture
def registry() -> Iterator[SimulatedRegistry]:
    with SimulatedRegistry(Login(username="reader", password=PASSWORD)) as registry:
        registry.push("team/app", "1.0", IMAGE)
        yield registry


def login(registry: SimulatedRegistry, *, password: str = PASSWORD) -> Credentials:
    return Credentials(type="nexus-cr", username="reader", password=password, registry_base=registry.host)


def test_it_is_discovered_listed_and_read(registry: SimulatedRegistry, settings: AgentSettings) -> None:
    async def ask(agent: Asking) -> list[Said]:
        mine = login(registry)
        paths = ("/list", "/list/team/app", "/list-with-metadata/team/app")
        document = f"/image-metadata/team/app?digest={IMAGE.digest}&registry={registry.host}"
        return [
            await agent("POST", "/discover", mine),
            *[await agent("GET", path, mine) for path in (*paths, document)],
            await agent("GET", "/get-state-identifier?repository=team/app&tag=1.0", mine),
        ]

    found, repositories, tags, images, documents, state = with_agent(settings, ask)
    assert (found.one(Hello).identity.arn, found.one(AtRegistry).registry.host) == ("reader", registry.host)
    assert found.one(AtRegistry).registry.via == ""
    assert repositories.lines == [RepositoryLine("team/app"), End()]
    assert tags.lines == [TagLine("1.0", IMAGE.digest), End()]
    assert images.one(ImageLine).detail.digest == IMAGE.digest
    assert documents.one(DocumentLine).kind is Kind.IMAGE
    assert state.json == {"identifier": str(IMAGE.digest)}
    assert not [said for said in (found, repositories, tags, images, documents) if PASSWORD.encode() in said.body]


def test_health_and_credentials_are_tried_at_the_registry(registry: SimulatedRegistry, settings: AgentSettings) -> None:
    async def ask(agent: Asking) -> list[Said]:
        wrong = login(registry, password="a-wrong-password")
        paths = ("/systemcheck", "/validate-credentials")
        return [await agent("GET", path, each) for each in (login(registry), wrong) for path in paths]

    well, valid, ill, invalid = with_agent(settings, ask)
    assert (well.status, [check["name"] for check in well.json["checks"]]) == (
        200,
        ["agent", f"registry {registry.host}"],
    )
    assert (valid.status, valid.json["valid"]) == (200, True)
    assert (ill.status, [check["ok"] for check in ill.json["checks"]]) == (503, [True, False])
    assert (invalid.status, invalid.one(Trouble).denied) == (403, True)
    assert b"a-wrong-password" not in ill.body + invalid.body


def test_a_registry_that_is_not_the_connections_is_not_asked(
    registry: SimulatedRegistry, settings: AgentSettings
) -> None:
    async def ask(agent: Asking) -> list[int]:
        nowhere = Credentials(type="nexus-cr", username="reader", password=PASSWORD)
        answers = [
            await agent("GET", "/list?registry=docker.io", login(registry)),
            await agent("GET", "/list", nowhere),
        ]
        return [said.status for said in answers]

    assert with_agent(settings, ask) == [400, 400]
    assert not registry.asked

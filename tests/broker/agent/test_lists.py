"""What registries list and what manifests are, through the agent, of a simulated ECR."""

import asyncio

import pytest

from agents import Asking, Said, for_role, with_agent
from brokered_accounts import REGION, World
from tidewaiter.broker.agent.settings import AgentSettings
from tidewaiter.broker.messages import DocumentLine, End, ImageLine, RepositoryLine, TagLine, Trouble
from tidewaiter.model.fleet import Kind, State

DOCUMENT = {"Accept": "application/json"}


def test_repositories_come_as_lines_or_as_one_document(world: World, settings: AgentSettings) -> None:
    async def ask(agent: Asking) -> tuple[Said, Said]:
        mine = world.web.credentials(REGION)
        return await agent("GET", "/list", mine), await agent("GET", "/list", mine, headers=DOCUMENT)

    lines, document = with_agent(settings, ask)
    assert (lines.status, lines.headers["Content-Type"]) == (200, "application/x-ndjson")
    assert lines.lines == [RepositoryLine("web/app"), RepositoryLine("web/empty"), End()]
    assert (document.status, document.json) == (200, {"repositories": ["web/app", "web/empty"]})


def test_tags_images_and_documents_of_a_repository(world: World, settings: AgentSettings) -> None:
    web = world.web

    async def ask(agent: Asking) -> list[Said]:
        mine = web.credentials(REGION)
        digests = f"digest={web.image.digest}&digest={web.index.digest}"
        paths = ("/list/web/app", "/list-with-metadata/web/app", f"/image-metadata/web/app?{digests}")
        return [await agent("GET", path, mine) for path in paths]

    tags, images, documents = with_agent(settings, ask)
    named = {line.name: line.digest for line in tags.lines if isinstance(line, TagLine)}
    assert named == {"1.0": web.image.digest, "latest": web.image.digest, "several": web.index.digest}
    listed = {line.detail.digest: set(line.detail.tags) for line in images.lines if isinstance(line, ImageLine)}
    assert listed[web.image.digest] == {"1.0", "latest"}
    read = {line.digest: line for line in documents.lines if isinstance(line, DocumentLine)}
    assert {digest: line.kind for digest, line in read.items()} == {
        web.image.digest: Kind.IMAGE,
        web.index.digest: Kind.INDEX,
    }
    children = read[web.index.digest].children
    assert children[0].digest == web.image.digest
    assert {name for child in children for name, _ in child.annotations} == {
        "vnd.docker.reference.digest",
        "vnd.docker.reference.type",
    }
    assert all(said.lines[-1] == End() for said in (tags, images, documents))


def test_what_no_manifest_is_there_for_is_told_as_absent(world: World, settings: AgentSettings) -> None:
    digest = f"sha256:{'0' * 64}"
    path = f"/image-metadata/web/app?digest={digest}"
    said = with_agent(settings, lambda agent: agent("GET", path, world.web.credentials(REGION)))
    line = said.one(DocumentLine)
    assert (str(line.digest), line.absent) == (digest, True)
    assert line.outcome is not None
    assert line.outcome.state is State.FAILED


def test_pages_go_on_where_the_page_before_ended(world: World, settings: AgentSettings) -> None:
    async def ask(agent: Asking) -> list[object]:
        mine = world.web.credentials(REGION)
        first = await agent("GET", "/list-paginated?size=1", mine)
        second = await agent("GET", f"/list-paginated?size=1&after={first.json['next']}", mine)
        tags = await agent("GET", "/list-paginated/web/app?size=2", mine)
        return [first.json, second.json, tags.json]

    assert with_agent(settings, ask) == [
        {"names": ["web/app"], "next": "web/app"},
        {"names": ["web/empty"], "next": ""},
        {"names": ["1.0", "latest"], "next": "latest"},
    ]


def test_an_image_has_changed_where_its_tag_names_another_manifest(world: World, settings: AgentSettings) -> None:
    web = world.web
    registry = web.account.registry(REGION)
    path = "/get-state-identifier?repository=web/app&tag=latest"

    async def ask(agent: Asking) -> list[Said]:
        mine = web.credentials(REGION)
        before = await agent("GET", path, mine)
        registry.push("web/app", "latest", web.index)
        after = await agent("GET", path, mine)
        by_digest = f"/get-state-identifier?repository=web/app&digest={web.image.digest}"
        gone = await agent("GET", "/get-state-identifier?repository=web/app&tag=gone", mine)
        return [before, after, await agent("GET", by_digest, mine), gone]

    before, after, same, gone = with_agent(settings, ask)
    assert before.json == same.json == {"identifier": str(web.image.digest)}
    assert after.json == {"identifier": str(web.index.digest)}
    assert (gone.status, gone.one(Trouble).code) == (404, "ImageNotFoundException")


def test_asking_for_the_state_of_an_image_is_no_pull(world: World, settings: AgentSettings) -> None:
    path = "/get-state-identifier?repository=web/app&"
    both = (path + "tag=1.0", path + f"digest={world.web.image.digest}")

    async def ask(agent: Asking) -> None:
        for each in both:
            assert (await agent("GET", each, world.web.credentials(REGION))).status == 200

    with_agent(settings, ask)
    assert "ecr:BatchGetImage" not in {call.action for call in world.cloud.calls}


def test_a_registry_is_named_where_a_connection_has_several(world: World, settings: AgentSettings) -> None:
    async def ask(agent: Asking) -> list[Said]:
        mine = world.web.credentials("us-east-1", REGION)
        hosts = (world.web.host(), world.web.host("us-east-1"), world.web.host("us-west-2"), world.data.host(), "x.io")
        return [await agent("GET", f"/list?registry={host}", mine) for host in hosts] + [
            await agent("GET", "/list", mine)
        ]

    here, elsewhere, closed, foreign, other, unnamed = with_agent(settings, ask)
    assert RepositoryLine("web/app") in here.lines
    assert elsewhere.lines == [End()]
    assert [said.status for said in (closed, foreign, other, unnamed)] == [400] * 4
    assert "region" in closed.one(Trouble).what
    assert "account" in foreign.one(Trouble).what
    assert world.web.host() in unnamed.one(Trouble).advice
    assert not [call for call in world.cloud.calls if call.account == world.data.account.id]


def test_two_connections_interleaved_are_each_their_own(world: World, settings: AgentSettings) -> None:
    async def ask(agent: Asking) -> list[tuple[str, Said]]:
        async def one(name: str) -> tuple[str, Said]:
            owner = world.web if name == "web" else world.data
            return name, await agent("GET", "/list", owner.credentials(REGION), connection=name)

        return await asyncio.gather(*(one(name) for _ in range(8) for name in ("web", "data")))

    for name, said in with_agent(settings, ask):
        assert said.lines == [RepositoryLine(f"{name}/app"), RepositoryLine(f"{name}/empty"), End()]
    assumed = [call.resource for call in world.cloud.calls if call.action == "sts:AssumeRole"]
    assert sorted(assumed) == sorted([world.web.role, world.data.role])


def test_a_wrong_external_id_is_refused_with_what_to_do_and_without_the_id(
    world: World, settings: AgentSettings
) -> None:
    wrong = for_role(world.web.role, "a-guessed-external-id", REGION)
    said = with_agent(settings, lambda agent: agent("GET", "/list", wrong))
    trouble = said.one(Trouble)
    assert (said.status, trouble.denied) == (403, True)
    assert "sts:AssumeRole" in trouble.what
    assert "external ID" in trouble.advice
    assert trouble.remedy is not None
    assert trouble.remedy.document == f"trust policy of {world.web.role}"
    assert b"a-guessed-external-id" not in said.body


def test_a_denied_listing_names_the_statement_that_would_allow_it(world: World, settings: AgentSettings) -> None:
    web = world.web
    web.account.restrict(
        {"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "ecr:DescribeImages", "Resource": "*"}}
    )

    async def ask(agent: Asking) -> tuple[Said, Said]:
        mine = web.credentials(REGION)
        return await agent("GET", "/list", mine), await agent("GET", "/list-with-metadata/web/app", mine)

    allowed, denied = with_agent(settings, ask)
    assert allowed.lines[-1] == End()
    trouble = denied.one(Trouble)
    assert (denied.status, trouble.denied, trouble.code) == (403, True, "AccessDeniedException")
    assert trouble.remedy is not None
    assert (trouble.remedy.action, trouble.remedy.principal != "") == ("ecr:DescribeImages", True)


@pytest.mark.parametrize(
    "path",
    [
        "/image-metadata/web/app",
        "/image-metadata/web/app?digest=latest",
        "/image-metadata/web/app?" + "&".join(f"digest=sha256:{number:064x}" for number in range(51)),
        "/get-state-identifier?repository=web/app",
        "/get-state-identifier?repository=web/app&tag=1&digest=sha256:" + "0" * 64,
        "/get-state-identifier?repository=a&repository=b&tag=1",
        "/list-paginated?size=0",
        "/list-paginated?size=1001",
        "/list-paginated?size=%C2%B2",
    ],
    ids=lambda path: path[:40],
)
def test_what_nobody_can_mean_is_refused_before_aws_is_asked(world: World, settings: AgentSettings, path: str) -> None:
    said = with_agent(settings, lambda agent: agent("GET", path, world.web.credentials(REGION)))
    assert said.status == 400
    assert said.one(Trouble).code == "malformed"
    assert not world.cloud.calls

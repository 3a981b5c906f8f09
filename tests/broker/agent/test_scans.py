"""Jobs over HTTP: taken once a key, for their own connection, with a result that goes to who asked."""

import asyncio
from dataclasses import replace

import msgspec
import pytest

from agents import CLIENT, Asking, Said, for_role, with_agent
from brokered_accounts import REGION, World
from fakes.chains import FakeAws
from tidewaiter.broker.agent.settings import AgentSettings
from tidewaiter.broker.messages import CALLBACK, IDEMPOTENCY, Job, JobState, ScanRequest, Trouble
from tidewaiter.model.image import Digest

NAMED = {IDEMPOTENCY: "job-1"}
ROLE = "arn:aws:iam::222222222222:role/reader"
MINE = for_role(ROLE, "", REGION)
IMAGE = ScanRequest("222222222222.dkr.ecr.eu-west-1.amazonaws.com", "web/app", Digest("sha256", "0" * 64))


def post(settings: AgentSettings, body: object = IMAGE, **headers: str) -> Said:
    """What is answered to a scan of an image in an AWS that lets the role in."""

    async def ask(agent: Asking) -> Said:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        said = await agent("POST", "/scan", MINE, body=body, headers=told)
        assert said.status == 202 or not agent.jobs.taken
        return said

    return with_agent(settings, ask, chain=FakeAws(roles={ROLE: ""}).chain())


def image_of(world: World) -> ScanRequest:
    return ScanRequest(world.web.host(), "web/app", world.web.image.digest, ("latest",))


def test_an_image_is_taken_with_its_registry_and_connection(world: World, settings: AgentSettings) -> None:
    async def ask(agent: Asking) -> tuple[Said, Asking]:
        mine = world.web.credentials(REGION)
        return await agent("POST", "/scan", mine, connection="web", body=image_of(world), headers=NAMED), agent

    said, agent = with_agent(settings, ask)
    assert (said.status, said.json) == (202, {"job": "job-1", "state": "queued", "layers_read": 0, "bytes_pulled": 0})
    wanted = agent.jobs.taken["web", "job-1"]
    assert (wanted.image, wanted.connection, wanted.callback) == (image_of(world), "web", CLIENT)
    assert wanted.api.registry.host == world.web.host()
    assert wanted.api.registry.via.startswith("web#")
    assert wanted.api.resolve("web/app", "latest") == world.web.image.digest
    assert world.web.external_id not in wanted.redact(f"what holds {world.web.external_id} in it") + repr(wanted)


def test_the_same_image_of_two_connections_is_entered_twice(world: World, settings: AgentSettings) -> None:
    async def ask(agent: Asking) -> set[str]:
        for name in ("one", "two"):
            mine = world.web.credentials(REGION)
            await agent("POST", "/scan", mine, connection=name, body=image_of(world), headers=NAMED)
        return {wanted.api.registry.via for wanted in agent.jobs.taken.values()}

    assert len(with_agent(settings, ask)) == 2


def test_without_a_key_each_request_is_a_job_of_its_own(world: World, settings: AgentSettings) -> None:
    async def ask(agent: Asking) -> list[str]:
        asked = [agent("POST", "/scan", world.web.credentials(REGION), body=image_of(world)) for _ in range(2)]
        return [said.json["job"] for said in await asyncio.gather(*asked)]

    assert len(set(with_agent(settings, ask))) == 2


def test_a_job_is_told_and_cancelled_for_its_own_connection_only(world: World, settings: AgentSettings) -> None:
    async def ask(agent: Asking) -> list[Said]:
        mine = world.web.credentials(REGION)
        await agent("POST", "/scan", mine, connection="web", body=image_of(world), headers=NAMED)
        return [
            await agent("GET", "/scan/job-1", connection="web"),
            await agent("GET", "/scan/job-1", connection="data"),
            await agent("DELETE", "/scan/job-1", connection="data"),
            await agent("DELETE", "/scan/job-1", connection="web"),
            await agent("GET", "/scan/job-2", connection="web"),
        ]

    told, foreign, untouched, cancelled, unknown = with_agent(settings, ask)
    assert told.json["state"] == "queued"
    assert [foreign.status, untouched.status, unknown.status] == [404] * 3
    assert cancelled.json == {"job": "job-1", "state": "cancelled", "layers_read": 0, "bytes_pulled": 0}
    assert Job("job-1", JobState.CANCELLED).state == cancelled.json["state"]


def test_an_agent_that_is_full_says_when_to_ask_again(world: World, settings: AgentSettings) -> None:
    async def ask(agent: Asking) -> Said:
        agent.jobs.busy = True
        return await agent("POST", "/scan", world.web.credentials(REGION), body=image_of(world))

    said = with_agent(settings, ask)
    assert (said.status, said.one(Trouble).retry, "Retry-After" in said.headers) == (429, True, True)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"registry": "docker.io"}, 400),
        ({"registry": "999999999999.dkr.ecr.eu-west-1.amazonaws.com"}, 400),
        ({"registry": ""}, 400),
        ({"repository": ""}, 400),
        ({"digest": Digest("sha256", "../../etc/passwd")}, 400),
        ({"digest": Digest("md5", "0" * 32)}, 400),
        ({"repository": "x" * 70_000}, 413),
    ],
    ids=["foreign", "another-account", "no-registry", "no-repository", "path", "algorithm", "large"],
)
def test_what_is_no_image_of_the_connection_is_not_taken(
    settings: AgentSettings, changes: dict[str, object], status: int
) -> None:
    body = {"registry": IMAGE.registry, "repository": IMAGE.repository, "digest": IMAGE.digest, **changes}
    assert post(settings, body).status == status


def test_what_is_no_json_is_not_taken(settings: AgentSettings) -> None:
    assert post(settings, msgspec.Raw(b'{"registry":')).one(Trouble).code == "malformed"


@pytest.mark.parametrize("key", ["a/b", "../x", "a b", "x" * 201, "a?b", ".hidden", "."], ids=lambda key: key[:10])
def test_a_key_that_cannot_name_a_job_is_refused(settings: AgentSettings, key: str) -> None:
    assert post(settings, idempotency_key=key).status == 400
    assert post(settings, idempotency_key="a-key.that_can~1").status == 202


def test_whoever_asks_an_agent_that_lets_in_all_does_not_say_where_results_go(settings: AgentSettings) -> None:
    async def ask(agent: Asking) -> str:
        await agent("POST", "/scan", MINE, body=IMAGE, headers={**NAMED, CALLBACK: "http://127.0.0.1:8500/v1/kv"})
        return agent.jobs.taken["", "job-1"].callback

    open_to_all = replace(settings, unprotected=True)
    assert with_agent(open_to_all, ask, chain=FakeAws(roles={ROLE: ""}).chain()) == settings.callback


@pytest.mark.parametrize(
    "callback",
    [
        "https://elsewhere.example.com",
        "http://169.254.169.254",
        "http://10.0.0.1:7341",
        "file:///etc/passwd",
        "http://",
        "http://user@127.0.0.1:7341",
        "http://127.0.0.1:7341/?to=x",
        "http://[::1",
        "http://127.0.0.1:99999",
    ],
)
def test_results_go_nowhere_else_while_nobody_proves_who_asks(settings: AgentSettings, callback: str) -> None:
    said = post(settings, **{CALLBACK: callback})
    assert said.status in (400, 403)
    assert said.one(Trouble).code in ("malformed", "refused")


def test_results_go_where_the_operator_said(settings: AgentSettings) -> None:
    elsewhere = "https://client.example.com:7341"
    assert post(replace(settings, callback=elsewhere), **{CALLBACK: elsewhere}).status == 202


def test_results_follow_a_client_that_has_moved(world: World, settings: AgentSettings) -> None:
    async def ask(agent: Asking) -> dict[str, str]:
        mine = world.web.credentials(REGION)
        await agent("GET", "/list", mine, connection="web", headers={CALLBACK: "http://127.0.0.1:1"})
        await agent("GET", "/scan/none", connection="data", headers={CALLBACK: "http://127.0.0.1:2"})
        await agent("GET", "/list", mine, connection="web", headers={CALLBACK: "http://127.0.0.1:3"})
        await agent("GET", "/list", mine, connection="web", headers={CALLBACK: "http://elsewhere.example.com"})
        return agent.jobs.clients

    assert with_agent(settings, ask) == {"web": "http://127.0.0.1:3", "data": "http://127.0.0.1:2"}

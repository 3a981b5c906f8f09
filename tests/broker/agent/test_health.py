"""Health that tells the truth: each step is really taken, and what would help is said."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from ssl import SSLContext

from aiohttp import web

from agents import Asking, Said, for_role, with_agent
from brokered_accounts import REGION, REGIONS, World
from certificates import Authority
from tidewaiter.broker.agent.settings import AgentSettings
from tidewaiter.broker.messages import CALLBACK
from tidewaiter.broker.service import listening
from tidewaiter.broker.tls import server_context


def checks(said: Said) -> dict[str, dict[str, object]]:
    return {check["name"]: check for check in said.json["checks"]}


def test_an_agent_that_works_says_so_to_everybody(settings: AgentSettings) -> None:
    guarded = replace(settings, secret="a-secret-of-both-sides")
    said = with_agent(guarded, lambda agent: agent("GET", "/healthcheck"))
    assert (said.status, said.json["ok"], said.json["trouble"]) == (200, True, "")
    assert said.json["jobs"]["queued"] == 0


def test_an_agent_without_its_folder_or_without_room_is_not_well(settings: AgentSettings) -> None:
    async def ask(agent: Asking) -> list[Said]:
        agent.jobs.full = True
        full = await agent("GET", "/healthcheck")
        agent.jobs.full = False
        os.rmdir(settings.folder)
        return [full, await agent("GET", "/healthcheck")]

    full, gone = with_agent(settings, ask)
    assert (full.status, full.json["ok"]) == (503, False)
    assert "room" in full.json["trouble"]
    assert (gone.status, gone.json["ok"]) == (503, False)
    assert "folder" in gone.json["trouble"]


def test_every_step_of_a_connection_is_tried(world: World, settings: AgentSettings) -> None:
    said = with_agent(settings, lambda agent: agent("GET", "/systemcheck", world.web.credentials(*REGIONS)))
    assert (said.status, said.json["ok"]) == (200, True)
    hosts = [f"registry {world.web.host(region)}" for region in REGIONS]
    assert set(checks(said)) == {"agent", "identity", "role", *hosts}
    assert "web/app" in str(checks(said)[hosts[1]]["detail"])
    asked = {call.action for call in world.cloud.calls}
    assert {"sts:AssumeRole", "ecr:DescribeRepositories", "ecr:DescribeImages"} <= asked


def test_a_refused_role_is_told_with_the_trust_policy_that_would_help(world: World, settings: AgentSettings) -> None:
    wrong = for_role(world.web.role, "a-guessed-external-id", REGION)
    said = with_agent(settings, lambda agent: agent("GET", "/systemcheck", wrong))
    assert (said.status, said.json["ok"]) == (503, False)
    found = checks(said)
    assert set(found) == {"agent", "identity", "role"}
    assert found["identity"]["ok"]
    assert found["role"]["action"] == "sts:AssumeRole"
    assert found["role"]["document"] == f"trust policy of {world.web.role}"
    assert b"a-guessed-external-id" not in said.body


def test_a_refused_listing_is_told_with_the_statement_to_add(world: World, settings: AgentSettings) -> None:
    policy = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ecr:Batch*", "Resource": "*"}}
    trust = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{world.agent.id}:root"},
            "Action": "sts:AssumeRole",
        },
    }
    narrow = world.web.account.role("narrow", trust=trust, policy=policy)

    async def ask(agent: Asking) -> list[Said]:
        return [
            await agent("GET", "/systemcheck", for_role(narrow, "", REGION)),
            await agent("GET", "/systemcheck", for_role(narrow)),
        ]

    named, unnamed = with_agent(settings, ask)
    check = checks(named)[f"registry {world.web.host()}"]
    assert check["action"] == "ecr:DescribeRepositories"
    statement = json.loads(str(check["statement"]))
    assert (statement["Effect"], statement["Action"]) == ("Allow", "ecr:DescribeRepositories")
    assert "narrow" in str(check["document"])
    assert checks(unnamed)["regions"]["action"] == "ec2:DescribeRegions"
    assert named.status == unnamed.status == 503


def test_without_credentials_the_agents_own_identity_is_told(world: World, settings: AgentSettings) -> None:
    said = with_agent(settings, lambda agent: agent("GET", "/systemcheck"))
    assert (said.status, checks(said)["identity"]["detail"]) == (200, f"it is {world.agent.arn('user/agent')}")


def test_an_agent_without_an_identity_is_told_once(nobody: None, settings: AgentSettings) -> None:
    async def ask(agent: Asking) -> list[Said]:
        mine = for_role("arn:aws:iam::222222222222:role/reader", "", REGION)
        return [await agent("GET", "/systemcheck"), await agent("GET", "/systemcheck", mine)]

    for said in with_agent(settings, ask):
        assert (said.status, set(checks(said))) == (503, {"agent", "identity"})
        assert "no AWS credentials" in str(checks(said)["identity"]["detail"])


@asynccontextmanager
async def port(status: int, tls: SSLContext | None = None) -> AsyncIterator[str]:
    """A client's local port, or who else listens there."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status if request.path == "/healthcheck" else 404)

    app = web.Application()
    app.router.add_route("GET", "/{path:.*}", answer)
    async with listening(app, tls=tls) as url:
        yield url


async def way_back(agent: Asking, callback: str) -> dict[str, object]:
    """What a system check says of results."""
    headers = {CALLBACK: callback}
    return checks(await agent("GET", "/systemcheck?callback=try", headers=headers))["results"]


def test_the_way_back_is_tried_where_it_is_asked_for(world: World, settings: AgentSettings) -> None:
    async def ask(agent: Asking) -> list[tuple[object, object, object]]:
        async with port(200) as there, port(503) as without_tunnel, port(404) as another:
            urls = (there, without_tunnel, another, "http://127.0.0.1:1", "http://client.example.com:7341")
            told = [await way_back(agent, url) for url in urls]
        return [(each["ok"], each.get("detail"), each.get("advice", "")) for each in told]

    there, without_tunnel, another, nobody, elsewhere = with_agent(settings, ask)
    assert (there[0], without_tunnel[0]) == (True, True)
    assert another[0] is nobody[0] is elsewhere[0] is False
    assert "is no broker client: it answers 404" in str(another[1])
    assert nobody[1] == "the broker client's port http://127.0.0.1:1 does not answer: connection refused"
    assert "BROKER_CLIENT_URL" in str(nobody[2])
    assert "nobody proves who asks" in str(elsewhere[1])


def test_the_agent_shows_its_certificate_to_a_client_that_asks_for_one(
    world: World, settings: AgentSettings, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    asking_for_one = server_context(*authority.issue("client"), clients=authority.path)
    certificate, key = authority.issue("agent")
    trusting = replace(settings, authorities=authority.path)

    async def ask(agent: Asking) -> dict[str, object]:
        async with port(200, asking_for_one) as url:
            return await way_back(agent, url)

    assert with_agent(replace(trusting, certificate=certificate, key=key), ask)["ok"]
    without = with_agent(trusting, ask)
    assert not without["ok"]
    assert "--https-cert" in str(without["advice"])
    assert "--ca-cert" in str(with_agent(settings, ask)["advice"])

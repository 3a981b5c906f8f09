"""Health that tells the truth: each step is really taken, and what would help is said."""

import json
import os
from dataclasses import replace

from agents import Asking, Said, for_role, with_agent
from brokered_accounts import REGION, REGIONS, World
from tidewaiter.broker.agent.settings import AgentSettings


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

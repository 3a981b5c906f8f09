"""The description is sound, says all that is answered, and is what is answered."""

import json
import re
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types
from openapi_spec_validator import validate

from agents import Asking, Said, with_agent
from brokered_accounts import REGION, World
from tidewaiter.broker.agent.openapi import description
from tidewaiter.broker.agent.routes import LINED, ROUTES, Route
from tidewaiter.broker.agent.settings import AgentSettings
from tidewaiter.broker.messages import LINES, ScanRequest

DOCUMENT = {"Accept": "application/json"}


def test_the_agent_gives_a_sound_description_to_everybody(settings: AgentSettings) -> None:
    said = with_agent(settings, lambda agent: agent("GET", "/openapi.json"))
    assert said.status == 200
    assert said.json == json.loads(json.dumps(description()))
    validate(said.json)


def test_every_route_is_described_and_nothing_else() -> None:
    described = {(method.upper(), path) for path, methods in description()["paths"].items() for method in methods}
    assert described == {(route.method, route.path) for route in ROUTES}
    operations = [
        operation["operationId"] for methods in description()["paths"].values() for operation in methods.values()
    ]
    assert len(set(operations)) == len(operations)


def test_every_variable_of_a_path_is_described() -> None:
    for path, methods in description()["paths"].items():
        for operation in methods.values():
            told = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
            assert told == set(re.findall(r"\{(\w+)\}", path))


def test_answers_are_as_described(world: World, settings: AgentSettings) -> None:
    async def ask(agent: Asking) -> list[tuple[Route, Said]]:
        body = ScanRequest(world.web.host(), "web/app", world.web.image.digest)
        mine = world.web.credentials(REGION)
        await agent("POST", "/scan", mine, body=body, headers={"idempotency-key": "job-1"})
        answers = []
        for route in ROUTES:
            path = route.path.replace("{repository}", "web/app").replace("{job}", "job-1") + _query(route, world)
            for accept in [{}, DOCUMENT] if route in LINED and route.items else [{}]:
                posted = body if route.body else None
                answers.append((route, await agent(route.method, path, mine, body=posted, headers=accept)))
        return answers

    for route, said in with_agent(settings, ask):
        responses = description()["paths"][route.path][route.method.lower()]["responses"]
        assert said.status == route.status, route.path
        media_type = said.headers["Content-Type"].partition(";")[0]
        validator = _validator(responses[str(route.status)]["content"][media_type]["schema"])
        for document in map(json.loads, said.body.splitlines()) if media_type == LINES else [said.json]:
            validator.validate(document)


def _query(route: Route, world: World) -> str:
    values = {"repository": "web/app", "tag": "latest", "digest": str(world.web.image.digest), "size": "2"}
    names = [each.name for each in route.parameters if each.name in values]
    if "tag" in names:
        names.remove("digest")
    return "?" + "&".join(f"{name}={values[name]}" for name in names)


def _validator(schema: Mapping[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": description()["components"]})

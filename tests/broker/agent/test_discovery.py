"""Which registries a connection has, and whether its credentials open them."""

import pytest

from agents import Asking, Said, for_role, with_agent
from brokered_accounts import REGION, REGIONS, World
from tidewaiter.broker.agent.settings import AgentSettings
from tidewaiter.broker.messages import AtRegistry, End, Hello, LostPlace, PassedPlace, Trouble
from tidewaiter.inventory.catalog import FINGERPRINT
from tidewaiter.model.gap import Why


def test_all_enabled_regions_are_come_upon_after_who_looks(world: World, settings: AgentSettings) -> None:
    said = with_agent(settings, lambda agent: agent("POST", "/discover", world.web.credentials()))
    first, *found, last = said.lines
    assert isinstance(first, Hello)
    assert (first.agent.fingerprint, first.agent.limits) == (FINGERPRINT, settings.limits)
    assert first.identity.arn == world.agent.arn("user/agent")
    assert [hop.role_arn for hop in first.identity.hops] == [world.web.role]
    registries = [line for line in found if isinstance(line, AtRegistry)]
    assert {line.registry.region for line in registries} == set(REGIONS)
    assert {line.account.id for line in registries} == {world.web.account.id}
    assert {line.registry.via for line in registries} == {""}
    assert last == End()
    assert world.web.external_id.encode() not in said.body


def test_only_the_regions_that_a_connection_names(world: World, settings: AgentSettings) -> None:
    said = with_agent(settings, lambda agent: agent("POST", "/discover", world.web.credentials(REGION)))
    assert said.one(AtRegistry).registry.host == world.web.host()


def test_a_region_that_refuses_is_lost_and_the_rest_goes_on(world: World, settings: AgentSettings) -> None:
    world.cloud.deny_region("us-east-1")
    said = with_agent(settings, lambda agent: agent("POST", "/discover", world.web.credentials(*REGIONS)))
    assert said.one(AtRegistry).registry.region == REGION
    lost = said.one(LostPlace)
    assert (lost.region, lost.gap.why) == ("us-east-1", Why.DENIED)
    assert said.lines[-1] == End()


def test_a_role_that_does_not_let_the_agent_in_is_a_lost_account(world: World, settings: AgentSettings) -> None:
    wrong = for_role(world.web.role, "a-guessed-external-id", REGION)
    said = with_agent(settings, lambda agent: agent("POST", "/discover", wrong))
    lost = said.one(LostPlace)
    assert (lost.account.id, lost.region, lost.gap.why) == (world.web.account.id, "", Why.DENIED)
    assert world.web.role in lost.gap.detail
    assert b"a-guessed-external-id" not in said.body


def test_what_is_left_out_is_told_too(world: World, settings: AgentSettings) -> None:
    world.web.account.set_regions([REGION])

    async def ask(agent: Asking) -> Said:
        return await agent("POST", "/discover", world.web.credentials())

    lines = with_agent(settings, ask).lines
    assert not [line for line in lines if isinstance(line, LostPlace | PassedPlace)]


def test_credentials_are_valid_if_the_role_lists_its_registry(world: World, settings: AgentSettings) -> None:
    said = with_agent(settings, lambda agent: agent("GET", "/validate-credentials", world.web.credentials(REGION)))
    assert (said.status, said.json["valid"]) == (200, True)
    assert said.json["identity"]["hops"][0]["role_arn"] == world.web.role
    assert world.web.external_id.encode() not in said.body


def test_credentials_are_not_valid_with_a_wrong_external_id(world: World, settings: AgentSettings) -> None:
    wrong = for_role(world.web.role, "a-guessed-external-id", REGION)
    said = with_agent(settings, lambda agent: agent("GET", "/validate-credentials", wrong))
    assert (said.status, said.one(Trouble).denied) == (403, True)


@pytest.mark.parametrize("role", ["", "arn:aws:iam::1:role", "nonsense", "arn:aws-cn:iam::222222222222:role/x"])
def test_without_a_role_the_agent_is_itself_and_what_is_no_role_is_refused(
    world: World, settings: AgentSettings, role: str
) -> None:
    said = with_agent(settings, lambda agent: agent("POST", "/discover", for_role(role, "", REGION)))
    if role:
        assert said.status == 400
    else:
        assert said.one(LostPlace).account.id == world.agent.id  # its user may do no more than take roles

"""Which way in is whose: remembered for a connection and its credentials together, and for nobody else."""

from agents import for_role
from fakes.chains import FakeAws
from tidewaiter.broker.agent.entrances import Entrances
from tidewaiter.broker.messages import Credentials
from tidewaiter.broker.secrets import Secrets

ROLE = "arn:aws:iam::222222222222:role/reader"
HOST = "222222222222.dkr.ecr.eu-west-1.amazonaws.com"


def entrances(told: Secrets | None = None) -> Entrances:
    return Entrances(FakeAws(roles={ROLE: "right"}).chain, told=told)


def test_the_same_connection_with_the_same_credentials_is_entered_once() -> None:
    ways = entrances()
    first = ways.enter("web", for_role(ROLE, "right"))
    assert ways.enter("web", for_role(ROLE, "right")) is first
    assert first.registry(HOST) is first.registry(HOST)


def test_other_credentials_or_another_connection_are_another_way() -> None:
    ways = entrances()
    found = [
        ways.enter("web", for_role(ROLE, "right")),
        ways.enter("data", for_role(ROLE, "right")),
        ways.enter("web", for_role(ROLE, "wrong")),
        ways.enter("web", for_role(ROLE, "right", "eu-west-1")),
        ways.enter("", for_role(ROLE, "right")),
    ]
    assert len({way.registry(HOST).registry.via for way in found}) == len(found)


def test_only_the_latest_are_remembered() -> None:
    ways = entrances()
    old, used = (ways.enter(name, for_role(ROLE)) for name in ("old", "used"))
    for number in range(999):
        ways.enter(f"web-{number}", for_role(ROLE))
        assert ways.enter("used", for_role(ROLE)) is used
    assert ways.enter("old", for_role(ROLE)) is not old


def test_the_journal_learns_every_secret() -> None:
    told = Secrets()
    entrances(told).enter("web", for_role(ROLE, "an-external-id"))
    hub = Credentials(type="docker-hub", username="reader", password="a-password", repositories=("library/alpine",))
    entrances(told).enter("hub", hub)
    assert told.redacted("an-external-id and a-password") == "*** and ***"
    assert "a-password" not in repr(hub)

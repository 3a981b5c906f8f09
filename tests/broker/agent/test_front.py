"""Who is let in, and what is found where: requests from outside are read once, and each is written down."""

import asyncio
import hashlib
import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from agents import Asking, Said, for_role, with_agent
from fakes.chains import FakeAws, FakeChain
from tidewaiter.broker.agent.app import Agent
from tidewaiter.broker.agent.settings import AgentSettings
from tidewaiter.broker.credentials import encode
from tidewaiter.broker.messages import CONNECTION, CREDENTIALS, DEADLINE, Credentials, Trouble
from tidewaiter.broker.signing import PROOF, SIGNATURE, Party, Seal
from tidewaiter.errors import UsageError

SECRET = "a-secret-of-both-sides"
MINE = for_role("arn:aws:iam::222222222222:role/reader", "", "eu-west-1")


def chain() -> FakeChain:
    return FakeAws(roles={MINE.role_arn: ""}).chain()


@pytest.fixture
def guarded(settings: AgentSettings) -> AgentSettings:
    return replace(settings, secret=SECRET)


def sealed() -> Seal:
    return Seal([SECRET], own=Party.CLIENT, other=Party.AGENT)


def test_who_knows_the_secret_is_answered_with_a_proof(guarded: AgentSettings) -> None:
    seal = sealed()

    async def ask(agent: Asking) -> None:
        headers = {CREDENTIALS: encode(MINE), CONNECTION: "web"}
        for path in ("/list", "/list-with-metadata/a/b", "/healthcheck", "/nothing-here"):
            signed = seal.sign("GET", path, headers)
            async with agent.session.get(agent.url + path, headers={**headers, SIGNATURE: signed.header}) as answer:
                seal.check_answer(signed, answer.status, answer.headers)

    with_agent(guarded, ask, chain=chain())


@pytest.mark.parametrize("path", ["/list", "/systemcheck", "/validate-credentials", "/scan/1", "/nothing-here"])
def test_without_a_signature_nothing_is_answered(guarded: AgentSettings, path: str) -> None:
    said = with_agent(guarded, lambda agent: agent("GET", path, MINE))
    assert (said.status, said.one(Trouble).code, PROOF in said.headers) == (401, "unauthorized", False)


def test_a_signed_request_counts_once_and_for_what_it_is(guarded: AgentSettings) -> None:
    async def ask(agent: Asking) -> list[int]:
        headers = {CREDENTIALS: encode(MINE)}
        signature = sealed().sign("GET", "/list", headers).header
        told = {**headers, SIGNATURE: signature}
        other = {CREDENTIALS: encode(for_role("arn:aws:iam::333333333333:role/reader")), SIGNATURE: signature}
        tries = [("/list", other), ("/list?registry=x", told), ("/list", {**told, CONNECTION: "web"}), ("/list", told)]
        statuses = []
        for path, sent in (*tries, ("/list", told)):
            async with agent.session.get(agent.url + path, headers=sent) as answer:
                statuses.append(answer.status)
        return statuses

    assert with_agent(guarded, ask, chain=chain()) == [401, 401, 401, 200, 401]


def test_a_body_that_is_not_the_signed_one_is_refused(guarded: AgentSettings) -> None:
    async def ask(agent: Asking) -> int:
        headers = {CREDENTIALS: encode(MINE), "content-type": "application/json"}
        digest = hashlib.sha256(b'{"registry":"a"}').hexdigest()
        signature = sealed().sign("POST", "/scan", headers, digest=digest).header
        async with agent.session.post(
            agent.url + "/scan", data=b'{"registry":"b"}', headers={**headers, SIGNATURE: signature}
        ) as answer:
            return answer.status

    assert with_agent(guarded, ask) == 401


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "agent.example.com"])
def test_beyond_this_machine_an_agent_wants_a_secret(settings: AgentSettings, host: str) -> None:
    with pytest.raises(UsageError, match="without proof"):
        Agent(replace(settings, host=host))
    Agent(replace(settings, host=host, secret=SECRET))
    Agent(replace(settings, host=host, unprotected=True))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/list/", 404),
        ("GET", "/lists", 404),
        ("GET", "/scan", 405),
        ("POST", "/list", 405),
        ("PUT", "/scan/1", 405),
        ("GET", "/scan/1/2", 404),
        ("GET", "/list/../healthcheck", 400),
        ("GET", "/list/%2e%2e/healthcheck", 400),
        ("GET", "/list/a%2fb", 400),
        ("GET", "/list/a%5cb", 400),
        ("GET", "/list/a%00", 400),
        ("GET", "/list/%252e%252e/x", 400),
        ("GET", "//healthcheck", 400),
        ("GET", "/healthcheck;x=1", 400),
    ],
)
def test_only_what_is_listed_is_found_under_its_own_name(
    settings: AgentSettings, method: str, path: str, status: int
) -> None:
    async def ask(agent: Asking) -> tuple[int, str]:
        host, port = agent.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = (await reader.read()).decode()
        writer.close()
        await writer.wait_closed()
        return int(answer.split()[1]), answer

    found, answer = with_agent(settings, ask)
    assert found == status
    assert ("Allow: " in answer) == (status == 405)


@pytest.mark.parametrize("value", ["soon", "0", "-1", "nan", "inf", ""])
def test_a_deadline_is_a_number_of_seconds(settings: AgentSettings, value: str) -> None:
    said = with_agent(settings, lambda agent: agent("GET", "/list", MINE, headers={DEADLINE: value}), chain=chain())
    assert said.status == 400


@pytest.mark.parametrize(
    "value",
    ["", "!", "e30=", encode(Credentials(type="ftp")), "x" * 20_000],
    ids=["none", "junk", "empty", "ftp", "long"],
)
def test_what_are_no_credentials_are_refused_without_a_word_of_them(settings: AgentSettings, value: str) -> None:
    said = with_agent(settings, lambda agent: agent("GET", "/list", headers={CREDENTIALS: value} if value else {}))
    assert (said.status, said.one(Trouble).code) == (400, "malformed")
    assert not value or value not in said.body.decode()


@pytest.mark.parametrize("name", ["Web", "a b", "../x", "-x", "x" * 64, "a/b"])
def test_what_no_connection_can_be_called_is_refused(settings: AgentSettings, name: str) -> None:
    said = with_agent(settings, lambda agent: agent("GET", "/list", MINE, connection=name), chain=chain())
    assert (said.status, said.one(Trouble).code) == (400, "malformed")


def test_headers_that_come_twice_are_refused(settings: AgentSettings) -> None:
    async def ask(agent: Asking) -> int:
        twice = [(CREDENTIALS, encode(MINE)), (CREDENTIALS, encode(MINE))]
        async with agent.session.get(f"{agent.url}/list", headers=twice) as answer:
            return answer.status

    assert with_agent(settings, ask, chain=chain()) == 400


def test_an_agent_that_is_asked_too_much_says_so(settings: AgentSettings) -> None:
    going = threading.Event()

    class Slow(FakeChain):
        def pages(self, *_: object, **__: object) -> Iterator[Mapping[str, Any]]:
            going.wait(10)
            yield {}

        def then(self, *_: object, **__: object) -> "Slow":
            return self

    async def ask(agent: Asking) -> list[int]:
        slow = [asyncio.ensure_future(agent("GET", "/list", MINE)) for _ in range(2)]
        await asyncio.sleep(0.1)
        refused = await agent("GET", "/list", MINE)
        going.set()
        return [refused.status, *[said.status for said in await asyncio.gather(*slow)]]

    few = replace(settings, requests=2)
    assert with_agent(few, ask, chain=Slow(FakeAws(), "111111111111")) == [429, 200, 200]


def test_each_request_is_written_down_without_its_query_and_secrets(
    settings: AgentSettings, caplog: pytest.LogCaptureFixture
) -> None:
    secret = for_role(MINE.role_arn, "a-secret-external-id", "eu-west-1")

    async def ask(agent: Asking) -> Said:
        return await agent("GET", "/list?registry=nowhere", secret, connection="web")

    with caplog.at_level(logging.INFO, "tidewaiter.broker"):
        with_agent(settings, ask, chain=chain())
    (record,) = [record for record in caplog.records if record.message == "answered"]
    told = record.__dict__["fields"]
    assert {"connection": "web", "method": "GET", "path": "/list", "status": 400}.items() <= told.items()
    assert told["bytes"] > 0
    assert "a-secret-external-id" not in caplog.text + str(told)


def test_an_error_of_the_agent_itself_is_told_as_one_and_the_next_request_works(settings: AgentSettings) -> None:
    class Broken(FakeChain):
        def then(self, *_: object, **__: object) -> "Broken":
            raise ZeroDivisionError

    async def ask(agent: Asking) -> tuple[Said, Said]:
        return await agent("GET", "/list", MINE), await agent("GET", "/healthcheck")

    broken, well = with_agent(settings, ask, chain=Broken(FakeAws(), "111111111111"))
    assert (broken.status, well.status) == (500, 200)
    assert "tidewaiter itself" in broken.one(Trouble).what

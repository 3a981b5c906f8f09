"""Messages between client and agent that somebody took, changed, kept for later, or made up."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import aiohttp
import pytest

from agents import asking
from brokered import FILLED, Brokered, brokered
from clients import PAYMENTS, SECRET
from fakes.agents import Seen, running_agent
from hostile_paths import HOSTILE_TARGETS
from raw_http import SMUGGLING, exchange, request, status
from tidewaiter.broker.agent.app import Agent
from tidewaiter.broker.agent.settings import AgentSettings
from tidewaiter.broker.messages import CALLBACK, CONNECTION, CONTENT_DIGEST, CREDENTIALS, IDEMPOTENCY, JOB, RESULT_PATH
from tidewaiter.broker.signing import PROOF, SIGNATURE, Party, Seal
from tidewaiter.errors import BrokerError


def run(folder: Path, act: Callable[[Brokered], Awaitable[None]], **settings: str) -> None:
    async def acting() -> None:
        async with brokered(folder, **settings) as scene:
            await act(scene)

    asyncio.run(acting())


async def taken(scene: Brokered) -> Seen:
    """A request of the client, as somebody between it and its agent sees it."""
    line = "POST /broker/payments/scan?a=b"
    assert status(await scene.ask(line, *FILLED, f"{IDEMPOTENCY}: key", body=b'{"image": 1}')) == 200
    return scene.agent.seen[-1]


async def sent(url: str, seen: Seen, changes: Mapping[str, str] = {}) -> tuple[int, bytes]:
    """What is said to a request that was taken, sent again; changed where changes are given."""
    headers = {name: value for name, value in seen.headers.items() if name not in ("Host", "Content-Length")}
    headers.update({name: value for name, value in changes.items() if name not in ("method", "target")})
    method, target = changes.get("method", seen.method), changes.get("target", seen.target)
    return await answered(method, url + target, headers, seen.body)


async def answered(method: str, url: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    """Status and body of an answer."""
    async with aiohttp.ClientSession() as session, session.request(method, url, headers=headers, data=body) as said:
        return said.status, await said.read()


CHANGES: dict[str, dict[str, str]] = {
    "method": {"method": "PUT"},
    "path": {"target": "/scan/b?a=b"},
    "query": {"target": "/scan?a=c"},
    "connection": {CONNECTION: "hub"},
    "callback": {CALLBACK: "http://evil.example"},
    "credentials": {CREDENTIALS: "eyJ0eXBlIjoiZWNyIn0="},
    "key": {IDEMPOTENCY: "other"},
    "signature": {SIGNATURE: "1.2.3.4.5"},
    "no-signature": {SIGNATURE: ""},
}


def test_a_request_counts_once_and_as_it_was_made(tmp_path: Path) -> None:
    async def act(scene: Brokered) -> None:
        seen = await taken(scene)
        assert seen.headers[CREDENTIALS] == PAYMENTS.variables["CR_CREDENTIALS"]
        for name, changes in CHANGES.items():
            assert (name, (await sent(scene.agent.url, seen, changes))[0]) == (name, 401)
        code, words = await sent(scene.agent.url, seen)
        assert (code, b"was sent before" in words) == (401, True)
        assert status(await scene.ask("GET /broker/payments/list")) == 200

    run(tmp_path, act)


def test_a_request_that_was_held_back_counts_with_its_own_body_only(tmp_path: Path) -> None:
    """The agent has not seen it: somebody kept it, with the right signature, and changes what the signature is of."""

    async def act(scene: Brokered) -> None:
        headers = {CONNECTION: "payments"}
        own = Seal([SECRET], own=Party.CLIENT, other=Party.AGENT)
        for body, code in ((b"other", 401), (b"", 401), (b"body ", 401), (b"body", 200)):
            signed = own.sign("POST", "/scan", headers, digest=hashlib.sha256(b"body").hexdigest())
            told = {**headers, SIGNATURE: signed.header}
            async with (
                aiohttp.ClientSession() as session,
                session.post(f"{scene.agent.url}/scan", headers=told, data=body) as said,
            ):
                assert (body, said.status) == (body, code)

    run(tmp_path, act)


def test_a_request_does_not_count_at_its_own_author_or_after_a_restart(tmp_path: Path) -> None:
    async def act(scene: Brokered) -> None:
        seen = await taken(scene)
        code, words = await sent(scene.client.url, seen, {"target": RESULT_PATH})
        assert (code, b"is not signed with the secret" in words) == (401, True)
        await asyncio.sleep(0.002)
        async with running_agent(secret=SECRET) as restarted:
            code, words = await sent(restarted.url, seen)
            assert (code, b"signed before this program started" in words) == (401, True)

    run(tmp_path, act)


def test_a_result_counts_only_from_who_knows_the_secret_and_once(tmp_path: Path) -> None:
    body = b"result"
    digest = hashlib.sha256(body).hexdigest()
    named = {CONNECTION: "payments", JOB: "job", CONTENT_DIGEST: f"sha256:{digest}"}
    agent = Seal([SECRET], own=Party.AGENT, other=Party.CLIENT)
    stranger = Seal(["another secret of theirs"], own=Party.AGENT, other=Party.CLIENT)

    def signed(seal: Seal, **changes: str) -> dict[str, str]:
        header = seal.sign("POST", RESULT_PATH, named, digest=digest).header
        return {**named, SIGNATURE: header, **changes}

    async def act(scene: Brokered) -> None:
        async with aiohttp.ClientSession() as session:

            async def deliver(headers: dict[str, str], path: str = RESULT_PATH) -> int:
                async with session.post(scene.client.url + path, headers=headers, data=body) as said:
                    if said.status == 401:
                        assert PROOF not in said.headers
                    return said.status

            assert await deliver(named) == 401
            assert await deliver(signed(stranger)) == 401
            assert await deliver(signed(agent, **{CONNECTION: "hub"})) == 401
            assert await deliver(signed(agent, **{JOB: "other"})) == 401
            assert await deliver(signed(agent), "/v2/import/done") == 401
            right = signed(agent)
            assert await deliver(right) == 200
            assert await deliver(right) == 401
            async with session.get(f"{scene.server.url}/results/payments", headers=scene.server.headers) as listed:
                assert [each["job"] for each in await listed.json()] == ["job"]
            async with session.get(f"{scene.server.url}/results/hub", headers=scene.server.headers) as listed:
                assert await listed.json() == []

    run(tmp_path, act)


def test_an_agent_that_does_not_know_the_secret_is_not_believed(tmp_path: Path) -> None:
    """Who took the agent's place gets the request, but its answer does not reach the platform."""

    async def act(scene: Brokered) -> None:
        for seal in (None, Seal(["another secret of theirs"], own=Party.AGENT, other=Party.CLIENT)):
            scene.agent.seal = seal
            answer = await scene.ask("GET /broker/payments/list")
            assert status(answer) == 502
            assert b"hello" not in answer

    run(tmp_path, act)


def real_agent() -> Agent:
    """An agent as it is, that knows the secret and would have to ask a cloud that it does not have."""

    def nobody() -> None:
        raise BrokerError("there is no cloud here", code="unreachable")

    return Agent(AgentSettings(secret=SECRET), chain=nobody)  # type: ignore[arg-type]  # it is asked for nothing


OPEN = ("/healthcheck", "/openapi.json")


def test_an_agent_answers_nobody_who_is_not_signed() -> None:
    async def act() -> None:
        async with asking(real_agent()) as ask:
            for data in SMUGGLING.values():
                assert status(await exchange(ask.url, data)) in (0, 400, 401, 501)
            for name, target in HOSTILE_TARGETS.items():
                line = f"GET {target}".encode()
                data = request("GET /").replace(b"GET /", line, 1)
                assert (name, status(await exchange(ask.url, data))) in {(name, code) for code in (0, 400, 404)}
            for path in ("/list", "/systemcheck", "/validate-credentials", "/scan/job", "/list/a", "/nowhere"):
                said = await ask("GET", path, PAYMENTS.credentials, connection="payments")
                assert (path, said.status) == (path, 401)
                assert PAYMENTS.credentials.extra.external_id.encode() not in said.body
            assert not ask.jobs.taken
            for path in OPEN:
                assert (await ask("GET", path)).status in (200, 503)

    asyncio.run(act())


@pytest.mark.parametrize("name", [CONNECTION, CALLBACK, CREDENTIALS, IDEMPOTENCY, SIGNATURE])
def test_a_header_that_comes_twice_is_not_chosen_from(name: str) -> None:
    async def act() -> None:
        seal = Seal([SECRET], own=Party.CLIENT, other=Party.AGENT)
        headers = {CONNECTION: "payments", CALLBACK: "http://127.0.0.1:1", CREDENTIALS: "e30=", IDEMPOTENCY: "key"}
        signed = {**headers, SIGNATURE: seal.sign("GET", "/list", headers).header}
        async with asking(real_agent()) as ask:
            lines = [f"{each}: {value}" for each, value in signed.items()]
            for twice in (
                [f"{name}: other", *lines],
                [*lines, f"{name}: other"],
                [*lines, f"{name.upper()}: {signed[name]}"],
            ):
                said = await exchange(ask.url, request("GET /list", *twice))
                assert status(said) in (400, 401)

    asyncio.run(act())

"""The local port: results of the agent go to the server, and whoever asks how the client is is told the truth."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from clients import EXTERNAL_ID, HUB, PAYMENTS, SECRET, Scene, scene
from patience import until
from tidewaiter.broker.client.health import _other_words
from tidewaiter.broker.messages import CONNECTION, CONTENT_DIGEST, CREDENTIALS, ERROR, JOB, Probe
from tidewaiter.broker.signing import PROOF, SIGNATURE, Party, Seal
from tidewaiter.broker.tunnel import Reply
from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError

RESULT = "/v2/import/result"
LARGE = bytes(range(256)) * 20_000


def run(act: Callable[[Scene, aiohttp.ClientSession], Awaitable[None]], *connections: Any, **settings: Any) -> None:
    async def main() -> None:
        async with scene(*connections, **settings) as at, aiohttp.ClientSession() as session:
            await act(at, session)

    asyncio.run(main())


async def posted(
    at: Scene, session: aiohttp.ClientSession, path: str = RESULT, *, body: Any = b"{}", **headers: str
) -> tuple[int, Any, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {CONNECTION: "payments", JOB: "one", **named}
    async with session.post(at.url + path, data=body, headers={k: v for k, v in sent.items() if v}) as answer:
        return answer.status, answer.headers, await answer.read()


async def health(at: Scene, session: aiohttp.ClientSession, path: str) -> tuple[int, Any]:
    async with session.get(at.url + path) as answer:
        return answer.status, json.loads(await answer.read())


@pytest.mark.parametrize(
    "path",
    [
        prefix + path
        for prefix in ("", "/api")
        for path in (RESULT, "/v2/import/done", "/v1/recurring-tests/dependencies", "/rest/scan/result")
    ],
)
def test_a_result_goes_through_the_tunnel_and_the_servers_answer_comes_back(path: str) -> None:
    async def act(at: Scene, session: aiohttp.ClientSession) -> None:
        at.server.reply = Reply(200, (("x-from", "the server"),), b"kept")
        status, headers, body = await posted(at, session, path, Authorization="x", x_kept="yes")
        assert (status, headers["x-from"], body) == (200, "the server", b"kept")
        ((request, content),) = at.server.callbacks
        assert (request.method, request.target, request.connection, content) == ("POST", path, "payments", b"{}")
        told = dict(request.headers)
        assert (told[JOB], told["x-kept"]) == ("one", "yes")
        assert not {CONNECTION, CREDENTIALS, SIGNATURE, "authorization", "host"} & told.keys()

    run(act)


def test_a_large_result_streams_through() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield LARGE
        yield b"end"

    async def act(at: Scene, session: aiohttp.ClientSession) -> None:
        assert (await posted(at, session, body=pieces()))[0] == 200
        assert at.server.callbacks[0][1] == LARGE + b"end"

    run(act)


def test_an_answer_that_breaks_off_is_not_taken_for_whole() -> None:
    async def act(at: Scene, session: aiohttp.ClientSession) -> None:
        begun = asyncio.Event()

        async def pieces() -> AsyncIterator[bytes]:
            yield b"begun"
            await begun.wait()
            raise BrokerError("the server's store failed", code=Code.FAILED)

        at.server.reply = Reply(200, (), pieces())
        async with session.post(at.url + RESULT, headers={CONNECTION: "payments", JOB: "one"}) as answer:
            begun.set()
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()

    run(act)


def test_an_answer_of_any_size_comes_back() -> None:
    async def act(at: Scene, session: aiohttp.ClientSession) -> None:
        at.server.reply = Reply(409, (), LARGE)
        status, _, body = await posted(at, session)
        assert (status, body) == (409, LARGE)

    run(act)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v2/import/other", 403, "refused"),
        ("/v2/import/result/", 403, "refused"),
        ("/list", 403, "refused"),
        ("/healthcheck", 403, "refused"),
        ("/v2/import/%2e%2e/result", 400, "malformed"),
    ],
)
def test_what_no_public_rule_allows_does_not_leave(path: str, status: int, code: str) -> None:
    async def act(at: Scene, session: aiohttp.ClientSession) -> None:
        import yarl

        headers = {CONNECTION: "payments"}
        async with session.post(yarl.URL(at.url + path, encoded=True), headers=headers) as answer:
            assert (answer.status, answer.headers[ERROR]) == (status, code)
        assert at.server.callbacks == []

    run(act)


@pytest.mark.parametrize(
    ("connections", "name", "status"),
    [
        pytest.param((PAYMENTS, HUB), "other", 404, id="unknown"),
        pytest.param((PAYMENTS, HUB), "", 404, id="none named, two held"),
        pytest.param((PAYMENTS,), "hub", 404, id="another client's"),
        pytest.param((PAYMENTS,), "", 200, id="none named, one held"),
        pytest.param((PAYMENTS, HUB), "hub", 200, id="one of two"),
    ],
)
def test_a_result_is_of_a_connection_that_this_client_holds(connections: Any, name: str, status: int) -> None:
    async def act(at: Scene, session: aiohttp.ClientSession) -> None:
        assert (await posted(at, session, **{CONNECTION: name}))[0] == status
        assert [request.connection for request, _ in at.server.callbacks] == [name or "payments"] * (status == 200)

    run(act, *connections)


def test_results_of_a_revoked_connection_are_told_to_be_that() -> None:
    async def act(at: Scene, session: aiohttp.ClientSession) -> None:
        await at.server.drop("hub")
        await until(lambda: at.client.names == {"payments"})
        status, headers, _ = await posted(at, session, **{CONNECTION: "hub"})
        assert (status, headers[ERROR]) == (410, "revoked")
        assert (await posted(at, session))[0] == 200

    run(act, PAYMENTS, HUB)


def test_without_a_tunnel_results_are_asked_to_come_again() -> None:
    async def act(at: Scene, session: aiohttp.ClientSession) -> None:
        at.server.names.clear()
        await at.server.newest.close("gone")
        await until(lambda: not at.client.names)
        status, headers, body = await posted(at, session)
        assert (status, headers[ERROR]) == (503, "not-connected")
        assert int(headers["retry-after"]) > 0
        assert "no tunnel" in json.loads(body)["error"]["message"]

    run(act)


@pytest.mark.parametrize("value", ["soon", "-1", "nan", "0"])
def test_a_deadline_that_is_no_number_of_seconds_is_refused(value: str) -> None:
    async def act(at: Scene, session: aiohttp.ClientSession) -> None:
        assert (await posted(at, session, x_tidewaiter_deadline=value))[0] == 400

    run(act)


# Proof


def agents_seal() -> Seal:
    return Seal([SECRET], own=Party.AGENT, other=Party.CLIENT)


async def signed(at: Scene, session: aiohttp.ClientSession, body: bytes, signed_body: bytes, *, vouch: bool) -> Any:
    seal, digest = agents_seal(), hashlib.sha256(signed_body).hexdigest()
    headers = {CONNECTION: "payments", JOB: "one", "content-type": "a/b"}
    if vouch:
        headers[CONTENT_DIGEST] = f"sha256:{digest}"
    proof = seal.sign("POST", RESULT, headers, digest=digest)
    headers[SIGNATURE] = proof.header
    async with session.post(at.url + RESULT, data=body, headers=headers) as answer:
        if PROOF in answer.headers:
            seal.check_answer(proof, answer.status, answer.headers)
        return answer.status, PROOF in answer.headers


@pytest.mark.parametrize("vouch", [False, True])
def test_with_a_secret_a_signed_result_goes_on_and_the_client_proves_itself(*, vouch: bool) -> None:
    async def act(at: Scene, session: aiohttp.ClientSession) -> None:
        assert await signed(at, session, b"it", b"it", vouch=vouch) == (200, True)
        assert at.server.callbacks[0][1] == b"it"

    run(act, secret=SECRET)


def test_a_signed_result_whose_body_is_another_breaks_off() -> None:
    async def act(at: Scene, session: aiohttp.ClientSession) -> None:
        assert await signed(at, session, b"another", b"it", vouch=False) == (401, True)
        assert at.server.callbacks == []

    run(act, secret=SECRET)


def test_with_a_secret_a_result_without_a_signature_is_not_taken() -> None:
    async def act(at: Scene, session: aiohttp.ClientSession) -> None:
        status, headers, _ = await posted(at, session)
        assert (status, headers[ERROR], PROOF in headers) == (401, "unauthorized", False)
        assert at.server.callbacks == []

    run(act, secret=SECRET)


# Health


def test_health_is_well_where_tunnel_and_agent_are() -> None:
    async def act(at: Scene, session: aiohttp.ClientSession) -> None:
        status, told = await health(at, session, "/healthcheck")
        assert (status, told["ok"], told["websocketConnectionOpen"]) == (200, True, True)
        assert [(check["name"], check["ok"]) for check in told["checks"]] == [("tunnel", True), ("agent", True)]

    run(act)


def test_a_dead_agent_is_not_healthy() -> None:
    async def act(at: Scene, session: aiohttp.ClientSession) -> None:
        status, told = await health(at, session, "/healthcheck")
        assert (status, told["ok"]) == (503, False)
        (agent,) = [check for check in told["checks"] if check["name"] == "agent"]
        assert (agent["ok"], "does not answer" in agent["detail"]) == (False, True)
        status, told = await health(at, session, "/systemcheck")
        assert (status, told["ok"]) == (503, False)

    run(act, agent_url="http://127.0.0.1:1")


def test_an_agent_that_is_ill_is_not_healthy_either() -> None:
    async def act(at: Scene, session: aiohttp.ClientSession) -> None:
        at.agent.healthy = False
        assert (await health(at, session, "/healthcheck"))[0] == 503

    run(act)


def test_without_a_tunnel_it_is_not_healthy_and_says_why() -> None:
    async def act(at: Scene, session: aiohttp.ClientSession) -> None:
        at.server.names.clear()
        await at.server.newest.close("gone")
        await until(lambda: not at.client.names)
        status, told = await health(at, session, "/healthcheck")
        assert (status, told["websocketConnectionOpen"]) == (503, False)
        assert "there is no tunnel" in told["checks"][0]["detail"]

    run(act)


def test_a_system_check_tries_each_connection_with_its_credentials() -> None:
    async def act(at: Scene, session: aiohttp.ClientSession) -> None:
        status, told = await health(at, session, "/systemcheck")
        assert (status, told["ok"]) == (200, True)
        assert [each["connection"] for each in told["connections"]] == ["payments", "hub"]
        sent = {
            each.headers.get(CONNECTION): each.headers[CREDENTIALS]
            for each in at.agent.seen
            if CREDENTIALS in each.headers
        }
        assert sent == {"payments": PAYMENTS.variables["CR_CREDENTIALS"], "hub": HUB.variables["CR_CREDENTIALS"]}

    run(act, PAYMENTS, HUB)


def test_what_was_refused_and_would_help_is_told_but_no_secret() -> None:
    async def act(at: Scene, session: aiohttp.ClientSession) -> None:
        await until(lambda: bool(at.shown))
        assert at.shown[0].ok is False
        status, told = await health(at, session, "/systemcheck")
        (tunnel, role) = told["connections"][0]["checks"]
        assert (status, tunnel["ok"], role["ok"]) == (503, True, False)
        assert (role["action"], role["statement"]) == ("sts:AssumeRole", "{}")
        assert EXTERNAL_ID not in json.dumps(told)
        assert "***" in role["detail"]

    refused = Probe(
        name="role", ok=False, detail=f"refused with {EXTERNAL_ID}", action="sts:AssumeRole", statement="{}"
    )
    run(act, checks=(refused,))


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        pytest.param(
            401,
            b'{"type":"trouble","what":"the request is not signed","advice":"Give both sides the same secret"}',
            (False, "it answers 401: the request is not signed", "Give both sides the same secret"),
            id="refuses",
        ),
        pytest.param(200, b"<html>", (True, "it answers 200", ""), id="another agent"),
        pytest.param(502, b"", (False, "it answers 502", ""), id="nothing"),
    ],
)
def test_an_answer_that_is_no_check_is_told_as_what_it_is(
    status: int, body: bytes, told: tuple[bool, str, str]
) -> None:
    probe = _other_words(status, body)
    assert (probe.ok, probe.detail, probe.advice) == told


def test_a_refused_token_is_told_of_its_connection() -> None:
    async def act(at: Scene, session: aiohttp.ClientSession) -> None:
        _, told = await health(at, session, "/systemcheck")
        (payments, other) = told["connections"]
        assert (payments["ok"], other["ok"], other["connection"]) == (True, False, "number 2")
        assert other["checks"][0]["detail"] == "the server refuses the connection's token"

    from dataclasses import replace

    run(act, PAYMENTS, replace(HUB, token="a token of nobody"))


def test_metrics_are_in_the_format_of_prometheus() -> None:
    async def act(at: Scene, session: aiohttp.ClientSession) -> None:
        await posted(at, session)
        async with session.get(f"{at.url}/metrics") as answer:
            text = await answer.text()
            assert answer.headers["content-type"].startswith("text/plain; version=")
        assert "tidewaiter_broker_client_tunnel_up 1.0" in text
        assert 'tidewaiter_broker_client_callbacks_total{outcome="200"} 1.0' in text
        assert 'tidewaiter_broker_client_connections{state="proven"} 1.0' in text

    run(act)

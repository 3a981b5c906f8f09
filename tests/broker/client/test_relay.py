"""Requests of the platform reach the agent by rules, with what the connection declares, and come back as they are."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from clients import EXTERNAL_ID, HUB, PAYMENTS, SECRET, Scene, asked, scene
from fakes.agents import Seen, running_agent
from patience import until
from tidewaiter.broker.messages import CALLBACK, CONNECTION, CREDENTIALS, DEADLINE, PLACEHOLDER, SUBSTITUTE
from tidewaiter.broker.signing import Party, Seal
from tidewaiter.errors import BrokerError, UsageError

FILLED = ((SUBSTITUTE, CREDENTIALS), (CREDENTIALS, PLACEHOLDER))
PART = bytes(range(256)) * 1024


def run(act: Callable[[Scene], Awaitable[None]], *connections: Any, **settings: Any) -> None:
    async def main() -> None:
        async with scene(*connections, **settings) as at:
            await act(at)

    asyncio.run(main())


def carried(at: Scene) -> list[Seen]:
    """What came to the agent through the tunnel."""
    return [each for each in at.agent.seen if each.target != "/systemcheck?callback=try"]


async def refused(at: Scene, *request: Any, **more: Any) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        await at.server.ask(asked(*request, **more))
    return caught.value


def rules(folder: Path, *private: dict[str, Any], public: tuple[dict[str, Any], ...] = ()) -> str:
    path = folder / "rules.json"
    path.write_text(json.dumps({"public": public, "private": private}))
    return str(path)


def test_a_request_comes_to_the_agent_in_its_one_form_and_the_answer_comes_back() -> None:
    async def act(at: Scene) -> None:
        answer, body = await at.server.ask(asked("/list/team%2Dx?size=2&after=a+b"))
        assert (answer.status, body) == (200, b"hello")
        assert [(each.method, each.target, each.body) for each in carried(at)] == [
            ("GET", "/list/team-x?size=2&after=a%20b", b"")
        ]

    run(act)


def test_each_connection_is_given_its_own_credentials_also_interleaved() -> None:
    async def act(at: Scene) -> None:
        both = (asked("/list", "GET", *FILLED, connection=name) for name in ("payments", "hub") * 4)
        await asyncio.gather(*map(at.server.ask, both))
        told = {(each.headers[CONNECTION], base64.b64decode(each.headers[CREDENTIALS])) for each in carried(at)}
        assert {(name, json.loads(word)["type"]) for name, word in told} == {("payments", "ecr"), ("hub", "docker-hub")}
        assert {name for name, word in told if EXTERNAL_ID.encode() in word} == {"payments"}

    run(act, PAYMENTS, HUB)


def test_what_the_reference_declares_can_be_filled_into_other_headers_too() -> None:
    async def act(at: Scene) -> None:
        headers = ((SUBSTITUTE, "x-role, X-Place"), ("x-role", "role ${CR_ROLE_ARN}!"), ("X-Place", "${CR_REGION}"))
        await at.server.ask(asked("/list", "GET", *headers, ("x-left", "${CR_REGION}")))
        (seen,) = carried(at)
        assert seen.headers["x-role"] == "role arn:aws:iam::111122223333:role/tidewaiter!"
        assert (seen.headers["x-place"], seen.headers["x-left"]) == ("eu-west-1", "${CR_REGION}")
        assert SUBSTITUTE not in seen.headers

    run(act)


@pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "CR_PASSWORD", "CR_AGENT_URL", "PATH", "", "cr_role_arn"])
def test_what_a_connection_does_not_declare_is_never_filled_in(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-to-be-told")
    monkeypatch.setenv("CR_PASSWORD", "not-to-be-told")

    async def act(at: Scene) -> None:
        error = await refused(at, "/list", "GET", (SUBSTITUTE, "x-a"), ("x-a", f"${{{name}}}"))
        assert (error.code, carried(at)) == ("refused", [])
        assert f"${{{name}}}" in error.what
        assert "not-to-be-told" not in str(error)

    run(act)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(((CREDENTIALS, "eyJ0eXBlIjoiZWNyIn0="),), id="their own"),
        pytest.param(((SUBSTITUTE, CREDENTIALS), (CREDENTIALS, "eyJ0eXBlIjoiZWNyIn0=")), id="their own, named"),
        pytest.param(((CREDENTIALS, PLACEHOLDER),), id="not named"),
        pytest.param((*FILLED, (CREDENTIALS.upper(), "e30=")), id="twice"),
        pytest.param(((SUBSTITUTE, CREDENTIALS), (CREDENTIALS, f"{PLACEHOLDER}{PLACEHOLDER}")), id="doubled"),
    ],
)
def test_the_platform_cannot_choose_the_credentials(headers: tuple[tuple[str, str], ...]) -> None:
    async def act(at: Scene) -> None:
        error = await refused(at, "/list", "GET", *headers)
        assert (error.code, error.what) == ("refused", "the request brings credentials of its own")
        assert carried(at) == []

    run(act)


def test_what_the_client_says_itself_is_not_the_platforms_to_say() -> None:
    async def act(at: Scene) -> None:
        forged = [(name, "forged") for name in (CONNECTION, CALLBACK, DEADLINE, "Authorization", "Cookie")]
        hop = [("Connection", "x-hop"), ("x-hop", "1"), ("Transfer-Encoding", "chunked"), ("Host", "elsewhere")]
        await at.server.ask(asked("/list", "GET", *forged, *hop, ("x-kept", "yes")))
        (seen,) = carried(at)
        assert (seen.headers[CONNECTION], seen.headers[CALLBACK]) == ("payments", at.url)
        assert 0 < float(seen.headers[DEADLINE]) <= 30
        assert seen.headers["host"] == at.agent.url.removeprefix("http://")
        assert {name.lower() for name in seen.headers} == {CONNECTION, CALLBACK, DEADLINE, "host", "x-kept"}

    run(act)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/list"),
        ("GET", "/systemcheck"),
        ("GET", "/"),
        ("GET", "/metadata"),
        ("GET", "/scan"),
        ("DELETE", "/list"),
        ("get", "/list"),
        ("GET", "/healthcheck/"),
        ("GET", "/LIST"),
    ],
)
def test_what_no_rule_allows_does_not_reach_the_agent(method: str, target: str) -> None:
    async def act(at: Scene) -> None:
        error = await refused(at, target, method)
        assert (error.code, carried(at)) == ("refused", [])
        assert f"no rule allows {method} {target}" in error.what

    run(act)


@pytest.mark.parametrize(
    "target", ["/list/../scan", "/list/%2e%2e/systemcheck", "/list/a%2fb", "/list//a", "/list/%00"]
)
def test_a_path_that_can_be_read_in_two_ways_is_refused_here_too(target: str) -> None:
    async def act(at: Scene) -> None:
        assert (await refused(at, target)).code == "malformed"
        assert carried(at) == []

    run(act)


def test_a_connection_that_this_client_does_not_hold_is_not_served() -> None:
    async def act(at: Scene) -> None:
        assert (await refused(at, "/list", connection="hub")).code == "unknown-connection"

    run(act)


def test_bodies_of_any_size_go_both_ways() -> None:
    async def echo(request: web.Request) -> web.StreamResponse:
        return web.Response(body=await request.read(), headers={"x-was": request.headers.get("content-type", "none")})

    async def pieces() -> Any:
        for _ in range(20):
            yield PART

    async def act(at: Scene) -> None:
        at.agent.answer = echo
        answer, body = await at.server.ask(asked("/scan", "POST", ("content-type", "a/b")), b"{}")
        assert (body, dict(answer.headers)["x-was"]) == (b"{}", "a/b")
        answer, body = await at.server.ask(asked("/scan", "POST"), pieces())
        assert body == PART * 20
        assert dict(answer.headers)["x-was"] == "none"

    run(act)


def test_an_answer_comes_as_it_is_made() -> None:
    async def act(at: Scene) -> None:
        go = asyncio.Event()

        async def slowly(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"first\n")
            await go.wait()
            await response.write(b"second\n")
            return response

        at.agent.answer = slowly
        answer = await at.server.newest.ask(asked("/discover", "POST"))
        chunks = answer.chunks()
        assert await anext(chunks) == b"first\n"
        go.set()
        assert await anext(chunks) == b"second\n"
        assert [chunk async for chunk in chunks] == []

    run(act)


def test_a_compressed_answer_is_left_as_it_is() -> None:
    async def packed(request: web.Request) -> web.StreamResponse:
        assert request.headers["accept-encoding"] == "zstd"
        return web.Response(body=b"\x1f\x8b not looked at", headers={"content-encoding": "gzip"})

    async def act(at: Scene) -> None:
        at.agent.answer = packed
        answer, body = await at.server.ask(asked("/list", "GET", ("accept-encoding", "zstd")))
        assert (body, dict(answer.headers)["content-encoding"]) == (b"\x1f\x8b not looked at", "gzip")

    run(act)


def test_a_redirect_is_an_answer_like_others_and_not_followed() -> None:
    async def elsewhere(request: web.Request) -> web.StreamResponse:
        return web.Response(status=307, headers={"location": "/systemcheck"})

    async def act(at: Scene) -> None:
        at.agent.answer = elsewhere
        answer, _ = await at.server.ask(asked("/list"))
        assert (answer.status, len(carried(at))) == (307, 1)

    run(act)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 999 What\r\ncontent-length: 0\r\n\r\n", id="status"),
        pytest.param(b"HTTP/1.1 200 OK\r\nx-odd: \x80\x81\r\ncontent-length: 0\r\n\r\n", id="bytes"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"x-a: 1\r\n" * 200 + b"content-length: 0\r\n\r\n", id="headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nx-a: " + b"a" * 100_000 + b"\r\ncontent-length: 0\r\n\r\n", id="long"),
        pytest.param(b"no HTTP at all\r\n\r\n", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", id="both"),
    ],
)
def test_an_answer_that_is_none_ends_the_request_and_not_the_tunnel(answer: bytes) -> None:
    async def say(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    async def main() -> None:
        odd = await asyncio.start_server(say, "127.0.0.1", 0)
        port = odd.sockets[0].getsockname()[1]
        async with odd, scene(agent_url=f"http://127.0.0.1:{port}") as at:
            for _ in range(2):
                assert (await refused(at, "/list")).code in {"malformed", "unreachable", "too-large"}
            assert len(at.server.tunnels) == 1

    asyncio.run(main())


def test_an_agent_that_is_not_there_is_told_as_that() -> None:
    async def act(at: Scene) -> None:
        error = await refused(at, "/list")
        assert error.code == "unreachable"
        assert "the agent at 127.0.0.1:1 does not answer" in error.what

    run(act, agent_url="http://127.0.0.1:1")


def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one() -> None:
    async def breaking(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-length": str(len(PART) * 4)})
        await response.prepare(request)
        await response.write(PART)
        assert request.transport is not None
        request.transport.abort()
        return response

    async def act(at: Scene) -> None:
        at.agent.answer = breaking
        error = await refused(at, "/list")
        assert error.code == "unreachable"
        assert "broke off" in error.what

    run(act)


def test_when_the_asker_goes_the_agent_stops_too() -> None:
    async def forever(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async def act(at: Scene) -> None:
        at.agent.answer = forever
        asking = asyncio.create_task(at.server.ask(asked("/list")))
        await until(lambda: len(carried(at)) == 1)
        asking.cancel()
        async with asyncio.timeout(5):
            await at.agent.cancelled.wait()

    run(act)


def test_when_the_asker_stops_reading_in_the_middle_the_agent_stops_too() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(PART)

    async def act(at: Scene) -> None:
        at.agent.answer = endless
        answer = await at.server.newest.ask(asked("/list"))
        await anext(answer.chunks())
        await answer.close()
        async with asyncio.timeout(5):
            await at.agent.cancelled.wait()

    run(act)


def test_with_a_secret_client_and_agent_prove_themselves() -> None:
    async def act(at: Scene) -> None:
        answer, body = await at.server.ask(asked("/scan", "POST"), b"{}")
        assert (answer.status, body) == (200, b"hello")
        assert [name for name, _ in answer.headers if name.startswith("x-tidewaiter")] == []
        (seen,) = carried(at)
        assert "x-tidewaiter-signature" in seen.headers

    run(act, secret=SECRET)


def test_with_another_secret_the_agent_does_not_believe_the_client_and_says_why() -> None:
    async def act(at: Scene) -> None:
        at.agent.seal = Seal(["some other secret of theirs"], own=Party.AGENT, other=Party.CLIENT)
        error = await refused(at, "/list")
        assert error.code == "unreachable"
        assert "the agent does not believe the client: the request is not signed with the secret" in error.what
        assert "same secret" in error.advice

    run(act, secret=SECRET)


def test_with_a_secret_the_client_believes_no_agent_that_cannot_prove_itself() -> None:
    async def act(at: Scene) -> None:
        at.agent.seal = None
        error = await refused(at, "/list")
        assert error.code == "unreachable"
        assert "does not prove" in error.what

    run(act, secret=SECRET)


def test_a_rules_file_says_what_is_allowed_where_it_goes_and_how_it_logs_in(tmp_path: Path) -> None:
    login = {"scheme": "basic", "username": "${CR_USERNAME}", "password": "${CR_PASSWORD}"}
    here: dict[str, Any] = {"//": "the registry", "method": "GET", "path": "/v2/*", "auth": login}
    guarded = {"method": "GET", "path": "/guarded", "valid": [{"header": "x-for", "values": ["me"]}]}

    async def main() -> None:
        async with running_agent() as registry:
            to_agent = {**guarded, "origin": "${CR_AGENT_URL}"}
            path = rules(tmp_path, {**here, "origin": f"{registry.url}/base"}, to_agent)
            async with scene(PAYMENTS, HUB, rules=path) as at:
                await at.server.ask(asked("/v2/team/app", connection="hub"))
                assert [each.target for each in registry.seen] == ["/base/v2/team/app"]
                told = base64.b64decode(registry.seen[0].headers["authorization"].removeprefix("Basic "))
                assert told == b"reader:password-not-to-be-told"
                await at.server.ask(asked("/guarded", "GET", ("X-For", "me")))
                assert (await refused(at, "/guarded", "GET", ("x-for", "you"))).code == "refused"
                assert (await refused(at, "/guarded", "GET", ("x-for", "me"), ("x-for", "you"))).code == "refused"
                error = await refused(at, "/v2/team/app", connection="payments")
                assert (error.code, "${CR_USERNAME} is not declared" in error.what) == ("refused", True)
                assert (await refused(at, "/list")).code == "refused"

    asyncio.run(main())


def test_a_rule_may_look_into_a_body_as_far_as_a_mebibyte(tmp_path: Path) -> None:
    only = {"path": "repository", "value": "team/*"}
    path = rules(tmp_path, {"method": "POST", "path": "/scan", "origin": "${CR_AGENT_URL}", "valid": [only]})

    async def pieces(*parts: bytes) -> Any:
        for part in parts:
            yield part

    async def act(at: Scene) -> None:
        await at.server.ask(asked("/scan", "POST"), pieces(b'{"repository":', b'"team/app"}'))
        assert [each.body for each in carried(at)] == [b'{"repository":"team/app"}']
        with pytest.raises(BrokerError, match="no rule allows"):
            await at.server.ask(asked("/scan", "POST"), b'{"repository":"other/app"}')
        with pytest.raises(BrokerError, match="more than 1048576 bytes"):
            await at.server.ask(asked("/scan", "POST"), pieces(*[PART] * 5))

    run(act, rules=path)


def test_a_rules_file_with_a_variable_of_the_environment_is_refused_at_the_start(tmp_path: Path) -> None:
    path = rules(tmp_path, {"method": "GET", "path": "/a", "origin": "https://${HOME}"})
    with pytest.raises(UsageError, match=r"\$\{HOME\} is not declared"):
        run(lambda _: asyncio.sleep(0), rules=path)

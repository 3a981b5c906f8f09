"""Requests that want to get where they should not: through server, client and rules to an agent."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from brokered import FILLED, KEY, Brokered, brokered
from clients import EXTERNAL_ID, HUB, PAYMENTS
from hostile_paths import HOSTILE_TARGETS
from raw_http import SMUGGLED, SMUGGLING, exchange, request, status
from tidewaiter.broker.messages import CALLBACK, CONNECTION, CREDENTIALS, DEADLINE, IDEMPOTENCY, PLACEHOLDER, SUBSTITUTE
from tidewaiter.broker.signing import PROOF, SIGNATURE


def run(folder: Path, act: Callable[[Brokered], Awaitable[None]], **settings: str) -> None:
    async def acting() -> None:
        async with brokered(folder, **settings) as scene:
            await act(scene)

    asyncio.run(acting())


def test_a_request_gets_to_the_agent_signed_and_with_credentials(tmp_path: Path) -> None:
    """What the others are held against: that they fail is not because nothing works."""

    async def act(scene: Brokered) -> None:
        assert status(await scene.ask("GET /broker/payments/list/team%2Dapp?a=b+c", *FILLED)) == 200
        (seen,) = scene.agent.seen
        assert (seen.method, seen.target) == ("GET", "/list/team-app?a=b%20c")
        assert seen.headers[CREDENTIALS] == PAYMENTS.variables["CR_CREDENTIALS"]

    run(tmp_path, act)


def test_no_path_that_can_be_read_in_two_ways_gets_to_the_agent(tmp_path: Path) -> None:
    async def act(scene: Brokered) -> None:
        targets = {name: target.encode("utf-8") for name, target in HOSTILE_TARGETS.items() if target.startswith("/")}
        passed = {}
        for name, target in targets.items():
            data = request("GET /broker/payments", KEY, *FILLED).replace(
                b"/payments HTTP", b"/payments" + target + b" HTTP"
            )
            passed[name] = status(await exchange(scene.server.url, data))
        assert {name: code for name, code in passed.items() if code not in (400, 0)} == {}
        assert not scene.agent.seen

    run(tmp_path, act)


BYPASSES = {
    "not-listed": "GET /broker/payments/systemcheck",
    "not-listed-post": "POST /broker/payments/v2/import/result",
    "other-method": "POST /broker/payments/list",
    "own-method": "LIST /broker/payments/list",
    "lower-method": "get /broker/payments/list",
    "trace": "TRACE /broker/payments/list",
    "other-case": "GET /broker/payments/LIST",
    "slash-at-the-end": "GET /broker/payments/healthcheck/",
    "longer": "GET /broker/payments/healthcheckx",
    "below": "GET /broker/payments/scan/job/systemcheck",
    "nothing": "GET /broker/payments",
    "root": "GET /broker/payments/",
    "as-a-question": "GET /broker/payments/?/list",
    "connection-in-the-path": "GET /broker/payments/broker/hub/list",
}


def test_what_no_rule_allows_is_refused(tmp_path: Path) -> None:
    async def act(scene: Brokered) -> None:
        said = {name: status(await scene.ask(line, *FILLED)) for name, line in BYPASSES.items()}
        assert {name: code for name, code in said.items() if code not in (400, 403)} == {}
        assert not scene.agent.seen

    run(tmp_path, act)


ELSEWHERE = {
    "other-connection": ("GET /broker/other/list", 404),
    "no-connection": ("GET /broker//list", 400),
    "upper-case-connection": ("GET /broker/PAYMENTS/list", 404),
    "encoded-connection": ("GET /broker/pay%6dents%2f..%2fhub/list", 400),
    "dots-to-another": ("GET /broker/other/../payments/list", 400),
    "two-slashes": ("GET //broker/payments/list", 400),
    "upper-case-path": ("GET /Broker/payments/list", 404),
    "as-a-peer": ("GET /peer/payments/list", 401),
    "as-a-tunnel": ("GET /tunnel", 400),
    "below-the-tunnel": ("GET /tunnel/payments/list", 404),
    "absolute": ("GET http://127.0.0.1/broker/payments/list", 400),
}


def test_other_ways_lead_nowhere(tmp_path: Path) -> None:
    async def act(scene: Brokered) -> None:
        said = {name: status(await scene.ask(line, *FILLED)) for name, (line, _) in ELSEWHERE.items()}
        assert said == {name: code for name, (_, code) in ELSEWHERE.items()}
        assert not scene.agent.seen

    run(tmp_path, act)


@pytest.mark.parametrize(
    "key",
    ["X-A: b", "Authorization: Bearer", "Authorization: Bearer wrong", "Authorization: Basic YTpi", "X-API-Key: \xe4"],
)
def test_without_a_key_nothing_is_told(tmp_path: Path, key: str) -> None:
    async def act(scene: Brokered) -> None:
        for path in (
            "/broker/payments/list",
            "/results/payments",
            "/results/payments/job",
            "/connections",
            "/metrics",
            "/x",
        ):
            answer = await scene.ask(f"GET {path}", key=key)
            assert status(answer) == 401
            assert b"payments" not in answer
        assert not scene.agent.seen

    run(tmp_path, act)


def test_no_request_is_smuggled_to_the_agent(tmp_path: Path) -> None:
    async def act(scene: Brokered) -> None:
        for data in SMUGGLING.values():
            here = data.replace(b"/scan", b"/broker/payments/scan").replace(b"/list", b"/broker/payments/list")
            through = here.replace(SMUGGLED, SMUGGLED.replace(b"/healthcheck", b"/broker/payments/healthcheck"))
            keyed = through.replace(b"\r\n", b"\r\n" + KEY.encode() + b"\r\n", 1)
            assert status(await exchange(scene.server.url, keyed)) in (0, 400, 501)
        assert not scene.agent.seen

    run(tmp_path, act)


@pytest.mark.parametrize("where", ["client", "agent"])
def test_no_request_is_smuggled_into_local_ports(tmp_path: Path, where: str) -> None:
    async def act(scene: Brokered) -> None:
        url = scene.client.url if where == "client" else scene.agent.url
        for data in SMUGGLING.values():
            assert status(await exchange(url, data)) in (0, 400, 501)
        assert not scene.agent.seen

    run(tmp_path, act)


def test_a_body_that_looks_like_a_request_is_a_body(tmp_path: Path) -> None:
    async def act(scene: Brokered) -> None:
        assert status(await scene.ask("POST /broker/payments/scan", body=SMUGGLED * 3)) == 200
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(SMUGGLED), SMUGGLED) for _ in range(3)) + b"0\r\nX-A: b\r\n\r\n"
        head = request("POST /broker/payments/scan", KEY, "Transfer-Encoding: chunked", "Trailer: X-A")
        assert status(await exchange(scene.server.url, head + chunks)) == 200
        assert [(seen.target, seen.body) for seen in scene.agent.seen] == [("/scan", SMUGGLED * 3)] * 2
        for seen in scene.agent.seen:
            assert "Transfer-Encoding" not in seen.headers
            assert "Trailer" not in seen.headers

    run(tmp_path, act)


def test_what_only_a_client_may_say_is_not_taken_from_the_platform(tmp_path: Path) -> None:
    said = (
        f"{CONNECTION}: hub",
        f"{CONNECTION.upper()}: hub",
        f"{CALLBACK}: http://evil.example",
        f"{DEADLINE}: 5",
        f"{SIGNATURE}: 1.2.3.4.5",
        f"{PROOF}: 00",
        "Cookie: a=b",
        "X-API-Key: another",
        "Proxy-Authorization: Basic YTpi",
        "TE: trailers",
        "Upgrade: h2c",
        "Connection: upgrade, x-private",
        "X-Private: of this hop",
        "X-Kept: yes",
    )

    async def act(scene: Brokered) -> None:
        assert status(await scene.ask("GET /broker/payments/list", *said)) == 200
        (seen,) = scene.agent.seen
        assert seen.headers.getall(CONNECTION) == ["payments"]
        assert seen.headers.getall(CALLBACK) == [scene.client.url]
        assert len(seen.headers.getall(SIGNATURE)) == len(seen.headers.getall(DEADLINE)) == 1
        assert 0 < float(seen.headers[DEADLINE]) <= 5
        assert seen.headers["Host"] == scene.agent.url.removeprefix("http://")
        gone = ("Authorization", "Cookie", "X-API-Key", "Proxy-Authorization", "TE", "Upgrade", "X-Private", PROOF)
        assert [name for name in gone if name in seen.headers] == []
        assert seen.headers["X-Kept"] == "yes"

    run(tmp_path, act)


OWN_CREDENTIALS = {
    "own": (f"{CREDENTIALS}: eyJ0eXBlIjoiZWNyIn0=",),
    "own-named": (f"{SUBSTITUTE}: {CREDENTIALS}", f"{CREDENTIALS}: eyJ0eXBlIjoiZWNyIn0="),
    "placeholder-not-named": (f"{CREDENTIALS}: {PLACEHOLDER}",),
    "own-before": (f"{CREDENTIALS}: eyJ0eXBlIjoiZWNyIn0=", *FILLED),
    "own-after": (*FILLED, f"{CREDENTIALS}: eyJ0eXBlIjoiZWNyIn0="),
    "in-two-cases": (*FILLED, f"{CREDENTIALS.upper()}: eyJ0eXBlIjoiZWNyIn0="),
    "added-to": (FILLED[0], f"{CREDENTIALS}: {PLACEHOLDER}, eyJ0eXBlIjoiZWNyIn0="),
    "of-another-type": (FILLED[0], f"{CREDENTIALS}: ${{CR_ROLE_ARN}}"),
}


def test_the_platform_does_not_choose_credentials(tmp_path: Path) -> None:
    async def act(scene: Brokered) -> None:
        for name, headers in OWN_CREDENTIALS.items():
            assert (name, status(await scene.ask("GET /broker/payments/list", *headers))) == (name, 403)
        assert not scene.agent.seen

    run(tmp_path, act)


UNDECLARED = {
    "environment": "${HOME}",
    "of-the-cloud": "${AWS_SECRET_ACCESS_KEY}",
    "of-the-client": "${BROKER_TOKEN}",
    "of-the-rules": "${CR_AGENT_URL}",
    "of-another-connection": "${CR_PASSWORD}",
    "empty": "${}",
    "lower-case": "${cr_credentials}",
    "with-space": "${ CR_CREDENTIALS }",
    "with-default": "${CR_CREDENTIALS:-x}",
    "with-path": "${CR_CREDENTIALS.extra}",
    "beside-a-declared-one": "${CR_REGION}${HOME}",
}


def test_no_undeclared_variable_is_filled_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "AWS_SECRET_ACCESS_KEY", "BROKER_TOKEN", "CR_PASSWORD"):
        monkeypatch.setenv(name, "not-to-be-told")

    async def act(scene: Brokered) -> None:
        for name, value in UNDECLARED.items():
            answer = await scene.ask("GET /broker/payments/list", f"{SUBSTITUTE}: x-a", f"X-A: {value}")
            assert (name, status(answer)) == (name, 403)
            assert b"not-to-be-told" not in answer
        assert not scene.agent.seen

    run(tmp_path, act)


def test_placeholders_elsewhere_stay_what_they_are(tmp_path: Path) -> None:
    async def act(scene: Brokered) -> None:
        named = f"{SUBSTITUTE}: x-a, host, x-absent, {SUBSTITUTE}"
        line = "POST /broker/payments/scan?a=${CR_CREDENTIALS}&b=$%7BCR_EXTERNAL_ID%7D"
        headers = (named, "X-A: $${CR_REGION}}", "X-B: ${CR_EXTERNAL_ID}", "User-Agent: ${CR_CREDENTIALS}")
        assert status(await scene.ask(line, *headers, body=b"${CR_CREDENTIALS}")) == 200
        (seen,) = scene.agent.seen
        assert seen.target == "/scan?a=$%7BCR_CREDENTIALS%7D&b=$%7BCR_EXTERNAL_ID%7D"
        assert seen.body == b"${CR_CREDENTIALS}"
        assert seen.headers["X-A"] == "$eu-west-1}"
        assert seen.headers["X-B"] == "${CR_EXTERNAL_ID}"
        assert seen.headers["User-Agent"] == "${CR_CREDENTIALS}"
        assert not any(EXTERNAL_ID in value for value in seen.headers.values())

    run(tmp_path, act)


@pytest.mark.parametrize("name", [IDEMPOTENCY, "Idempotency-Key", "x-tidewaiter-job"])
def test_no_secret_is_filled_into_what_the_agent_says_back(tmp_path: Path, name: str) -> None:
    async def act(scene: Brokered) -> None:
        answer = await scene.ask("POST /broker/hub/scan", f"{SUBSTITUTE}: {name}", f"{name}: ${{CR_PASSWORD}}")
        assert status(answer) == 403
        assert HUB.credentials.password.encode() not in answer
        assert not scene.agent.seen

    run(tmp_path, act)


def test_a_refusal_tells_no_secret(tmp_path: Path) -> None:
    """The agent is away: whatever the client says of it crosses the tunnel."""

    async def act(scene: Brokered) -> None:
        answer = await scene.ask("GET /broker/payments/list", *FILLED)
        assert status(answer) == 502
        for secret in (*PAYMENTS.secrets, *HUB.secrets):
            assert secret.encode() not in answer

    run(tmp_path, act, agent_url="http://127.0.0.1:1")


DEADLINES = ("0", "-1", "nan", "inf", "soon", "1,5", "1e", "0x10", "", " ", "1;2")


def test_a_deadline_is_a_number_of_seconds(tmp_path: Path) -> None:
    async def act(scene: Brokered) -> None:
        said = [status(await scene.ask("GET /broker/payments/list", f"{DEADLINE}: {told}")) for told in DEADLINES]
        assert said == [400] * len(DEADLINES)
        assert not scene.agent.seen
        assert status(await scene.ask("GET /broker/payments/list", f"{DEADLINE}: 99999")) == 200
        assert float(scene.agent.seen[0].headers[DEADLINE]) <= 3600

    run(tmp_path, act)

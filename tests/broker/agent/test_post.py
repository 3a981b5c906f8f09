"""Callbacks over HTTP: what is sent, and how each answer is taken."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from tidewaiter.broker.agent.desks import Desks
from tidewaiter.broker.agent.post import HttpPost, Receipt, Uptake
from tidewaiter.broker.agent.spool import Parcel, Spool
from tidewaiter.broker.messages import CONNECTION, CONTENT_DIGEST, DEADLINE, JOB, RESULT_TYPE
from tidewaiter.broker.service import listening
from tidewaiter.broker.signing import PROOF, Party, Seal
from tidewaiter.errors import BrokerError

SECRET = "a secret that both sides hold"


@dataclass
class Client:
    """A broker client's local port. Answers with `status` and `headers`; `took` are (path, headers, body)."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    seal: Seal | None = None
    proves: bool = True
    took: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = web.Response(status=self.status, headers=self.headers)
        if self.seal is not None:
            proven = self.seal.verify(request.method, request.path_qs, request.headers)
            proven.check(await request.read())
            if self.proves:
                answer.headers[PROOF] = self.seal.answer(proven, self.status)
        self.took.append((request.path, headers, await request.read()))
        return answer


@asynccontextmanager
async def posting(client: Client, seal: Seal | None = None) -> AsyncIterator[tuple[HttpPost, str]]:
    app = web.Application(client_max_size=64 << 20)
    app.router.add_route("*", "/{path:.*}", client.take)
    desks = Desks(calls=2)
    try:
        async with listening(app) as url, HttpPost(desks, seal=seal) as post:
            yield post, url
    finally:
        desks.close()


def parcel(folder: Path, content: bytes = b"what was found") -> Parcel:
    return Spool(str(folder), ceiling=1).put("shop", "job-1", "http://unused", content)


def run(client: Client, check: Callable[[HttpPost, str], Awaitable[Receipt]], seal: Seal | None = None) -> Receipt:
    async def checking() -> Receipt:
        async with posting(client, seal) as (post, url):
            return await check(post, url)

    return asyncio.run(checking())


def test_a_result_is_posted_with_its_connection_its_job_and_its_digest(tmp_path: Path) -> None:
    client, result = Client(), parcel(tmp_path)
    receipt = run(client, lambda post, url: post.result(url, result))
    assert receipt.uptake is Uptake.TAKEN
    ((path, headers, body),) = client.took
    assert (path, body) == ("/v2/import/result", b"what was found")
    assert (headers[CONNECTION], headers[JOB], headers["content-type"]) == ("shop", "job-1", RESULT_TYPE)
    assert headers[CONTENT_DIGEST] == f"sha256:{hashlib.sha256(body).hexdigest()}"
    assert headers["content-length"] == str(len(body))
    assert 60 <= float(headers[DEADLINE]) < 61


def test_a_large_result_is_streamed_and_has_more_time(tmp_path: Path) -> None:
    content = bytes(range(256)) * (20 << 12)
    client, result = Client(), parcel(tmp_path, content)
    assert run(client, lambda post, url: post.result(url, result)).uptake is Uptake.TAKEN
    ((_, headers, body),) = client.took
    assert body == content
    assert float(headers[DEADLINE]) == pytest.approx(60 + len(content) / (64 << 10))


def test_the_client_is_told_that_no_job_is_left() -> None:
    client = Client()
    assert run(client, lambda post, url: post.done(f"{url}/", "shop")).uptake is Uptake.TAKEN
    ((path, headers, body),) = client.took
    assert (path, headers[CONNECTION], body) == ("/v2/import/done", "shop", b"{}")


ANSWERS = {
    200: Uptake.TAKEN,
    202: Uptake.AWAY,
    302: Uptake.AWAY,
    400: Uptake.REFUSED,
    401: Uptake.AWAY,
    403: Uptake.AWAY,
    404: Uptake.GONE,
    409: Uptake.REFUSED,
    410: Uptake.GONE,
    413: Uptake.REFUSED,
    422: Uptake.REFUSED,
    429: Uptake.AWAY,
    500: Uptake.AWAY,
    502: Uptake.AWAY,
    503: Uptake.AWAY,
    504: Uptake.AWAY,
}


@pytest.mark.parametrize("status", ANSWERS)
def test_only_ok_is_an_acknowledgement(tmp_path: Path, status: int) -> None:
    client, result = Client(status, {"location": "/elsewhere"}), parcel(tmp_path)
    receipt = run(client, lambda post, url: post.result(url, result))
    assert receipt.uptake is ANSWERS[status]
    assert len(client.took) == 1
    assert receipt.why == ("" if status == 200 else f"the client answers {status}")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("5", 5.0), ("", 0.0), ("-1", 0.0), ("1e9", 0.0), ("999999", 0.0), ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0)],
)
def test_it_is_left_alone_as_long_as_it_asks(tmp_path: Path, value: str, seconds: float) -> None:
    client, result = Client(503, {"retry-after": value}), parcel(tmp_path)
    assert run(client, lambda post, url: post.result(url, result)).after == seconds


def test_nobody_there_is_no_error(tmp_path: Path) -> None:
    result = parcel(tmp_path)
    receipt = run(Client(), lambda post, _url: post.result("http://127.0.0.1:1", result))
    assert receipt.uptake is Uptake.AWAY
    assert "127.0.0.1:1" in receipt.why


def test_a_result_that_is_not_on_disk_any_more_is_no_error(tmp_path: Path) -> None:
    result = parcel(tmp_path)
    Path(result.path).unlink()
    assert run(Client(), lambda post, url: post.result(url, result)).uptake is Uptake.AWAY


def test_a_callback_that_is_no_address_is_no_error(tmp_path: Path) -> None:
    result = parcel(tmp_path)
    for callback in ("", "nonsense", "http://", "http://[", "ftp://127.0.0.1"):
        receipt = run(Client(), posting_to(callback, result))
        assert receipt.uptake is Uptake.AWAY


def posting_to(callback: str, result: Parcel) -> Callable[[HttpPost, str], Awaitable[Receipt]]:
    return lambda post, _url: post.result(callback, result)


def agent_seal() -> Seal:
    return Seal([SECRET], own=Party.AGENT, other=Party.CLIENT)


def client_seal(secret: str = SECRET) -> Seal:
    return Seal([secret], own=Party.CLIENT, other=Party.AGENT)


def test_callbacks_are_signed_and_answers_proved(tmp_path: Path) -> None:
    client, result = Client(seal=client_seal()), parcel(tmp_path)
    assert run(client, lambda post, url: post.result(url, result), agent_seal()).uptake is Uptake.TAKEN
    assert run(client, lambda post, url: post.done(url, "shop"), agent_seal()).uptake is Uptake.TAKEN
    assert len(client.took) == 2


def test_who_does_not_prove_that_he_is_the_client_has_acknowledged_nothing(tmp_path: Path) -> None:
    client, result = Client(seal=client_seal(), proves=False), parcel(tmp_path)
    receipt = run(client, lambda post, url: post.result(url, result), agent_seal())
    assert receipt.uptake is Uptake.AWAY
    assert "does not prove" in receipt.why


def test_a_signature_covers_the_connection_and_the_job(tmp_path: Path) -> None:
    client, result, seal = Client(), parcel(tmp_path), client_seal()
    run(client, lambda post, url: post.result(url, result), agent_seal())
    ((path, headers, _),) = client.took
    for name in (CONNECTION, JOB, CONTENT_DIGEST, DEADLINE):
        with pytest.raises(BrokerError) as refused:
            seal.verify("POST", path, {**headers, name: "1"})
        assert refused.value.code == "unauthorized"
    seal.verify("POST", path, headers)

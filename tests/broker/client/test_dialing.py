"""One connection outwards: by TLS that is believed, through the proxy that the environment names, and nowhere else."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from certificates import Authority
from clients import NAMES, PAYMENTS, SOON, asked, scene, started
from fakes.agents import running_agent
from fakes.proxies import connect_proxy
from fakes.tunnel_servers import TunnelServer, tunnel_server
from patience import until
from tidewaiter.broker.client.dialing import Dialer, base_url
from tidewaiter.broker.client.settings import ClientSettings
from tidewaiter.broker.service import listening
from tidewaiter.broker.tls import client_context, server_context
from tidewaiter.errors import BrokerError, UsageError


@pytest.fixture(autouse=True)
def no_proxy_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("https://broker.example.com", "https://broker.example.com"),
        ("wss://broker.example.com/", "https://broker.example.com"),
        (" https://broker.example.com:8443/base/ ", "https://broker.example.com:8443/base"),
        ("http://127.0.0.1:7340", "http://127.0.0.1:7340"),
        ("ws://localhost:7340", "http://localhost:7340"),
        ("http://[::1]:7340", "http://[::1]:7340"),
    ],
)
def test_a_url_is_brought_into_one_form(given: str, meant: str) -> None:
    assert base_url(given, of="the server", plaintext=False) == meant


@pytest.mark.parametrize(
    "given",
    [
        "broker.example.com",
        "",
        "ftp://a",
        "https://",
        "https://u:p@a",
        "https://a?x=1",
        "https://a#b",
        "http://a:b",
        "http://[::1",
    ],
)
def test_what_is_no_url_is_refused_without_telling_a_password(given: str) -> None:
    with pytest.raises(UsageError) as caught:
        base_url(given, of="the server", plaintext=True)
    assert "u:p" not in str(caught.value)


def test_no_secret_goes_over_plain_http_to_another_machine_unless_told() -> None:
    with pytest.raises(UsageError, match="would be reached without TLS"):
        base_url("http://broker.example.com", of="the server", plaintext=False)
    assert base_url("http://broker.example.com", of="the server", plaintext=True) == "http://broker.example.com"


def dial(url: str, authority: str = "") -> BrokerError:
    """The error of a try to connect."""

    async def main() -> None:
        dialer = Dialer(url, client_context(authority=authority))
        try:
            await dialer()
        finally:
            await dialer.close()

    with pytest.raises(BrokerError) as caught:
        asyncio.run(main())
    return caught.value


def test_where_nobody_listens_it_says_so() -> None:
    error = dial("http://127.0.0.1:1")
    assert (error.code, error.retry) == ("unreachable", True)
    assert str(error).startswith("127.0.0.1:1: it cannot be reached")


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "answered 404"), (307, "answered 307"), (503, "takes no tunnels now"), (200, "answered 200")],
)
def test_a_server_that_opens_no_tunnel_is_told_as_that_and_no_redirect_is_followed(status: int, words: str) -> None:
    asked_for: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked_for.append(request.path)
        return web.Response(status=status, headers={"location": "/elsewhere"})

    async def main() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        async with listening(app) as url:
            dialer = Dialer(url, client_context())
            try:
                with pytest.raises(BrokerError, match=words):
                    await dialer()
            finally:
                await dialer.close()

    asyncio.run(main())
    assert asked_for == ["/tunnel"]


async def reached(server: TunnelServer, authority: str) -> bytes:
    """What comes back through a client that trusts the authority."""
    async with running_agent() as agent:
        settings = ClientSettings(
            server_url=server.url,
            agent_url=agent.url,
            connections=(PAYMENTS,),
            authorities=authority,
            port=0,
            waiting=SOON,
        )
        async with started(settings) as client:
            await until(lambda: client.names == {"payments"})
            return (await server.ask(asked("/list")))[1]


def test_a_private_authority_is_believed_where_it_is_named(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def main() -> None:
        async with tunnel_server(dict(NAMES), tls=server_context(*authority.issue("server"))) as server:
            assert await reached(server, authority.path) == b"hello"

    asyncio.run(main())


def test_a_certificate_of_somebody_else_is_not_believed_and_the_advice_says_what_to_do(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")

    async def main() -> BrokerError:
        async with tunnel_server({}, tls=server_context(*authority.issue("server"))) as server:
            dialer = Dialer(server.url, client_context(authority=other.path))
            try:
                with pytest.raises(BrokerError) as caught:
                    await dialer()
            finally:
                await dialer.close()
            return caught.value

    error = asyncio.run(main())
    assert "certificate is not trusted" in error.what
    assert "--ca-cert" in error.advice


def test_it_goes_through_the_proxy_with_its_login_and_only_ciphers_cross_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)

    async def main() -> None:
        tls = server_context(*authority.issue("server"))
        async with connect_proxy() as proxy, tunnel_server(dict(NAMES), tls=tls) as server:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", "//user:word@"))
            assert await reached(server, authority.path) == b"hello"
            assert proxy.asked == [f"CONNECT {server.url.removeprefix('https://')} HTTP/1.1"]
            assert proxy.logins == ["Basic dXNlcjp3b3Jk"]
            assert proxy.carried > 0

    asyncio.run(main())


def test_no_proxy_is_gone_through_for_a_server_that_no_proxy_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)

    async def main() -> None:
        tls = server_context(*authority.issue("server"))
        async with connect_proxy() as proxy, tunnel_server(dict(NAMES), tls=tls) as server:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            monkeypatch.setenv("NO_PROXY", "example.com,127.0.0.1")
            assert await reached(server, authority.path) == b"hello"
            assert proxy.asked == []

    asyncio.run(main())


def test_a_proxy_that_refuses_is_told_as_the_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> BrokerError:
        async with connect_proxy() as proxy:
            proxy.refuse = True
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            dialer = Dialer("https://broker.example.com", client_context())
            try:
                with pytest.raises(BrokerError) as caught:
                    await dialer()
            finally:
                await dialer.close()
            return caught.value

    error = asyncio.run(main())
    assert (error.what, error.where) == ("the proxy answered 407", "broker.example.com")


def test_a_proxy_that_is_not_there_is_told_as_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    error = dial("https://broker.example.com")
    assert error.what.startswith("the proxy cannot be reached")
    assert "HTTPS_PROXY" in error.advice


def test_the_agent_is_never_reached_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with scene() as at:
            monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
            assert (await at.server.ask(asked("/list")))[1] == b"hello"

    asyncio.run(main())

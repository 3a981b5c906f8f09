"""Why something on the network did not work is told in the words of the system, without what stands beside them."""

import asyncio
import ssl
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.client_reqrep import ConnectionKey

from certificates import Authority
from tidewaiter.broker.causes import cause, is_distrust
from tidewaiter.broker.service import listening
from tidewaiter.broker.tls import client_context, server_context

UNRESOLVED = "its name cannot be resolved"


def failure(url: str, context: ssl.SSLContext) -> Exception:
    """The error of a request there."""

    async def main() -> None:
        async with aiohttp.ClientSession() as session, session.get(url, ssl=context):
            pass

    with pytest.raises(aiohttp.ClientError) as caught:
        asyncio.run(main())
    return caught.value


def at_own_port(context: ssl.SSLContext, *, tls: ssl.SSLContext | None = None, scheme: str) -> Exception:
    """The error of a request to a server of ours."""

    async def main() -> Exception:
        async with listening(web.Application(), tls=tls) as url, aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientError) as caught:
                await session.get(f"{scheme}:{url.partition(':')[2]}", ssl=context)
            return caught.value

    return asyncio.run(main())


def test_who_does_not_listen_refuses_the_connection() -> None:
    error = failure("http://127.0.0.1:1", client_context())
    assert cause(error) == "connection refused"
    assert not is_distrust(error)


def test_a_name_that_nobody_has_cannot_be_resolved() -> None:
    where = ConnectionKey("no-such-host.invalid", 443, True, True, None, None, None)
    assert cause(aiohttp.ClientConnectorDNSError(where, OSError("Name or service not known"))) == UNRESOLVED


def test_a_certificate_is_told_from_no_certificate(tmp_path: Path) -> None:
    proving = server_context(*Authority(tmp_path).issue("server"))
    unknown = at_own_port(client_context(), tls=proving, scheme="https")
    assert (cause(unknown), is_distrust(unknown)) == ("unable to get local issuer certificate", True)
    plain = at_own_port(client_context(), scheme="https")
    assert is_distrust(plain)
    assert cause(plain).isprintable()
    assert "127.0.0.1" not in cause(plain)


def test_errors_without_words_of_their_own_are_told_by_their_kind() -> None:
    assert cause(TimeoutError()) == "TimeoutError"
    assert cause(aiohttp.ServerDisconnectedError()) == "Server disconnected"
    assert cause(OSError("odd.")) == "odd"

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from certificates import Authority
from tidewaiter.broker.tls import PortSettings, client_context, is_loopback, port_context, server_context
from tidewaiter.errors import UsageError


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def greet(server: ssl.SSLContext, *clients: ssl.SSLContext) -> list[str]:
    """The names on the server's certificates that the clients see; raises where one does not come to talk."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read(1))
        await writer.drain()
        writer.close()

    async def ask(port: int, client: ssl.SSLContext) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client)
        try:
            writer.write(b"x")
            if await reader.read() != b"x":
                raise ConnectionError("the server does not talk")
            subject = writer.get_extra_info("peercert")["subject"]
        finally:
            writer.transport.abort()
        return str(subject[0][0][1])

    async def meet() -> list[str]:
        listener = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=server)
        async with listener:
            port = listener.sockets[0].getsockname()[1]
            return [await ask(port, client) for client in clients]

    return asyncio.run(meet())


def test_a_client_believes_the_private_authority(authority: Authority) -> None:
    server = server_context(*authority.issue("server"))
    assert greet(server, client_context(authority=authority.path)) == ["server"]


def test_a_client_does_not_believe_another(authority: Authority, tmp_path: Path) -> None:
    server = server_context(*authority.issue("server"))
    for stranger in (client_context(), client_context(authority=Authority(tmp_path).path)):
        with pytest.raises(ssl.SSLCertVerificationError):
            greet(server, stranger)


def test_only_clients_with_a_certificate_are_let_in(authority: Authority, tmp_path: Path) -> None:
    server = server_context(*authority.issue("server"), clients=authority.path)
    certificate, key = authority.issue("client")
    assert greet(server, client_context(authority=authority.path, certificate=certificate, key=key)) == ["server"]
    certificate, key = Authority(tmp_path).issue("client")
    for stranger in (
        client_context(authority=authority.path),
        client_context(authority=authority.path, certificate=certificate, key=key),
    ):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            greet(server, stranger)


def test_the_system_s_authorities_are_no_clients_authorities(authority: Authority) -> None:
    context = server_context(*authority.issue("server"), clients=authority.path)
    assert len(context.get_ca_certs()) == 1


def test_a_renewed_certificate_counts_from_the_next_connection(authority: Authority, tmp_path: Path) -> None:
    certificate, key = (tmp_path / "server.crt", tmp_path / "server.key")
    _copy(authority.issue("first"), certificate, key)
    server, client = server_context(str(certificate), str(key)), client_context(authority=authority.path)
    assert greet(server, client) == ["first"]
    certificate.write_text("in the middle of being replaced")
    assert greet(server, client) == ["first"]
    certificate.unlink()
    assert greet(server, client) == ["first"]
    _copy(authority.issue("second"), certificate, key)
    assert greet(server, client, client) == ["second", "second"]


def _copy(files: tuple[str, str], *targets: Path) -> None:
    for source, target in zip(files, targets, strict=True):
        target.write_bytes(Path(source).read_bytes())


def test_old_protocols_are_not_spoken(authority: Authority) -> None:
    for context in (server_context(*authority.issue("server")), client_context()):
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2


WRONG: dict[str, Callable[[Authority], object]] = {
    "absent": lambda _: server_context("/absent/server.crt"),
    "absent-key": lambda authority: server_context(authority.issue("a")[0], "/absent/server.key"),
    "no-key": lambda authority: server_context(authority.issue("a")[0]),
    "of-another": lambda authority: server_context(authority.issue("a")[0], authority.issue("b")[1]),
    "encrypted": lambda authority: server_context(*authority.issue("c", password=b"s3cret")),
    "no-pem": lambda _: server_context(__file__),
    "no-authority": lambda authority: server_context(*authority.issue("a"), clients=__file__),
    "key-as-authority": lambda authority: client_context(authority=authority.issue("a")[1]),
    "absent-authority": lambda _: client_context(authority="/absent/ca.pem"),
    "absent-own": lambda _: client_context(certificate="/absent/client.pem"),
}


@pytest.mark.parametrize("make", WRONG.values(), ids=WRONG)
def test_files_that_are_none_are_told_by_their_names(make: Callable[[Authority], object], authority: Authority) -> None:
    with pytest.raises(UsageError, match=r"cannot be read|is no certificate|holds no certificates") as told:
        make(authority)
    assert told.value.where


LOOPBACK = ("127.0.0.1", "127.8.9.10", "::1", "[::1]", "localhost", "LOCALHOST.")
OPEN = (
    "0.0.0.0",
    "::",
    "10.0.0.1",
    "169.254.1.1",
    "",
    "example.org",
    "localhost.example",
    "127.0.0.1.example",
    "::ffff:10.0.0.1",
)


@pytest.mark.parametrize("host", LOOPBACK)
def test_on_loopback_anybody_may_ask(host: str) -> None:
    assert is_loopback(host)
    assert port_context(PortSettings(host=host)) is None


@pytest.mark.parametrize("host", OPEN)
def test_in_the_network_it_takes_proof_or_a_word(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(UsageError, match="say --allow-unauthenticated"):
        port_context(PortSettings(host=host))
    assert port_context(PortSettings(host=host, secret="a secret")) is None
    assert port_context(PortSettings(host=host, unprotected=True)) is None


def test_certificates_of_who_asks_need_tls() -> None:
    with pytest.raises(UsageError, match="over TLS"):
        port_context(PortSettings(clients="authority.pem"))

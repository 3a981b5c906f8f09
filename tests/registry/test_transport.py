"""Connections: whom to trust, and which way to take."""

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tidewaiter.errors import RegistryError
from tidewaiter.registry.client import RegistryClient
from tidewaiter.simulator.images import Built
from tidewaiter.simulator.registry import SimulatedRegistry

CEILING = 1 << 20
Connect = Callable[..., RegistryClient]


@pytest.fixture
def guarded(certificate: Path) -> Iterator[SimulatedRegistry]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    with SimulatedRegistry(tls=context) as running:
        yield running


def manifest(client: RegistryClient, reference: str) -> bytes:
    content, _ = client.manifest(client.reference(reference), ceiling=CEILING)
    return content


def test_a_certificate_that_nobody_vouches_for_is_refused(
    guarded: SimulatedRegistry, connect: Connect, image: Built
) -> None:
    with pytest.raises(RegistryError, match=r"certificate is not trusted\. Name its .* in SSL_CERT_FILE") as caught:
        manifest(connect(), guarded.push("a/b", "v1", image))
    assert not caught.value.retry
    assert guarded.asked == []


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_the_environment_names_whom_to_trust(
    guarded: SimulatedRegistry,
    connect: Connect,
    image: Built,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    for other in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, str(certificate))
    assert manifest(connect(), guarded.push("a/b", "v1", image)) == image.document


def test_insecure_does_without_trust(guarded: SimulatedRegistry, connect: Connect, image: Built) -> None:
    assert manifest(connect(insecure=True), guarded.push("a/b", "v1", image)) == image.document


def test_authorities_that_are_not_there_are_told(
    guarded: SimulatedRegistry, connect: Connect, image: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(RegistryError, match="authorities that the environment names cannot be read"):
        manifest(connect(), guarded.push("a/b", "v1", image))


class TestProxies:
    @pytest.fixture
    def proxied(self, registry: SimulatedRegistry, monkeypatch: pytest.MonkeyPatch) -> SimulatedRegistry:
        """The simulated registry answers as a proxy too: it looks only at the path of what it is asked for."""
        for name in ("http_proxy", "https_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://user:pass%40word@{registry.host}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        return registry

    def test_other_hosts_are_reached_through_the_proxy(
        self, proxied: SimulatedRegistry, connect: Connect, image: Built
    ) -> None:
        proxied.push("a/b", "v1", image)
        assert manifest(connect(insecure=True), "registry.invalid/a/b:v1") == image.document
        (asked,) = proxied.asked_for("manifests")
        assert asked.path == "http://registry.invalid/v2/a/b/manifests/v1"
        assert asked.headers["proxy-authorization"] == "Basic dXNlcjpwYXNzQHdvcmQ="

    def test_this_machine_is_never_reached_through_a_proxy(
        self, proxied: SimulatedRegistry, storage: SimulatedRegistry, connect: Connect, image: Built
    ) -> None:
        assert manifest(connect(), storage.push("a/b", "v1", image)) == image.document
        assert proxied.asked == []

    def test_no_proxy_is_heeded(
        self, proxied: SimulatedRegistry, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("no_proxy", "registry.invalid")
        with pytest.raises(RegistryError, match="there is no host of this name"):
            manifest(connect(insecure=True), "registry.invalid/a/b:v1")
        assert proxied.asked == []


def test_other_hosts_are_asked_over_https_only(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy on this machine sees what is asked for: a tunnel, and nothing in plain."""
    with SimulatedRegistry() as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        with pytest.raises(RegistryError, match="does not answer"):
            manifest(connect(), "registry.invalid/a/b:v1")
        assert proxy.asked == []

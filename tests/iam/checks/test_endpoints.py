"""Connections are tried through a seam; the real one, against a listener with TLS on this machine."""

import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tidewaiter.aws.steps import walk
from tidewaiter.iam.checks.endpoints import layer_bucket, reached, steps
from tidewaiter.model.cloud import Registry
from tidewaiter.model.diagnosis import Check, Health

BUCKET = "prod-eu-west-1-starport-layer-bucket.s3.eu-west-1.amazonaws.com"
HOST = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
REGISTRY = Registry(partition="aws", account="111122223333", region="eu-west-1", host=HOST)
PUBLIC = Registry(partition="aws", account="111122223333", region="us-east-1", host="public.ecr.aws/x", public=True)


class Doors:
    def __init__(self, endpoint: str = "https://api.ecr.eu-west-1.amazonaws.com") -> None:
        self._endpoint = endpoint

    def endpoint(self, service: str, region: str) -> str:
        assert (service, region) == ("ecr", "eu-west-1")
        return self._endpoint


def checked(doors: Doors, unreachable: dict[str, str], *registries: Registry) -> tuple[list[Check], list[str]]:
    """What is said, and the hosts that were tried."""
    tried: list[str] = []

    def reach(host: str) -> str:
        tried.append(host)
        return unreachable.get(host, "")

    found = walk(steps(doors, registries or (REGISTRY,), reach), done=lambda: None)
    return [each for each in found if isinstance(each, Check)], tried


def test_the_registry_and_the_bucket_of_layers_are_tried_once_a_region() -> None:
    another = Registry(partition="aws", account="444455556666", region="eu-west-1", host="another")
    (check,), tried = checked(Doors(), {}, another, REGISTRY, PUBLIC)
    assert tried == [BUCKET, HOST]
    assert check.health is Health.RIGHT
    assert "api.ecr.eu-west-1.amazonaws.com" in check.says


def test_without_the_bucket_nothing_can_be_pulled() -> None:
    (check,), _ = checked(Doors(), {BUCKET: "there is no host of this name"})
    assert (check.health, check.region, check.resource) == (Health.WRONG, "eu-west-1", BUCKET)
    assert "there is no host of this name" in check.says
    assert "VPC endpoint (of S3)" in check.advice


def test_without_the_registrys_host_only_its_docker_api_is_lost() -> None:
    (check,), _ = checked(Doors(), {HOST: "the time for it is over"})
    assert check.health is Health.POORER
    assert "ecr.dkr" in check.advice


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://ecr-fips.eu-west-1.amazonaws.com",
        "https://ecr.eu-west-1.api.aws",
        "https://vpce-1-api.ecr.eu-west-1.vpce.amazonaws.com",
    ],
)
def test_fips_dual_stack_and_private_endpoints_are_amazons(endpoint: str) -> None:
    (check,), tried = checked(Doors(endpoint), {})
    assert check.health is Health.RIGHT
    assert tried


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:4566", "https://amazonaws.com.example", "https://notamazonaws.com"]
)
def test_where_something_stands_in_for_aws_no_host_is_tried(endpoint: str) -> None:
    (check,), tried = checked(Doors(endpoint), {})
    assert (check.health, check.counts, tried) == (Health.UNKNOWN, False, [])
    assert endpoint in check.says


def test_each_partition_has_its_own_bucket() -> None:
    assert layer_bucket("eu-west-1") == BUCKET
    assert layer_bucket("cn-north-1") == "prod-cn-north-1-starport-layer-bucket.s3.cn-north-1.amazonaws.com.cn"


class _Forbidding(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(403)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_host_that_answers_anything_with_tls_is_reached(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.parent / "key.pem")
    with HTTPServer(("127.0.0.1", 0), _Forbidding) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            assert reached(f"127.0.0.1:{server.server_port}") == ""
            monkeypatch.delenv("SSL_CERT_FILE")
            assert "not trusted" in reached(f"127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()


def test_a_port_that_nobody_listens_at_is_not_reached() -> None:
    with HTTPServer(("127.0.0.1", 0), _Forbidding) as server:
        port = server.server_port
    assert "refused" in reached(f"127.0.0.1:{port}")

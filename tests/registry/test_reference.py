"""References as Docker understands them."""

import pytest

from tidewaiter.errors import UsageError
from tidewaiter.registry.reference import api_host, is_loopback, parse_reference

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("alpine", "docker.io/library/alpine:latest"),
        ("alpine:3.20", "docker.io/library/alpine:3.20"),
        ("grafana/grafana", "docker.io/grafana/grafana:latest"),
        ("docker.io/alpine", "docker.io/library/alpine:latest"),
        ("index.docker.io/library/alpine", "docker.io/library/alpine:latest"),
        ("registry-1.docker.io/grafana/grafana:1", "docker.io/grafana/grafana:1"),
        ("localhost/app", "localhost/app:latest"),
        ("localhost:5000/app", "localhost:5000/app:latest"),
        ("registry:5000/team/app:v1", "registry:5000/team/app:v1"),
        ("[::1]:5000/app", "[::1]:5000/app:latest"),
        ("GHCR.io/a/b", "ghcr.io/a/b:latest"),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/a/b-c__d.e:T_1-x", None),
        (f"alpine@{DIGEST}", f"docker.io/library/alpine@{DIGEST}"),
        (f"quay.io/a/b:v1@{DIGEST}", f"quay.io/a/b:v1@{DIGEST}"),
    ],
)
def test_a_reference_is_completed_with_docker_s_defaults(text: str, whole: str | None) -> None:
    assert str(parse_reference(text)) == (whole or text)


@pytest.mark.parametrize(
    "text",
    ["", ":tag", "Alpine", "a//b", "a/", "-a", "a:", "a:" + "t" * 129, "a@sha256:12", "a@", "host:port/a", "a b",
     "http://host/a", "../a", "a.io/../b", "a\n", "x.io/a:b:c", "x.io/" + "a" * 256, "[::1/a", "exa_mple.io:1/a"],
)  # fmt: skip
def test_what_is_no_reference_is_said_to_be_none(text: str) -> None:
    with pytest.raises(UsageError, match="not an image reference"):
        parse_reference(text)


def test_docker_hub_answers_at_a_host_of_another_name() -> None:
    assert api_host("docker.io") == "registry-1.docker.io"
    assert api_host("ghcr.io") == "ghcr.io"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:5000", "127.9.8.7", "[::1]", "[::1]:443"])
def test_this_machine_has_these_names(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["127.0.0.1.example.org", "localhost.example.org", "10.0.0.1", "", "128.0.0.1:127"])
def test_other_machines_do_not_pass_for_this_one(host: str) -> None:
    assert not is_loopback(host)

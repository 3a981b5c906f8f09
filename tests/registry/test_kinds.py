"""Kinds of registries: where each is, and how one logs in."""

import pytest

from tidewaiter.errors import UsageError
from tidewaiter.registry.credentials import Credential
from tidewaiter.registry.kinds import KINDS, Base, base_of, kind_of, login_of


@pytest.mark.parametrize(
    ("kind", "text", "base"),
    [
        ("docker-hub", "", Base(registry="docker.io")),
        ("docker-hub", "https://registry-1.docker.io/v2/", Base(registry="docker.io")),
        ("docker-hub", "https://index.docker.io/v1/", Base(registry="docker.io")),
        ("docker-hub", "docker.io/acme", Base(registry="docker.io", namespace="acme")),
        ("quay-cr", "quay.io/acme", Base(registry="quay.io", namespace="acme")),
        ("harbor-cr", "https://Harbor.Example.com:8443/", Base(registry="harbor.example.com:8443")),
        ("gcr", "eu.gcr.io/project", Base(registry="eu.gcr.io", namespace="project")),
        ("google-artifact-cr", "europe-docker.pkg.dev/p/r", Base(registry="europe-docker.pkg.dev", namespace="p/r")),
        ("artifactory-cr", "acme.jfrog.io", Base(registry="acme.jfrog.io")),
        (
            "artifactory-cr",
            "https://acme.jfrog.io/artifactory/api/docker/Local/",
            Base(registry="acme.jfrog.io/artifactory/api/docker/Local"),
        ),
        ("nexus-cr", "nexus.example.com/repository/docker", Base(registry="nexus.example.com/repository/docker")),
        ("acr", " acme.azurecr.io ", Base(registry="acme.azurecr.io")),
        ("acr", "http://127.0.0.1:5000", Base(registry="127.0.0.1:5000")),
    ],
)
def test_a_base_is_a_host_and_the_part_of_it_that_is_wanted(kind: str, text: str, base: Base) -> None:
    assert base_of(kind_of(kind), text) == base


@pytest.mark.parametrize(
    ("kind", "text", "why"),
    [
        ("acr", "", "has to be told where it is.*Name its host, as example.azurecr.io"),
        ("harbor-cr", "http://harbor.example.com", "asked over http"),
        ("harbor-cr", "ftp://harbor.example.com", "no address"),
        ("harbor-cr", "https://ann:secret@harbor.example.com", r"^harbor\.example\.com: it is no address"),
        ("harbor-cr", "harbor.example.com/a/../b", "no address"),
        ("harbor-cr", "harbor.example.com/a%2fb", "no address"),
        ("artifactory-cr", "acme.jfrog.io/a?b=c", "no address"),
        ("quay-cr", "quay.io/Acme", "no address"),
    ],
)
def test_a_base_that_cannot_be_is_refused_with_words(kind: str, text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as refused:
        base_of(kind_of(kind), text)
    assert "secret" not in str(refused.value)


def test_all_kinds_of_the_reference_are_known() -> None:
    types = "docker-hub acr gcr artifactory-cr harbor-cr quay-cr github-cr nexus-cr digitalocean-cr gitlab-cr"
    assert set(KINDS) == {*types.split(), "google-artifact-cr"}
    with pytest.raises(UsageError, match=r"'harbour' is no type of registry\. Known are ecr, docker-hub"):
        kind_of("harbour")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_has_a_base_or_an_example_and_takes_a_user_and_a_password(kind: str) -> None:
    known = kind_of(kind)
    assert base_of(known, known.base or known.example).registry
    found = login_of(known, username="ann", password="pw", token="")
    assert found == Credential(username="ann", password="pw", origin="the connection")
    assert login_of(known, username="", password="", token="") is None


@pytest.mark.parametrize(
    ("kind", "username", "password"),
    [
        ("acr", "00000000-0000-0000-0000-000000000000", "t"),
        ("gcr", "oauth2accesstoken", "t"),
        ("google-artifact-cr", "oauth2accesstoken", "t"),
        ("quay-cr", "$oauthtoken", "t"),
        ("digitalocean-cr", "t", "t"),
        ("github-cr", "x-access-token", "t"),
        ("gitlab-cr", "oauth2", "t"),
    ],
)
def test_a_token_alone_is_shown_as_its_kind_wants_it(kind: str, username: str, password: str) -> None:
    found = login_of(kind_of(kind), username="", password="", token="t")
    assert found == Credential(username=username, password=password, origin="the connection")


@pytest.mark.parametrize("kind", ["artifactory-cr", "harbor-cr", "nexus-cr"])
def test_where_a_token_has_no_user_it_is_shown_as_it_is(kind: str) -> None:
    found = login_of(kind_of(kind), username="", password="", token="t")
    assert found == Credential(registry_token="t", origin="the connection")


def test_a_token_with_a_user_name_is_a_password() -> None:
    for kind in ("docker-hub", "github-cr", "artifactory-cr"):
        found = login_of(kind_of(kind), username="ann", password="", token="t")
        assert found == Credential(username="ann", password="t", origin="the connection")


@pytest.mark.parametrize(
    ("kind", "username", "password", "token"),
    [("docker-hub", "", "", "t"), ("docker-hub", "", "pw", ""), ("harbor-cr", "", "pw", ""), ("acr", "ann", "", "")],
)
def test_half_a_login_is_refused(kind: str, username: str, password: str, token: str) -> None:
    with pytest.raises(UsageError, match=r"needs a user name|neither a password nor a token"):
        login_of(kind_of(kind), username=username, password=password, token=token)

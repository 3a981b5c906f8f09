"""Lists of repositories: each kind's own interface, in pages, shown the login that it wants."""

import json
from collections.abc import Callable, Iterator, Mapping

import pytest
import urllib3

from fakes.interfaces import Interface
from tidewaiter.errors import MalformedError, RegistryAbsentError, RegistryDeniedError, RegistryError
from tidewaiter.registry.catalogues import Catalogue
from tidewaiter.registry.client import RegistryClient
from tidewaiter.registry.credentials import OneLogin
from tidewaiter.registry.kinds import Base, base_of, kind_of, login_of
from tidewaiter.registry.transport import Transport, Waiting
from tidewaiter.simulator.images import Built
from tidewaiter.simulator.registry import Login, SimulatedRegistry

Listed = Callable[..., list[str]]


@pytest.fixture
def interface() -> Iterator[Interface]:
    with Interface() as running:
        yield running


@pytest.fixture
def waiting() -> Waiting:
    return Waiting(sleep=lambda _seconds: None)


@pytest.fixture
def listed(waiting: Waiting) -> Listed:
    """All names of a registry at this base, for this login."""

    def names(kind: str, base: str, *, username: str = "", password: str = "", token: str = "") -> list[str]:
        known = kind_of(kind)
        credential = login_of(known, username=username, password=password, token=token)
        transport = Transport(waiting, insecure=False)
        with RegistryClient(keychain=OneLogin(credential), waiting=waiting) as client:
            try:
                found = Catalogue(
                    kind=known, base=base_of(known, base), credential=credential, client=client, transport=transport
                )
                return list(found.names())
            finally:
                transport.close()

    return names


class TestTheCatalogueOfTheDockerApi:
    @pytest.mark.parametrize("scheme", ["basic", "bearer"])
    @pytest.mark.parametrize("kind", ["acr", "artifactory-cr", "gcr", "gitlab-cr", "nexus-cr", "quay-cr"])
    def test_is_read_page_by_page(self, listed: Listed, image: Built, kind: str, scheme: str) -> None:
        with SimulatedRegistry(Login(scheme=scheme, username="ann", password="pw")) as registry:
            for name in ("a/1", "a/2", "b", "c", "d"):
                registry.push(name, "v1", image)
            assert listed(kind, registry.url, username="ann", password="pw") == ["a/1", "a/2", "b", "c", "d"]
            assert len(registry.asked_for("_catalog")) == 4  # a refusal, and pages of two

    def test_that_is_refused_says_so(self, listed: Listed) -> None:
        with (
            SimulatedRegistry(Login(username="ann", password="pw")) as registry,
            pytest.raises(RegistryDeniedError) as refused,
        ):
            listed("acr", registry.url, username="ann", password="wrong-secret")
        assert "wrong-secret" not in str(refused.value)

    def test_of_a_registry_below_a_path_is_there(self, listed: Listed, interface: Interface) -> None:
        path = "/artifactory/api/docker/local/v2/_catalog"
        interface.answer(f"{path}?n=1000", {"repositories": ["a"]}, Link='</v2/_catalog?last=a&n=1000>; rel="next"')
        interface.answer(f"{path}?last=a&n=1000", {"repositories": ["b"]})
        assert listed("artifactory-cr", f"{interface.url}/artifactory/api/docker/local") == ["a", "b"]

    @pytest.mark.parametrize("content", [b"no JSON", b'{"repositories":[1]}', b"[" * 100_000])
    def test_that_is_broken_is_refused(self, listed: Listed, interface: Interface, content: bytes) -> None:
        interface.answer("/v2/_catalog?n=1000", content)
        with pytest.raises(MalformedError, match="list of repositories is broken"):
            listed("acr", interface.url)


class TestDockerHub:
    NAMES = "/v2/namespaces/acme/repositories?page_size=100"

    @pytest.fixture
    def hub(self, interface: Interface) -> Interface:
        interface.answer("/v2/auth/token", {"access_token": "jwt"})
        interface.wants["/v2/namespaces"] = "Bearer jwt"
        following = "https://hub.docker.com/v2/namespaces/acme/repositories?page=2&page_size=100"
        page = {"count": 3, "next": following, "previous": None, "results": [{"name": "a", "namespace": "acme"}]}
        interface.answer(self.NAMES, page)
        last = {"next": None, "results": [{"name": "b", "extra": 1}, {"name": "c"}]}
        interface.answer("/v2/namespaces/acme/repositories?page=2&page_size=100", last)
        return interface

    def test_lists_an_organization_for_a_token(self, listed: Listed, hub: Interface) -> None:
        found = listed("docker-hub", f"{hub.url}/acme", username="ann", password="pat")
        assert found == ["acme/a", "acme/b", "acme/c"]
        (login,) = (asked for asked in hub.asked if asked.method == "POST")
        assert json.loads(login.body) == {"identifier": "ann", "secret": "pat"}
        assert login.authorization == ""

    def test_lists_who_logs_in_where_nothing_else_is_named(self, listed: Listed, hub: Interface) -> None:
        assert listed("docker-hub", hub.url, username="acme", password="pat") == ["acme/a", "acme/b", "acme/c"]

    def test_lists_what_is_public_without_a_login(self, listed: Listed, hub: Interface) -> None:
        hub.wants.clear()
        assert listed("docker-hub", f"{hub.url}/acme") == ["acme/a", "acme/b", "acme/c"]
        assert not any(asked.authorization for asked in hub.asked)

    def test_does_not_list_everything(self, listed: Listed, hub: Interface) -> None:
        with pytest.raises(RegistryError, match=r"somebody only.*docker\.io/example, or name the repositories"):
            listed("docker-hub", hub.url)

    def test_refuses_a_wrong_login_and_no_message_has_it(self, listed: Listed, hub: Interface) -> None:
        hub.wants["/v2/auth"] = "never"
        with pytest.raises(RegistryDeniedError) as refused:
            listed("docker-hub", f"{hub.url}/acme", username="ann", password="top-secret")
        assert "top-secret" not in str(refused.value)

    def test_may_refuse_in_words_that_hold_the_token(self, listed: Listed, hub: Interface) -> None:
        hub.wants["/v2/namespaces"] = "Bearer another"
        with pytest.raises(RegistryDeniedError, match=r"DENIED: Bearer \(secret\)"):
            listed("docker-hub", f"{hub.url}/acme", username="ann", password="pat")


class TestQuay:
    PAGE = "/api/v1/repository?namespace=acme&public=true"

    def test_lists_an_organization_for_an_oauth_token(self, listed: Listed, interface: Interface) -> None:
        interface.wants["/api"] = "Bearer oauth"
        first = {"repositories": [{"namespace": "acme", "name": "a", "is_public": False}], "next_page": "g=A&B"}
        interface.answer(self.PAGE, first)
        interface.answer(f"{self.PAGE}&next_page=g%3DA%26B", {"repositories": [{"namespace": "acme", "name": "b/c"}]})
        assert listed("quay-cr", f"{interface.url}/acme", token="oauth") == ["acme/a", "acme/b/c"]

    def test_has_the_catalogue_for_robots(self, listed: Listed, interface: Interface) -> None:
        interface.answer("/v2/_catalog?n=1000", {"repositories": ["acme/a"]})
        assert listed("quay-cr", f"{interface.url}/acme", username="acme+robot", password="pw") == ["acme/a"]


class TestHarbor:
    def test_lists_what_the_login_may_read(self, listed: Listed, interface: Interface) -> None:
        interface.wants["/api"] = "Basic cm9ib3QkYTpwdw=="
        link = '</api/v2.0/repositories?page=1&page_size=100>; rel="prev" , </api/v2.0/repositories?page=2>; rel="next"'
        interface.answer("/api/v2.0/repositories?page=1&page_size=100", [{"name": "p/a", "id": 7}], Link=link)
        interface.answer("/api/v2.0/repositories?page=2", [{"name": "p/b/c"}])
        assert listed("harbor-cr", interface.url, username="robot$a", password="pw") == ["p/a", "p/b/c"]

    def test_lists_a_project(self, listed: Listed, interface: Interface) -> None:
        interface.answer("/api/v2.0/projects/p/repositories?page=1&page_size=100", [{"name": "p/a"}])
        assert listed("harbor-cr", f"{interface.url}/p/part") == ["p/a"]

    def test_of_old_has_the_catalogue(self, listed: Listed, interface: Interface) -> None:
        interface.answer("/v2/_catalog?n=1000", {"repositories": ["p/a"]})
        assert listed("harbor-cr", interface.url) == ["p/a"]

    def test_without_the_project_says_so(self, listed: Listed, interface: Interface) -> None:
        interface.answer("/v2/_catalog?n=1000", {"repositories": ["other/a"]})
        with pytest.raises(RegistryAbsentError):
            listed("harbor-cr", f"{interface.url}/p")


class TestGitHub:
    QUERY = "packages?package_type=container&per_page=100"

    @pytest.mark.parametrize("way", ["orgs", "users"])
    def test_lists_the_packages_of_an_owner(self, listed: Listed, interface: Interface, way: str) -> None:
        interface.wants["/api"] = "Bearer pat"
        path = f"/api/v3/{way}/acme"
        link = '<https://elsewhere.example/organizations/7/packages?page=2>; rel="next"'
        interface.answer(f"{path}/{self.QUERY}", [{"name": "App", "owner": {"login": "Acme"}}], Link=link)
        interface.answer(f"{path}/packages?page=2", [{"name": "a/b", "owner": {"login": "Acme"}}])
        assert listed("github-cr", f"{interface.url}/acme", username="ann", password="pat") == ["acme/app", "acme/a/b"]

    def test_lists_those_of_who_logs_in(self, listed: Listed, interface: Interface) -> None:
        interface.answer(f"/api/v3/user/{self.QUERY}", [{"name": "a", "owner": {"login": "ann"}}])
        assert listed("github-cr", interface.url, token="pat") == ["ann/a"]


class TestGitLab:
    QUERY = "registry/repositories?per_page=100"

    @pytest.mark.parametrize("kind", ["groups", "projects"])
    def test_lists_a_group_or_a_project_where_the_registry_sends_to_log_in(
        self, listed: Listed, interface: Interface, kind: str
    ) -> None:
        with Interface() as gitlab:
            realm = f'Bearer realm="{gitlab.url}/jwt/auth",service="container_registry"'
            interface.answer("/v2/", {}, WWW_Authenticate=realm)
            gitlab.wants["/api"] = "Bearer pat"
            gitlab.answer(f"/api/v4/{kind}/acme%2Fteam/{self.QUERY}", [{"path": "acme/team/app", "name": "app"}])
            assert listed("gitlab-cr", f"{interface.url}/acme/team", token="pat") == ["acme/team/app"]

    def test_sends_no_token_where_anyone_may_listen(self, listed: Listed, interface: Interface) -> None:
        interface.answer("/v2/", {}, WWW_Authenticate='Bearer realm="http://gitlab.example.com/jwt/auth"')
        with pytest.raises(RegistryError, match="over http, where anyone may listen"):
            listed("gitlab-cr", f"{interface.url}/acme", token="pat")


class TestDigitalOcean:
    def test_lists_a_registry_or_all(self, listed: Listed, interface: Interface) -> None:
        interface.wants["/v2/registries"] = "Bearer dop"
        interface.answer("/v2/registries", {"registries": [{"name": "one"}, {"name": "two"}]})
        for name, repositories in {"one": ["a"], "two": []}.items():
            lines = [{"registry_name": name, "name": each} for each in repositories]
            following = {"pages": {"next": "https://api.digitalocean.com/v2/registries/one/repositoriesV2?page=2"}}
            links = following if lines else {}
            path = f"/v2/registries/{name}/repositoriesV2"
            interface.answer(f"{path}?per_page=100", {"repositories": lines, "links": links})
        last = {"repositories": [{"registry_name": "one", "name": "b"}]}
        interface.answer("/v2/registries/one/repositoriesV2?page=2", last)
        assert listed("digitalocean-cr", interface.url, token="dop") == ["one/a", "one/b"]
        assert listed("digitalocean-cr", f"{interface.url}/one", token="dop") == ["one/a", "one/b"]


class TestGoogle:
    def test_lists_folder_by_folder(self, listed: Listed, interface: Interface) -> None:
        folders: Mapping[str, Mapping[str, object]] = {
            "p/r": {"child": ["app", "Bad Name", "team"], "manifest": {}, "tags": []},
            "p/r/app": {"child": [], "manifest": {"sha256:" + "ab" * 32: {"tag": []}}, "tags": []},
            "p/r/team": {"child": ["b"], "tags": ["v1"]},
            "p/r/team/b": {"tags": ["v2"]},
        }
        for name, content in folders.items():
            interface.answer(f"/v2/{name}/tags/list?n=1000", content)
        found = listed("google-artifact-cr", f"{interface.url}/p/r", token="t")
        assert sorted(found) == ["p/r/Bad Name", "p/r/app", "p/r/team", "p/r/team/b"]
        assert len(interface.paths()) == len(folders)


class AskedTransport(Transport):
    """Sends nothing, and remembers where it would have."""

    def __init__(self) -> None:
        super().__init__(Waiting(), insecure=False)
        self.address = ""

    def send(
        self, method: str, address: str, headers: Mapping[str, str], body: str | None = None
    ) -> urllib3.BaseHTTPResponse:
        self.address = f"{method} {address}"
        assert headers or body
        raise RegistryError("nothing is sent here")


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("docker-hub", "POST https://hub.docker.com/v2/auth/token"),
        ("quay-cr", "GET https://quay.io/api/v1/repository?namespace=acme&public=true"),
        ("github-cr", "GET https://api.github.com/orgs/acme/packages?package_type=container&per_page=100"),
        ("gitlab-cr", "GET https://gitlab.com/api/v4/groups/acme/registry/repositories?per_page=100"),
        ("digitalocean-cr", "GET https://api.digitalocean.com/v2/registries/acme/repositoriesV2?per_page=100"),
    ],
)
def test_the_great_ones_are_asked_where_their_interface_is(kind: str, address: str) -> None:
    known, transport = kind_of(kind), AskedTransport()
    user = "ann" if kind == "docker-hub" else ""
    credential = login_of(known, username=user, password="", token="t")
    base = Base(registry=base_of(known, "").registry, namespace="acme")
    with RegistryClient(keychain=OneLogin(credential)) as client:
        asked = Catalogue(kind=known, base=base, credential=credential, client=client, transport=transport)
        with pytest.raises(RegistryError, match="nothing is sent"):
            list(asked.names())
    assert transport.address == address


def test_a_list_that_leads_back_to_itself_is_no_list(listed: Listed, interface: Interface) -> None:
    path = "/v2/namespaces/acme/repositories?page_size=100"
    interface.answer(path, {"results": [{"name": "a"}], "next": path})
    with pytest.raises(MalformedError, match="leads nowhere"):
        listed("docker-hub", f"{interface.url}/acme")


def test_an_answer_of_another_form_is_refused_without_its_content(listed: Listed, interface: Interface) -> None:
    interface.answer("/v2/namespaces/acme/repositories?page_size=100", {"results": "secret"})
    with pytest.raises(MalformedError, match="its list of repositories cannot be read") as refused:
        listed("docker-hub", f"{interface.url}/acme")
    assert "secret" not in str(refused.value)

"""Registries that are not Amazon's behind the seam that ECR has."""

import gc
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping

import pytest

from fakes.interfaces import Interface
from tidewaiter.errors import CloudDeniedError, CloudError, UsageError
from tidewaiter.fleet.blob_host import BlobHost
from tidewaiter.fleet.docker_registry import DockerRegistry, docker_registry
from tidewaiter.fleet.documents import documents
from tidewaiter.fleet.listing import listing
from tidewaiter.image.limits import Limits
from tidewaiter.model.cloud import Account, Registry, Repository
from tidewaiter.model.fleet import Kind
from tidewaiter.model.gap import Why
from tidewaiter.model.image import Digest, Platform
from tidewaiter.registry.kinds import KINDS
from tidewaiter.registry.transport import Patience, Waiting
from tidewaiter.simulator.images import build_image, build_index, build_layer, sha256
from tidewaiter.simulator.registry import Login, SimulatedRegistry

AMD = build_image([build_layer({"data": bytes(range(256)) * 4000}, compression="")])
ARM = build_image([build_layer({"b": b"2"})], platform=Platform("linux", "arm64"))
INDEX = build_index([AMD, ARM])
WAITING = Waiting(Patience(connect=5, read=5), sleep=lambda _seconds: None)

Connect = Callable[..., DockerRegistry]


@pytest.fixture
def registry() -> Iterator[SimulatedRegistry]:
    with SimulatedRegistry(Login(username="ann", password="pw")) as running:
        yield running


@pytest.fixture
def connect(registry: SimulatedRegistry) -> Iterator[Connect]:
    """Makes registries of a kind, with the right login where no other is given; closed at the end."""
    made: list[DockerRegistry] = []

    def make(
        kind: str = "acr", *, base: str = "", login: Mapping[str, str] | None = None, **more: object
    ) -> DockerRegistry:
        shown = {"username": "ann", "password": "pw"} if login is None else login
        made.append(docker_registry(kind, base=base or registry.url, waiting=WAITING, **shown, **more))  # type: ignore[arg-type]  # settings are text and names
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def api(connect: Connect) -> DockerRegistry:
    return connect()


def repository(api: DockerRegistry, name: str = "a/b") -> Repository:
    return Repository(registry=api.registry, name=name)


class TestWhatIsAskedFor:
    """Who asks for a repository may be far away, and not a friend."""

    @pytest.mark.parametrize(
        "name",
        ["", "../api", "a/../../api/v2.0/users", "a/..", "a?b=c#", "a%2fb", "a\r\nb", "a//b", "A", "a" * 256],
    )
    def test_what_is_no_repository_is_asked_of_nobody(
        self, registry: SimulatedRegistry, api: DockerRegistry, name: str
    ) -> None:
        digest = Digest("sha256", "a" * 64)
        for ask in (
            lambda: api.resolve(name, "v1"),
            lambda: list(api.images(name)),
            lambda: api.manifests(name, [digest]),
            lambda: api.download(name, digest),
        ):
            with pytest.raises(CloudError, match="no such repository"):
                ask()
        assert registry.asked == []

    @pytest.mark.parametrize("tag", ["../../api", "v1/../..", "a b", ".v1", "v" * 129, "v1\n"])
    def test_what_is_no_tag_is_asked_of_nobody(
        self, registry: SimulatedRegistry, api: DockerRegistry, tag: str
    ) -> None:
        with pytest.raises(CloudError, match="no such repository or tag"):
            api.resolve("a/b", tag)
        assert registry.asked == []

    @pytest.mark.parametrize("settings", [{"repositories": ["team/a"]}, {"base": "team"}], ids=["named", "below"])
    def test_a_connection_opens_its_own_repositories_only(
        self, registry: SimulatedRegistry, connect: Connect, settings: dict[str, object]
    ) -> None:
        if "base" in settings:
            settings = {"base": f"{registry.url}/team"}
        api = connect("harbor-cr", **settings)
        for name in ("other/a", "teams/a"):
            with pytest.raises(CloudError, match="not one of the repositories of this connection"):
                api.resolve(name, "v1")
        assert registry.asked == []


class TestWhatItIs:
    def test_its_host_stands_for_the_account(self, registry: SimulatedRegistry, connect: Connect) -> None:
        api = connect("harbor-cr", via="shop#1")
        expected = Registry(partition="", account=registry.host, region="", host=registry.host, via="shop#1")
        assert api.registry == expected
        assert api.place.account == Account(id=registry.host, name="Harbor")
        assert api.place.api is api

    def test_its_login_stands_in_no_repr(self, connect: Connect) -> None:
        api = connect(login={"username": "ann", "password": "top-secret"})
        assert "top-secret" not in repr(api) + repr(vars(api)) + repr(api.place)

    @pytest.mark.parametrize("kind", sorted(KINDS))
    def test_every_kind_is_made_without_asking_anybody(self, kind: str) -> None:
        base = KINDS[kind].base or KINDS[kind].example
        docker_registry(kind, base=base, username="ann", token="t").close()

    def test_settings_that_cannot_be_are_refused(self) -> None:
        with pytest.raises(UsageError, match="told where it is"):
            docker_registry("harbor-cr")
        with pytest.raises(UsageError, match="no type of registry"):
            docker_registry("ecr", base="x")
        with pytest.raises(UsageError, match="'A/B' is no repository"):
            docker_registry("quay-cr", repositories=["A/B"])

    def test_there_is_no_other_way_in(self, api: DockerRegistry) -> None:
        with pytest.raises(CloudError, match="no other way"):
            api.authorization()

    def test_what_nobody_holds_is_closed(self, registry: SimulatedRegistry) -> None:
        registry.push("a/b", "v1", AMD)
        api = docker_registry("acr", base=registry.url, username="ann", password="pw", waiting=WAITING)
        assert api.download("a/b", AMD.layers[0].digest).url.startswith("http://127.0.0.1:")
        gone = weakref.ref(api)
        del api
        gc.collect()
        assert gone() is None
        assert not [each for each in threading.enumerate() if each.name == "tidewaiter-relay"]


class TestRepositories:
    def test_are_those_of_the_catalogue(self, registry: SimulatedRegistry, api: DockerRegistry) -> None:
        for name in ("a/b", "c", "d/e"):
            registry.push(name, "v1", AMD)
        assert list(api.repositories()) == ["a/b", "c", "d/e"]

    def test_below_the_base(self, registry: SimulatedRegistry, connect: Connect) -> None:
        for name in ("a", "a/b", "a/c/d", "ab/c"):
            registry.push(name, "v1", AMD)
        assert list(connect(base=f"{registry.url}/a").repositories()) == ["a", "a/b", "a/c/d"]

    def test_of_which_none_is_below_the_base_are_told(self, registry: SimulatedRegistry, connect: Connect) -> None:
        registry.push("a/b", "v1", AMD)
        with pytest.raises(CloudError, match=r"no repository below b\. Check how that is spelled"):
            list(connect(base=f"{registry.url}/b").repositories())

    def test_that_are_named_are_not_asked_for(self, registry: SimulatedRegistry, connect: Connect) -> None:
        api = connect(base=f"{registry.url}/team", repositories=["a", "team/b", "team/b"])
        assert list(api.repositories()) == ["team/a", "team/b"]
        assert registry.asked == []

    def test_of_docker_hub_itself_have_their_folder(self) -> None:
        api = docker_registry("docker-hub", repositories=["alpine", "acme/app"])
        assert list(api.repositories()) == ["library/alpine", "acme/app"]
        api.close()

    def test_that_are_refused_say_what_to_do(self, connect: Connect) -> None:
        with pytest.raises(CloudDeniedError) as refused:
            list(connect(login={"username": "ann", "password": "wrong"}).repositories())
        assert "Check the user name and the password or token of its connection" in refused.value.advice
        assert "Or name the connection's repositories" in refused.value.advice
        assert refused.value.code == "Unauthorized"

    def test_that_nobody_lists_say_what_to_do(self, connect: Connect) -> None:
        with Interface() as interface, pytest.raises(CloudError, match="name the connection's repositories") as refused:
            list(connect(base=interface.url).repositories())
        assert not isinstance(refused.value, CloudDeniedError)

    def test_with_names_that_lead_elsewhere_are_told_and_not_asked_for(self, connect: Connect) -> None:
        with Interface() as interface:
            interface.answer("/v2/_catalog?n=1000", {"repositories": ["../../secret", "a/b", "c?d"]})
            names = connect(base=interface.url).repositories()
            assert next(names) == "a/b"
            with pytest.raises(CloudError, match=r"2 repositories with names that cannot be, as '\.\./\.\./secret'"):
                next(names)


class TestImages:
    def test_are_what_the_tags_name_each_once(self, registry: SimulatedRegistry, api: DockerRegistry) -> None:
        for tag in ("v1", "v2", "latest"):
            registry.push("a/b", tag, AMD)
        registry.push("a/b", "many", INDEX)
        found = {detail.digest: detail for detail in api.images("a/b")}
        assert set(found) == {AMD.digest, INDEX.digest}
        assert set(found[AMD.digest].tags) == {"v1", "v2", "latest"}
        assert found[INDEX.digest].media_type == INDEX.media_type
        assert {each.method for each in registry.asked_for("/manifests/")} == {"HEAD"}

    def test_are_got_where_the_registry_does_not_say_their_digest(self, connect: Connect) -> None:
        with Interface() as interface:
            interface.answer("/v2/a/b/tags/list?n=1000", {"tags": ["v1"]})
            interface.answer("/v2/a/b/manifests/v1", AMD.document, Content_Type=AMD.media_type)
            (detail,) = connect(base=interface.url).images("a/b")
        assert (detail.digest, detail.media_type) == (AMD.digest, AMD.media_type)

    def test_that_are_listed_and_not_there_are_a_gap(self, registry: SimulatedRegistry, api: DockerRegistry) -> None:
        registry.push("a/b", "v1", AMD)
        for tag in ("v2", "v3"):
            registry.push("a/b", tag, ARM)
            registry.delete("a/b", tag)
        found = listing(api, repository(api))
        assert found.gap is not None
        assert f"{registry.host}/a/b: tag v2, and 1 more of its tags: the registry has no image" in found.gap.detail
        assert [each.digest for each in found.details] == [AMD.digest]

    def test_whose_tag_was_deleted_meanwhile_are_no_loss(self, connect: Connect) -> None:
        with Interface() as interface:
            interface.first["/v2/a/b/tags/list?n=1000"] = {"tags": ["gone", "v1"]}
            interface.answer("/v2/a/b/tags/list?n=1000", {"tags": ["v1"]})
            interface.answer("/v2/a/b/manifests/v1", AMD.document, Content_Type=AMD.media_type)
            api = connect(base=interface.url)
            found = listing(api, repository(api))
        assert found.gap is None
        assert [each.digest for each in found.details] == [AMD.digest]

    def test_of_a_named_repository_that_is_not_there_are_a_gap(self, connect: Connect) -> None:
        api = connect(repositories=["a/b"])
        gap = listing(api, repository(api)).gap
        assert gap is not None
        assert gap.why is Why.UNREACHABLE
        assert "the registry has no repository a/b" in gap.detail

    def test_of_a_listed_repository_that_is_not_there_are_no_empty_list(self, api: DockerRegistry) -> None:
        with pytest.raises(CloudError, match=r"it is empty, or may not be read\. If it is empty, leave it out"):
            list(api.images("a/b"))

    def test_of_a_list_that_breaks_off_are_not_all(self, connect: Connect) -> None:
        with Interface() as interface:
            following = '</v2/a/b/tags/list?last=v1>; rel="next"'
            interface.answer("/v2/a/b/tags/list?n=1000", {"tags": ["v1"]}, Link=following)
            with pytest.raises(CloudError, match="the registry has no repository a/b"):
                list(connect(base=interface.url).images("a/b"))

    def test_with_very_many_tags_are_listed_once_with_all(
        self, registry: SimulatedRegistry, api: DockerRegistry
    ) -> None:
        tags = [f"v{number:03}" for number in range(150)]
        for tag in tags:
            registry.push("a/b", tag, ARM if tag == "v100" else AMD)
        found = {each.digest: each.tags for each in listing(api, repository(api)).details}
        assert found[ARM.digest] == ("v100",)
        assert found[AMD.digest] == tuple(tag for tag in tags if tag != "v100")

    def test_are_not_asked_for_one_by_one_where_everything_is_refused(self, connect: Connect) -> None:
        with Interface() as interface:
            interface.answer("/v2/a/b/tags/list?n=1000", {"tags": [f"v{number}" for number in range(100)]})
            interface.wants["/v2/a/b/manifests"] = "what nobody has"
            with pytest.raises(CloudDeniedError, match="tag v0, and 99 more of its tags: the registry refuses"):
                list(connect(base=interface.url).images("a/b"))
            assert len(set(interface.paths())) < 30

    def test_that_are_denied_are_a_denied_gap(self, connect: Connect, registry: SimulatedRegistry) -> None:
        registry.push("a/b", "v1", AMD)
        api = connect(login={})
        gap = listing(api, repository(api)).gap
        assert gap is not None
        assert gap.why is Why.DENIED

    def test_of_google_are_all_that_it_lists(self, connect: Connect) -> None:
        digest, untagged = f"sha256:{AMD.digest.hex}", sha256(b"untagged")
        manifest = {
            "imageSizeBytes": "123",
            "mediaType": AMD.media_type,
            "tag": ["v1"],
            "timeUploadedMs": "1700000000000",
        }
        lines = {digest: manifest, str(untagged): {"tag": [], "timeUploadedMs": "0", "imageSizeBytes": "x"}}
        with Interface() as interface:
            interface.answer("/v2/p/app/tags/list?n=1000", {"tags": ["v1"], "manifest": lines, "child": []})
            found = {each.digest: each for each in connect("gcr", base=interface.url).images("p/app")}
            assert interface.paths() == ["/v2/p/app/tags/list?n=1000"]
        assert found[AMD.digest].tags == ("v1",)
        assert found[AMD.digest].size == 123
        assert str(found[AMD.digest].pushed) == "2023-11-14 22:13:20+00:00"
        assert found[untagged].tags == ()


class TestManifests:
    def test_are_answered_each(self, registry: SimulatedRegistry, api: DockerRegistry) -> None:
        registry.push("a/b", "many", INDEX)
        missing = sha256(b"missing")
        answers = api.manifests("a/b", [INDEX.digest, missing, AMD.digest])
        assert list(answers) == [INDEX.digest, missing, AMD.digest]
        assert answers[AMD.digest].content == AMD.document
        assert answers[missing].failure == "ImageNotFound"

    def test_are_read_as_those_of_ecr(self, registry: SimulatedRegistry, api: DockerRegistry) -> None:
        registry.push("a/b", "many", INDEX)
        registry.faults.corrupt.add(ARM.digest)
        wanted = (INDEX.digest, AMD.digest, ARM.digest, sha256(b"missing"))
        index, image, wrong, absent = documents(api, repository(api), wanted, Limits())
        assert index.verdict.kind is Kind.INDEX
        assert {child.digest for child in index.children} == {AMD.digest, ARM.digest}
        assert image.content == AMD.document
        assert wrong.verdict.outcome is not None
        assert wrong.verdict.outcome.why is Why.MALFORMED
        assert absent.absent

    def test_that_are_denied_say_so(self, registry: SimulatedRegistry, connect: Connect) -> None:
        registry.push("a/b", "v1", AMD)
        (answer,) = connect(login={}).manifests("a/b", [AMD.digest]).values()
        assert answer.failure == "UpstreamAccessDenied"

    def test_a_tag_is_resolved(self, registry: SimulatedRegistry, api: DockerRegistry) -> None:
        registry.push("a/b", "v1", AMD)
        assert api.resolve("a/b", "v1") == AMD.digest
        with pytest.raises(CloudError, match="has no image v2") as refused:
            api.resolve("a/b", "v2")
        assert refused.value.code == "NotFound"

    def test_too_many_requests_are_waited_for(self, registry: SimulatedRegistry, api: DockerRegistry) -> None:
        registry.push("a/b", "v1", AMD)
        registry.faults.answers += [(429, {"Retry-After": "1"})] * 3
        assert api.resolve("a/b", "v1") == AMD.digest


class TestBlobs:
    BLOB = AMD.layers[0].digest

    def read(self, api: DockerRegistry, digest: Digest) -> bytes:
        host = BlobHost(WAITING)
        try:
            with host.stream(lambda: api.download("a/b", digest), len(AMD.blobs[digest]), "blob") as stream:
                return stream.read()
        finally:
            host.close()

    def test_are_at_the_address_that_a_registry_redirects_to(
        self, registry: SimulatedRegistry, api: DockerRegistry
    ) -> None:
        with SimulatedRegistry() as storage:
            for each in (registry, storage):
                each.push("a/b", "v1", AMD)
            storage.faults.refuse_authorization = True
            registry.faults.redirect = storage.url
            download = api.download("a/b", self.BLOB)
            assert download.url.startswith(f"{storage.url}/")
            assert not download.headers
            assert self.read(api, self.BLOB) == AMD.blobs[self.BLOB]

    def test_are_relayed_where_only_a_login_opens_them(self, registry: SimulatedRegistry, api: DockerRegistry) -> None:
        registry.push("a/b", "v1", AMD)
        download = api.download("a/b", self.BLOB)
        assert registry.host not in download.url
        assert not download.headers
        assert all(self.read(api, digest) == content for digest, content in AMD.blobs.items())

    def test_of_a_registry_that_never_redirects_are_asked_for_once(
        self, registry: SimulatedRegistry, api: DockerRegistry
    ) -> None:
        registry.push("a/b", "v1", AMD)
        for _ in range(5):
            self.read(api, self.BLOB)
        registry.asked.clear()
        self.read(api, self.BLOB)
        assert len(registry.asked_for("/blobs/")) == 1

    def test_of_an_open_registry_are_where_it_is(self, registry: SimulatedRegistry, connect: Connect) -> None:
        registry.login = None
        registry.push("a/b", "v1", AMD)
        download = connect(login={}).download("a/b", self.BLOB)
        assert download.url == f"{registry.url}/v2/a/b/blobs/{self.BLOB}"
        assert not download.headers

    def test_that_are_not_there_are_told(self, registry: SimulatedRegistry, api: DockerRegistry) -> None:
        registry.push("a/b", "v1", AMD)
        for _ in range(4):
            with pytest.raises(CloudError, match="the registry has no blob"):
                api.download("a/b", sha256(b"missing"))

"""Pulling from ECR: by its own API where it can be, and always what the digest says."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from fakes.blob_registry import BlobRegistry
from tidewaiter.errors import CloudDeniedError, LimitError, MalformedError, RegistryDeniedError, RegistryError
from tidewaiter.fleet.pull import EcrSource
from tidewaiter.image.limits import Limits
from tidewaiter.image.source import open_images
from tidewaiter.model.cloud import Registry
from tidewaiter.model.image import Digest, Reference
from tidewaiter.registry.transport import Patience, Waiting
from tidewaiter.simulator.images import build_image, build_layer, sha256
from tidewaiter.simulator.registry import Login

CEILING = 4 << 20
NOISE = b"".join(number.to_bytes(4, "big") for number in range(100_000))
BIG = build_layer({"data": NOISE}, compression="")
IMAGE = build_image([build_layer({"etc/os-release": b"ID=debian\n"}), BIG])
Pull = Callable[[Digest], bytes]


@pytest.fixture
def api() -> Iterator[BlobRegistry]:
    with BlobRegistry() as running:
        running.push("team/app", "v1", IMAGE)
        yield running


@pytest.fixture
def source(api: BlobRegistry) -> Iterator[EcrSource]:
    pulling = EcrSource(api, waiting=Waiting(Patience(connect=5, read=5), sleep=lambda _: None))
    yield pulling
    pulling.close()


@pytest.fixture
def pull(source: EcrSource, api: BlobRegistry) -> Pull:
    def pulled(digest: Digest) -> bytes:
        with source.blob(reference(api), digest, len(IMAGE.blobs[digest])) as stream:
            return stream.read()

    return pulled


def reference(api: BlobRegistry, *, tag: str = "v1", digest: Digest | None = None) -> Reference:
    return Reference(registry=api.registry.host, repository="team/app", tag=tag, digest=digest)


class TestManifests:
    def test_a_tag_is_resolved_and_the_manifest_pulled_by_its_digest(
        self, source: EcrSource, api: BlobRegistry
    ) -> None:
        found = source.manifest(source.reference(f"{api.registry.host}/team/app:v1"), ceiling=CEILING)
        assert found == (IMAGE.document, IMAGE.media_type)
        assert api.docker.asked == []

    def test_a_digest_goes_before_the_tag(self, source: EcrSource, api: BlobRegistry) -> None:
        found, _ = source.manifest(reference(api, tag="other", digest=IMAGE.digest), ceiling=CEILING)
        assert found == IMAGE.document

    def test_other_bytes_than_the_digest_s_are_refused(self, source: EcrSource, api: BlobRegistry) -> None:
        api._manifests["team/app", IMAGE.digest] = (IMAGE.media_type, IMAGE.document + b" ")
        with pytest.raises(MalformedError, match="wrong digest"):
            source.manifest(reference(api, digest=IMAGE.digest), ceiling=CEILING)

    def test_so_are_other_bytes_than_those_of_what_a_tag_names(self, source: EcrSource, api: BlobRegistry) -> None:
        api._manifests["team/app", IMAGE.digest] = (IMAGE.media_type, IMAGE.document + b" ")
        with pytest.raises(MalformedError, match="wrong digest"):
            source.manifest(reference(api), ceiling=CEILING)

    def test_a_manifest_beyond_the_ceiling_is_refused(self, source: EcrSource, api: BlobRegistry) -> None:
        with pytest.raises(LimitError) as refused:
            source.manifest(reference(api), ceiling=len(IMAGE.document) - 1)
        assert refused.value.limit == "manifest_bytes"

    @pytest.mark.parametrize("refused", ["BatchGetImage", "DescribeImages"])
    def test_the_docker_api_is_asked_where_the_own_one_refuses(
        self, source: EcrSource, api: BlobRegistry, refused: str
    ) -> None:
        api.refused.add(refused)
        assert source.manifest(reference(api), ceiling=CEILING)[0] == IMAGE.document

    def test_if_both_refuse_the_first_error_tells_which_permission_is_missing(
        self, source: EcrSource, api: BlobRegistry
    ) -> None:
        api.refused |= {"BatchGetImage", "GetAuthorizationToken"}
        with pytest.raises(RegistryDeniedError, match=r"ecr:BatchGetImage is denied\. Allow it") as refused:
            source.manifest(reference(api), ceiling=CEILING)
        assert isinstance(refused.value.__cause__, CloudDeniedError)

    @pytest.mark.parametrize("named", [{"digest": sha256(b"none")}, {"tag": "none"}])
    def test_an_image_that_is_not_there_is_not_looked_for_elsewhere(
        self, source: EcrSource, api: BlobRegistry, named: dict[str, str]
    ) -> None:
        with pytest.raises(RegistryError, match="no such image"):
            source.manifest(reference(api, **named), ceiling=CEILING)  # type: ignore[arg-type]  # either has its type
        assert api.logins == 0


class TestBlobs:
    def test_a_blob_comes_from_its_signed_address_without_a_login(self, pull: Pull, api: BlobRegistry) -> None:
        assert pull(BIG.digest) == BIG.stored
        assert api.docker.asked == []
        assert all("Authorization" not in asked.headers for asked in api.storage.asked)

    def test_a_lost_connection_goes_on_with_the_same_address(self, pull: Pull, api: BlobRegistry) -> None:
        api.storage.faults.drop_at, api.storage.faults.drops = 100_000, 2
        assert pull(BIG.digest) == BIG.stored
        assert api.asked[BIG.digest] == 1
        assert [asked.headers.get("Range") for asked in api.storage.asked] == [
            None,
            "bytes=100000-",
            "bytes=200000-",
        ]

    @pytest.mark.parametrize("status", [400, 401, 403])
    def test_a_new_address_is_asked_for_when_the_old_one_is_refused_in_the_middle(
        self, api: BlobRegistry, source: EcrSource, status: int
    ) -> None:
        api.storage.faults.drop_at, api.storage.faults.drops = 100_000, 1
        with source.blob(reference(api), BIG.digest, len(BIG.stored)) as stream:
            first = stream.read(50_000)
            api.storage.faults.answers.append((status, {}))
            assert first + stream.read() == BIG.stored
        assert api.asked[BIG.digest] == 2

    def test_an_address_that_is_known_to_have_expired_is_not_tried(self, pull: Pull, api: BlobRegistry) -> None:
        api.storage.faults.drop_at, api.storage.faults.drops = 100_000, 1
        api.life = timedelta(seconds=1)
        assert pull(BIG.digest) == BIG.stored
        assert api.asked[BIG.digest] == 2
        assert len(api.storage.asked) == 2

    def test_addresses_that_are_all_refused_end_with_an_error_that_shows_none(
        self, pull: Pull, api: BlobRegistry
    ) -> None:
        api.storage.faults.answers += [(403, {})] * 3
        with pytest.raises(RegistryDeniedError, match="refuses the blob") as refused:
            pull(BIG.digest)
        assert "s3:GetObject" in str(refused.value)
        assert "secret" not in str(refused.value)
        assert api.asked[BIG.digest] == 3

    def test_a_storage_that_has_lost_the_blob_says_so(self, pull: Pull, api: BlobRegistry) -> None:
        api.storage.faults.answers.append((404, {}))
        with pytest.raises(RegistryError, match="does not have the blob"):
            pull(BIG.digest)

    def test_no_signed_address_is_used_where_anyone_may_listen(self, pull: Pull, api: BlobRegistry) -> None:
        api.storage = _Elsewhere(api)  # type: ignore[assignment]  # only its address is asked
        with pytest.raises(RegistryError, match="over http, where anyone may listen"):
            pull(BIG.digest)


class TestFallingBack:
    @pytest.fixture(params=["refused", "unknown"])
    def troubled(self, request: pytest.FixtureRequest, api: BlobRegistry) -> BlobRegistry:
        """ECR's own API does not give the address."""
        if request.param == "refused":
            api.refused.add("GetDownloadUrlForLayer")
        else:
            api.unknown.update(IMAGE.blobs)
        return api

    def test_the_docker_api_redirects_to_the_address(self, pull: Pull, troubled: BlobRegistry) -> None:
        assert pull(BIG.digest) == BIG.stored
        assert all("Authorization" not in asked.headers for asked in troubled.storage.asked)

    def test_a_registry_that_sends_the_blob_itself_is_asked_with_the_login(
        self, pull: Pull, troubled: BlobRegistry
    ) -> None:
        troubled.docker.faults.redirect = ""
        assert pull(BIG.digest) == BIG.stored
        assert troubled.storage.asked == []

    def test_a_login_is_renewed_when_the_registry_no_longer_takes_it(self, pull: Pull, troubled: BlobRegistry) -> None:
        pull(BIG.digest)
        troubled.docker.login = Login(scheme="basic", username="AWS", password="another")
        troubled.password = "another"
        assert pull(BIG.digest) == BIG.stored

    def test_where_neither_helps_the_permission_is_named(self, pull: Pull, api: BlobRegistry) -> None:
        api.refused |= {"GetDownloadUrlForLayer", "GetAuthorizationToken"}
        with pytest.raises(RegistryDeniedError, match="ecr:GetDownloadUrlForLayer is denied"):
            pull(BIG.digest)

    def test_a_refusal_is_not_asked_for_again_in_this_repository(self, pull: Pull, api: BlobRegistry) -> None:
        api.refused.add("GetDownloadUrlForLayer")
        pull(BIG.digest)
        pull(IMAGE.layers[0].digest)
        assert sum(api.asked.values()) == 1

    def test_another_error_is_no_reason_to_fall_back(self, pull: Pull, api: BlobRegistry) -> None:
        api.broken = "ThrottlingException"
        with pytest.raises(RegistryError, match="ThrottlingException"):
            pull(BIG.digest)
        assert api.logins == 0


def test_an_image_is_opened_through_it(source: EcrSource, api: BlobRegistry) -> None:
    target = f"{api.registry.host}/team/app:v1"
    with open_images(target, platform=None, all_platforms=False, limits=Limits(), registry=lambda: source) as images:
        assert [image.identity.digest for image in images] == [IMAGE.digest]


def test_a_public_repository_is_asked_for_without_the_alias(api: BlobRegistry) -> None:
    api.registry = Registry(
        partition="aws", account="111111111111", region="us-east-1", host="public.ecr.aws/team", public=True
    )
    api.push("app", "v1", IMAGE)
    source = EcrSource(api)
    found, _ = source.manifest(source.reference("public.ecr.aws/team/app:v1"), ceiling=CEILING)
    source.close()
    assert found == IMAGE.document


class _Elsewhere:
    """A storage on another machine, without TLS."""

    url = "http://storage.example.com"

    def __init__(self, api: BlobRegistry) -> None:
        self._really = api.storage

    def __exit__(self, *ending: object) -> None:
        self._really.__exit__(None, None, None)

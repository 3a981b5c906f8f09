"""A private registry by its API: listings, tags, manifests, addresses of blobs, logins."""

import base64
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from fakes.chains import Arguments, FakeAws
from tidewaiter.aws.ecr import MANIFEST_TYPES, Ecr, expiry
from tidewaiter.errors import CloudDeniedError, CloudError
from tidewaiter.model.cloud import ImageStatus, Registry
from tidewaiter.model.image import Digest

HOST = "222222222222.dkr.ecr.eu-west-1.amazonaws.com"
REGISTRY = Registry(partition="aws", account="222222222222", region="eu-west-1", host=HOST)


def digest(number: int) -> Digest:
    return Digest("sha256", f"{number:064x}")


def ecr(aws: FakeAws) -> Ecr:
    return Ecr(aws.chain(), REGISTRY)


def test_repositories_are_listed_over_all_pages_also_after_an_empty_one() -> None:
    pages: list[Arguments] = [
        {"repositories": [{"repositoryName": "a/b"}]},
        {"repositories": []},
        {"repositories": [{"repositoryName": "cd"}]},
    ]
    aws = FakeAws(answers={("ecr:DescribeRepositories",): pages})
    assert list(ecr(aws).repositories()) == ["a/b", "cd"]
    asked = aws.asked[0]
    assert asked.arguments == {"registryId": "222222222222", "maxResults": 1000}
    assert (asked.region, asked.resource) == ("eu-west-1", "arn:aws:ecr:eu-west-1:222222222222:repository/*")


def test_the_page_that_entering_asked_for_is_not_asked_for_again() -> None:
    aws = FakeAws(answers={("ecr:DescribeRepositories",): [{"repositories": [{"repositoryName": "one"}]}]})
    registry = ecr(aws)
    registry.enter()
    assert aws.counts()["ecr:DescribeRepositories"] == 1
    assert list(registry.repositories()) == ["one"]
    assert aws.counts()["ecr:DescribeRepositories"] == 1
    assert list(registry.repositories()) == ["one"]
    assert aws.counts()["ecr:DescribeRepositories"] == 2


def test_a_refusal_shows_on_entering() -> None:
    aws = FakeAws()
    aws.refuse(action="ecr:DescribeRepositories")
    with pytest.raises(CloudDeniedError, match="DescribeRepositories is denied"):
        ecr(aws).enter()


@pytest.mark.parametrize("name", ["x", "Upper", "a//b", "../up", "a\x1b[2J", "a" * 257, "a" * 40 + "!", "end\n"])
def test_what_cannot_be_a_repository_is_not_taken_for_one(name: str) -> None:
    aws = FakeAws(answers={("ecr:DescribeRepositories",): [{"repositories": [{"repositoryName": name}]}]})
    with pytest.raises(CloudError, match="otherwise than its documentation says"):
        list(ecr(aws).repositories())


def test_images_of_any_status_are_listed_with_all_that_is_told_of_them() -> None:
    paris = timezone(timedelta(hours=1))
    detail = {
        "imageDigest": str(digest(1)),
        "imageTags": ["1.0", "latest"],
        "imageSizeInBytes": 7,
        "imagePushedAt": datetime(2026, 1, 2, 1, tzinfo=paris),
        "lastRecordedPullTime": datetime(2026, 1, 3, tzinfo=UTC),
        "imageManifestMediaType": MANIFEST_TYPES[0],
        "artifactMediaType": "application/vnd.cncf.helm.config.v1+json",
        "subjectManifestDigest": str(digest(2)),
        "imageStatus": "ARCHIVED",
        "imageScanStatus": {"status": "COMPLETE"},
    }
    aws = FakeAws(
        answers={
            ("ecr:DescribeImages",): [{"imageDetails": [detail]}, {"imageDetails": [{"imageDigest": str(digest(3))}]}]
        }
    )
    first, second = ecr(aws).images("app")
    assert (first.digest, first.tags, first.size) == (digest(1), ("1.0", "latest"), 7)
    assert (first.pushed, first.pulled) == (datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC))
    assert first.pushed is not None and first.pushed.tzinfo is UTC  # noqa: PT018 - one claim
    assert (first.media_type, first.artifact_type) == (MANIFEST_TYPES[0], "application/vnd.cncf.helm.config.v1+json")
    assert (first.subject, first.status) == (digest(2), ImageStatus.ARCHIVED)
    assert (second.tags, second.pushed, second.subject, second.status) == ((), None, None, ImageStatus.ACTIVE)
    assert aws.asked[0].arguments["filter"] == {"imageStatus": "ANY"}
    assert aws.asked[0].arguments["maxResults"] == 1000
    assert aws.asked[0].resource == "arn:aws:ecr:eu-west-1:222222222222:repository/app"


def test_a_status_that_is_new_counts_as_active() -> None:
    images = [{"imageDigest": str(digest(1)), "imageStatus": "FROZEN"}]
    aws = FakeAws(answers={("ecr:DescribeImages",): [{"imageDetails": images}]})
    assert next(ecr(aws).images("app")).status is ImageStatus.ACTIVE


@pytest.mark.parametrize(
    "detail",
    [{}, {"imageDigest": "sha256:12"}, {"imageDigest": 7}, {"imageDigest": str(digest(1)), "imageTags": "latest"}],
)
def test_a_broken_listing_is_an_error_that_names_the_call(detail: Arguments) -> None:
    aws = FakeAws(answers={("ecr:DescribeImages",): [{"imageDetails": [detail]}]})
    with pytest.raises(CloudError, match="ecr:DescribeImages"):
        list(ecr(aws).images("app"))


def test_a_tag_is_resolved_by_the_listing_and_never_pulled() -> None:
    aws = FakeAws(answers={("ecr:DescribeImages",): [{"imageDetails": [{"imageDigest": str(digest(5))}]}]})
    assert ecr(aws).resolve("app", "v1") == digest(5)
    assert aws.counts() == {"ecr:DescribeImages": 1}
    assert aws.asked[0].arguments["imageIds"] == [{"imageTag": "v1"}]


def test_a_tag_that_is_not_there_is_an_error() -> None:
    aws = FakeAws(answers={("ecr:DescribeImages",): [{"imageDetails": []}]})
    with pytest.raises(CloudError, match="no such image") as caught:
        ecr(aws).resolve("app", "v1")
    assert caught.value.where == f"{HOST}/app:v1"
    assert caught.value.code == "ImageNotFoundException"


def given(each: str) -> dict[str, Any]:
    return {"imageId": {"imageDigest": each}, "imageManifest": f"manifest {each} ü", "imageManifestMediaType": "m"}


def test_manifests_come_in_batches_of_100_by_digest_with_all_media_types_accepted() -> None:
    def answer(_: str, __: str, arguments: Arguments) -> Arguments:
        return {"images": [given(each["imageDigest"]) for each in arguments["imageIds"]]}

    aws = FakeAws(answers={("ecr:BatchGetImage",): answer})
    digests = [digest(number) for number in range(250)]
    answers = ecr(aws).manifests("app", [*digests, digests[0]])
    assert list(answers) == digests
    assert answers[digests[7]].content == f"manifest {digests[7]} ü".encode()
    assert answers[digests[7]].media_type == "m"
    assert [len(each.arguments["imageIds"]) for each in aws.asked] == [100, 100, 50]
    assert all(set(image) == {"imageDigest"} for each in aws.asked for image in each.arguments["imageIds"])
    assert aws.asked[0].arguments["acceptedMediaTypes"] == list(MANIFEST_TYPES)


def test_a_manifest_that_is_refused_says_why() -> None:
    failure = {
        "imageId": {"imageDigest": str(digest(1))},
        "failureCode": "ImageInaccessible",
        "failureReason": "the image is archived",
    }
    aws = FakeAws(answers={("ecr:BatchGetImage",): [{"images": [given(str(digest(2)))], "failures": [failure]}]})
    answers = ecr(aws).manifests("app", [digest(1), digest(2)])
    assert (answers[digest(1)].failure, answers[digest(1)].reason) == ("ImageInaccessible", "the image is archived")
    assert (answers[digest(1)].content, answers[digest(2)].failure) == (b"", "")


def test_manifests_that_an_answer_passes_over_are_asked_for_again() -> None:
    def answer(_: str, __: str, arguments: Arguments) -> Arguments:
        return {"images": [given(each["imageDigest"]) for each in arguments["imageIds"][:3]]}

    aws = FakeAws(answers={("ecr:BatchGetImage",): answer})
    digests = [digest(number) for number in range(7)]
    answers = ecr(aws).manifests("app", digests)
    assert {key for key, value in answers.items() if value.content} == set(digests)
    assert aws.counts()["ecr:BatchGetImage"] == 3


def test_manifests_that_are_never_answered_end_as_failures() -> None:
    aws = FakeAws(answers={("ecr:BatchGetImage",): [{"images": [given(str(digest(9)))], "failures": []}]})
    answers = ecr(aws).manifests("app", [digest(1), digest(2)])
    assert [each.failure for each in answers.values()] == ["NotAnswered", "NotAnswered"]
    assert set(answers) == {digest(1), digest(2)}


def test_the_bytes_of_a_manifest_with_half_a_surrogate_are_passed_on() -> None:
    image = {"imageId": {"imageDigest": str(digest(1))}, "imageManifest": "\ud800"}
    aws = FakeAws(answers={("ecr:BatchGetImage",): [{"images": [image]}]})
    assert ecr(aws).manifests("app", [digest(1)])[digest(1)].content == b"\xed\xa0\x80"


def test_a_blob_is_at_a_presigned_address_that_is_never_shown() -> None:
    url = "https://bucket.s3/x?X-Amz-Date=20261122T061700Z&X-Amz-Expires=3600&X-Amz-Signature=secret"
    aws = FakeAws(answers={("ecr:GetDownloadUrlForLayer",): [{"downloadUrl": url, "layerDigest": str(digest(1))}]})
    download = ecr(aws).download("app", digest(1))
    assert (download.url, download.headers) == (url, ())
    assert download.expires == datetime(2026, 11, 22, 7, 17, tzinfo=UTC)
    assert "secret" not in repr(download)
    assert aws.asked[0].arguments["layerDigest"] == str(digest(1))


@pytest.mark.parametrize(
    ("query", "expires"),
    [
        ("x-amz-date=20260101T000000Z&x-amz-expires=60", datetime(2026, 1, 1, 0, 1, tzinfo=UTC)),
        ("Expires=1767225600&Signature=s&Key-Pair-Id=k", datetime(2026, 1, 1, tzinfo=UTC)),
        ("X-Amz-Date=yesterday&X-Amz-Expires=60", None),
        ("X-Amz-Date=20260101T000000Z", None),
        ("X-Amz-Date=20260101T000000Z&X-Amz-Expires=99999999999999999", None),
        ("Expires=99999999999999999999", None),
        ("Expires=soon", None),
        ("", None),
    ],
)
def test_the_end_of_an_address_is_read_where_it_tells(query: str, expires: datetime | None) -> None:
    assert expiry(f"https://bucket/x?{query}") == expires


def token(text: bytes, proxy: str) -> Arguments:
    data = {
        "authorizationToken": base64.b64encode(text).decode(),
        "expiresAt": datetime(2026, 1, 1, tzinfo=UTC),
        "proxyEndpoint": proxy,
    }
    return {"authorizationData": [data]}


@pytest.mark.parametrize(
    ("proxy", "endpoint"),
    [
        (f"https://{HOST}", f"https://{HOST}"),
        ("https://111111111111.dkr.ecr.eu-west-1.amazonaws.com", f"https://{HOST}"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("", f"https://{HOST}"),
    ],
)
def test_the_login_is_for_the_registry_that_was_meant(proxy: str, endpoint: str) -> None:
    aws = FakeAws(answers={("ecr:GetAuthorizationToken",): [token(b"AWS:pass:word", proxy)]})
    login = ecr(aws).authorization()
    assert (login.endpoint, login.username, login.password) == (endpoint, "AWS", "pass:word")
    assert login.expires == datetime(2026, 1, 1, tzinfo=UTC)
    assert "pass:word" not in repr(login)


@pytest.mark.parametrize("text", [b"no colon", b"\xff\xfe:"])
def test_a_token_without_a_login_is_an_error_that_does_not_show_it(text: bytes) -> None:
    aws = FakeAws(answers={("ecr:GetAuthorizationToken",): [token(text, "")]})
    with pytest.raises(CloudError, match="holds no user and password") as caught:
        ecr(aws).authorization()
    assert base64.b64encode(text).decode() not in str(caught.value)


def test_a_token_that_is_not_base64_is_an_error() -> None:
    data = {"authorizationToken": base64.b64encode(b"AWS:password").decode() + "!"}
    with pytest.raises(CloudError, match="holds no user and password"):
        ecr(FakeAws(answers={("ecr:GetAuthorizationToken",): [{"authorizationData": [data]}]})).authorization()


def test_no_token_at_all_is_an_error() -> None:
    with pytest.raises(CloudError, match="without a token"):
        ecr(FakeAws(answers={("ecr:GetAuthorizationToken",): [{"authorizationData": []}]})).authorization()

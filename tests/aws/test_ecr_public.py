"""A public registry by its API, which lists, and no more."""

import base64
from datetime import UTC, datetime

import pytest

from fakes.chains import FakeAws
from tidewaiter.aws.ecr_public import EcrPublic, public_registry
from tidewaiter.errors import CloudError
from tidewaiter.model.cloud import ImageStatus, Registry
from tidewaiter.model.image import Digest

ACCOUNT = "111111111111"
HOST = "public.ecr.aws/a1b2c3d4"
REGISTRY = Registry(partition="aws", account=ACCOUNT, region="us-east-1", host=HOST, public=True)
DIGEST = Digest("sha256", "ab" * 32)


def test_the_registry_is_where_aws_says_it_is() -> None:
    other, own = (
        {"registryId": "222222222222", "registryUri": "x/y"},
        {"registryId": ACCOUNT, "registryUri": f"{HOST}/"},
    )
    aws = FakeAws(answers={("ecr-public:DescribeRegistries",): [{"registries": []}, {"registries": [other, own]}]})
    assert public_registry(aws.chain(), ACCOUNT, "aws") == REGISTRY
    assert aws.asked[0].region == "us-east-1"


@pytest.mark.parametrize("registries", [[], [{"registryId": ACCOUNT}]])
def test_an_account_that_never_made_a_public_repository_has_no_registry(registries: list[dict[str, str]]) -> None:
    aws = FakeAws(answers={("ecr-public:DescribeRegistries",): [{"registries": registries}]})
    assert public_registry(aws.chain(), ACCOUNT, "aws") is None


def test_repositories_and_images_are_listed_in_the_one_region() -> None:
    image = {"imageDigest": str(DIGEST), "imageTags": ["1"], "imagePushedAt": datetime(2026, 1, 1, tzinfo=UTC)}
    aws = FakeAws(
        answers={
            ("ecr-public:DescribeRepositories",): [{"repositories": [{"repositoryName": "app"}]}],
            ("ecr-public:DescribeImages",): [{"imageDetails": [image]}],
        }
    )
    api = EcrPublic(aws.chain(), REGISTRY)
    assert list(api.repositories()) == ["app"]
    (found,) = api.images("app")
    assert (found.digest, found.tags, found.pulled, found.status) == (DIGEST, ("1",), None, ImageStatus.ACTIVE)
    assert {(each.region, each.arguments["maxResults"]) for each in aws.asked} == {("us-east-1", 1000)}
    assert aws.asked[1].resource == f"arn:aws:ecr-public::{ACCOUNT}:repository/app"
    assert "filter" not in aws.asked[1].arguments


def test_a_tag_is_resolved_by_the_listing() -> None:
    aws = FakeAws(answers={("ecr-public:DescribeImages",): [{"imageDetails": [{"imageDigest": str(DIGEST)}]}]})
    assert EcrPublic(aws.chain(), REGISTRY).resolve("app", "1") == DIGEST
    with pytest.raises(CloudError, match="no such image"):
        EcrPublic(FakeAws().chain(), REGISTRY).resolve("app", "1")


def test_the_login_is_for_the_public_host() -> None:
    token = {
        "authorizationToken": base64.b64encode(b"AWS:pass").decode(),
        "expiresAt": datetime(2026, 1, 1, tzinfo=UTC),
    }
    aws = FakeAws(answers={("ecr-public:GetAuthorizationToken",): [{"authorizationData": token}]})
    login = EcrPublic(aws.chain(), REGISTRY).authorization()
    assert (login.endpoint, login.username, login.password) == ("https://public.ecr.aws", "AWS", "pass")

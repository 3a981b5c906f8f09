"""The simulated ECR Public lists in one region, and gives tokens."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from fakes.ecr import EcrWithoutFront
from fakes.gates import ACCOUNT
from tidewaiter.simulator.images import build_image, build_layer
from tidewaiter.simulator.service import ServiceError

BUILT = build_image([build_layer({"etc/os-release": b"ID=debian\n"})])


@pytest.fixture
def ecr() -> Iterator[EcrWithoutFront]:
    ecr = EcrWithoutFront()
    with ecr.registries:
        yield ecr


def ask(ecr: EcrWithoutFront, operation: str, **arguments: Any) -> Mapping[str, Any]:
    return ecr.call(operation, service="ecr-public", region="us-east-1", **arguments)


def test_a_registry_says_its_alias_and_where_it_is_pulled_from(ecr: EcrWithoutFront) -> None:
    registry = ecr.registries.public(ACCOUNT)
    [found] = ask(ecr, "DescribeRegistries")["registries"]
    assert found["registryArn"] == f"arn:aws:ecr-public::{ACCOUNT}:registry/{ACCOUNT}"
    assert [each["name"] for each in found["aliases"]] == [registry.alias]
    assert found["registryUri"] == f"{registry.docker_url.removeprefix('http://')}/{registry.alias}"


def test_repositories_and_images_are_listed_with_less_than_private_ones(ecr: EcrWithoutFront) -> None:
    ecr.registries.public(ACCOUNT).push("app", "v1", BUILT)
    [repository] = ask(ecr, "DescribeRepositories")["repositories"]
    assert repository["repositoryArn"] == f"arn:aws:ecr-public::{ACCOUNT}:repository/app"
    assert "imageTagMutability" not in repository
    [image] = ask(ecr, "DescribeImages", repositoryName="app")["imageDetails"]
    assert (image["imageDigest"], image["imageTags"]) == (str(BUILT.digest), ["v1"])
    assert not {"imageStatus", "lastRecordedPullTime"} & set(image)


def test_public_and_private_repositories_are_apart(ecr: EcrWithoutFront) -> None:
    ecr.registry.create("private")
    ask(ecr, "CreateRepository", repositoryName="public")
    assert [each["repositoryName"] for each in ask(ecr, "DescribeRepositories")["repositories"]] == ["public"]
    assert [each["repositoryName"] for each in ecr.call("DescribeRepositories")["repositories"]] == ["private"]


def test_manifests_and_blobs_are_not_given_by_its_api(ecr: EcrWithoutFront) -> None:
    for operation in ("BatchGetImage", "GetDownloadUrlForLayer"):
        with pytest.raises(ServiceError, match=operation):
            ask(ecr, operation, repositoryName="app")


def test_a_token_needs_the_permission_for_bearer_tokens_too(ecr: EcrWithoutFront) -> None:
    assert ask(ecr, "GetAuthorizationToken")["authorizationData"]["authorizationToken"]
    ecr.gate.refused.add("sts:GetServiceBearerToken")
    with pytest.raises(ServiceError) as caught:
        ask(ecr, "GetAuthorizationToken")
    assert caught.value.code == "AccessDeniedException"


def test_it_answers_in_one_region_only(ecr: EcrWithoutFront) -> None:
    with pytest.raises(ServiceError, match="eu-west-1"):
        ecr.call("DescribeRegistries", service="ecr-public", region="eu-west-1")


def test_its_permissions_have_names_of_their_own(ecr: EcrWithoutFront) -> None:
    service = ecr.registries.services["ecr-public"]
    asked = service.action_and_resource("us-east-1", ACCOUNT, "DescribeImages", {"repositoryName": "app"})
    assert asked == ("ecr-public:DescribeImages", f"arn:aws:ecr-public::{ACCOUNT}:repository/app")
    assert service.action_and_resource("us-east-1", ACCOUNT, "DescribeRegistries", {})[1] == "*"

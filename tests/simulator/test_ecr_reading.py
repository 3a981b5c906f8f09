"""What the simulated ECR lists and gives, page by page, and what it refuses."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fakes.ecr import REGION, EcrWithoutFront
from fakes.gates import ACCOUNT, READER, STRANGER
from tidewaiter.model.cloud import ImageStatus
from tidewaiter.model.image import Digest, Platform
from tidewaiter.simulator.images import Built, build_artifact, build_image, build_index, build_layer, sha256
from tidewaiter.simulator.service import ServiceError

BASE = build_layer({"etc/os-release": b"ID=debian\n"})
OCI = "application/vnd.oci.image.manifest.v1+json"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
LONG_AGO = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


@pytest.fixture
def ecr() -> Iterator[EcrWithoutFront]:
    ecr = EcrWithoutFront()
    with ecr.registries:
        yield ecr


def image(number: int = 0, **arguments: object) -> Built:
    return build_image([BASE, build_layer({"number": str(number).encode()})], **arguments)  # type: ignore[arg-type]  # passed on


def refused(ecr: EcrWithoutFront, operation: str, **arguments: Any) -> str:
    with pytest.raises(ServiceError) as caught:
        ecr.call(operation, **arguments)
    return caught.value.code


def statuses(ecr: EcrWithoutFront, **arguments: Any) -> dict[str, str]:
    pages = ecr.listed("DescribeImages", "imageDetails", repositoryName="app", **arguments)
    return {each["imageDigest"]: each["imageStatus"] for page in pages for each in page}


# Listings


def test_repositories_are_listed_by_name_a_hundred_a_page(ecr: EcrWithoutFront) -> None:
    for number in reversed(range(250)):
        ecr.registry.create(f"app-{number:03}")
    pages = ecr.listed("DescribeRepositories", "repositories")
    assert [len(page) for page in pages] == [100, 100, 50]
    assert [one["repositoryName"] for page in pages for one in page] == [f"app-{number:03}" for number in range(250)]


def test_a_page_may_be_as_small_as_one_and_as_large_as_a_thousand(ecr: EcrWithoutFront) -> None:
    for number in range(3):
        ecr.registry.create(f"app-{number}")
    assert len(ecr.listed("DescribeRepositories", "repositories", maxResults=1)) == 3
    assert len(ecr.listed("DescribeRepositories", "repositories", maxResults=1000)) == 1
    assert refused(ecr, "DescribeRepositories", maxResults=1001) == "InvalidParameterException"


def test_a_page_goes_on_where_the_last_one_ended_although_a_repository_went_away(ecr: EcrWithoutFront) -> None:
    for name in ("aa", "bb", "cc"):
        ecr.registry.create(name)
    first = ecr.call("DescribeRepositories", maxResults=2)
    ecr.call("DeleteRepository", repositoryName="bb")
    rest = ecr.call("DescribeRepositories", nextToken=first["nextToken"])
    assert [each["repositoryName"] for each in rest["repositories"]] == ["cc"]


@pytest.mark.parametrize("token", ["nonsense", "WyJvdGhlciIsIjEiXQ=="])
def test_a_token_of_another_listing_is_refused(ecr: EcrWithoutFront, token: str) -> None:
    assert refused(ecr, "DescribeRepositories", nextToken=token) == "InvalidParameterException"


def test_a_repository_says_where_it_is(ecr: EcrWithoutFront) -> None:
    ecr.registry.create("team/app", created=LONG_AGO)
    [found] = ecr.call("DescribeRepositories", repositoryNames=["team/app"])["repositories"]
    assert found["repositoryArn"] == f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/team/app"
    assert found["repositoryUri"] == f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/team/app"
    assert found["createdAt"] == LONG_AGO


def test_registries_lie_in_the_partition_of_their_region(ecr: EcrWithoutFront) -> None:
    ecr.registries.registry(ACCOUNT, "cn-north-1").create("app")
    [found] = ecr.call("DescribeRepositories", region="cn-north-1")["repositories"]
    assert found["repositoryArn"] == f"arn:aws-cn:ecr:cn-north-1:{ACCOUNT}:repository/app"
    assert found["repositoryUri"] == f"{ACCOUNT}.dkr.ecr.cn-north-1.amazonaws.com.cn/app"


def test_what_is_not_there_is_named(ecr: EcrWithoutFront) -> None:
    assert refused(ecr, "DescribeRepositories", repositoryNames=["nowhere"]) == "RepositoryNotFoundException"
    assert refused(ecr, "DescribeImages", repositoryName="nowhere") == "RepositoryNotFoundException"
    ecr.registry.create("app")
    absent = [{"imageTag": "absent"}]
    assert refused(ecr, "DescribeImages", repositoryName="app", imageIds=absent) == "ImageNotFoundException"


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"repositoryName": "A"},
        {"repositoryName": "Upper/Case"},
        {"repositoryName": "a" * 257},
        {"repositoryName": "app", "imageIds": [{"imageTag": "v"}] * 101},
        {"repositoryName": "app", "imageIds": []},
        {"repositoryName": "app", "imageIds": [{"imageTag": "v"}], "maxResults": 1},
        {"repositoryName": "app", "filter": {"imageStatus": "GONE"}},
        {"repositoryName": "app", "nextToken": "WyJyZXBvc2l0b3JpZXMiLCJhcHAiXQ=="},
    ],
)
def test_arguments_beyond_the_api_s_limits_are_refused(ecr: EcrWithoutFront, arguments: dict[str, object]) -> None:
    ecr.registry.create("app")
    assert refused(ecr, "DescribeImages", **arguments) == "InvalidParameterException"


def test_an_image_is_described_as_it_was_pushed(ecr: EcrWithoutFront) -> None:
    built = image()
    digest = ecr.registry.push("app", "v1", built, pushed=LONG_AGO)
    assert ecr.call("DescribeImages", repositoryName="app")["imageDetails"] == [
        {
            "registryId": ACCOUNT,
            "repositoryName": "app",
            "imageDigest": str(digest),
            "imageTags": ["v1"],
            "imageSizeInBytes": sum(len(layer.stored) for layer in built.layers),
            "imagePushedAt": LONG_AGO,
            "imageManifestMediaType": OCI,
            "artifactMediaType": "application/vnd.oci.image.config.v1+json",
            "imageStatus": "ACTIVE",
        }
    ]
    assert digest == sha256(built.document)


def test_an_index_is_as_large_as_its_largest_child(ecr: EcrWithoutFront) -> None:
    small, large = image(1), build_image([build_layer({"large": bytes(range(256)) * 9}, compression="")])
    ecr.registry.push("app", "all", build_index([small, large]))
    [index] = ecr.call("DescribeImages", repositoryName="app", imageIds=[{"imageTag": "all"}])["imageDetails"]
    assert index["imageSizeInBytes"] == len(large.layers[0].stored)
    assert index["imageManifestMediaType"] == "application/vnd.oci.image.index.v1+json"


def test_a_tag_that_moves_leaves_its_old_image_untagged(ecr: EcrWithoutFront) -> None:
    old, new = (ecr.registry.push("app", "latest", image(number)) for number in (1, 2))
    untagged = ecr.call("DescribeImages", repositoryName="app", filter={"tagStatus": "UNTAGGED"})["imageDetails"]
    tagged = ecr.call("DescribeImages", repositoryName="app", filter={"tagStatus": "TAGGED"})["imageDetails"]
    assert [each["imageDigest"] for each in untagged] == [str(old)]
    assert [each["imageDigest"] for each in tagged] == [str(new)]


def test_ids_are_listed_once_a_tag(ecr: EcrWithoutFront) -> None:
    digest = ecr.registry.push("app", "v1", image())
    ecr.registry.push("app", "latest", image())
    bare = ecr.registry.push("app", "", image(1))
    assert ecr.call("ListImages", repositoryName="app")["imageIds"] == [
        {"imageDigest": str(digest), "imageTag": "v1"},
        {"imageDigest": str(digest), "imageTag": "latest"},
        {"imageDigest": str(bare)},
    ]


def test_only_active_images_are_listed_unless_others_are_asked_for(ecr: EcrWithoutFront) -> None:
    active = str(ecr.registry.push("app", "a", image(1)))
    archived = str(ecr.registry.push("app", "b", image(2), status=ImageStatus.ARCHIVED))
    activating = str(ecr.registry.push("app", "c", image(3), status=ImageStatus.ACTIVATING))
    assert statuses(ecr) == {active: "ACTIVE"}
    assert statuses(ecr, filter={"imageStatus": "ARCHIVED"}) == {archived: "ARCHIVED"}
    everything = {active: "ACTIVE", archived: "ARCHIVED", activating: "ACTIVATING"}
    assert statuses(ecr, filter={"imageStatus": "ANY"}) == everything


def test_a_filter_can_leave_a_page_empty_and_still_more_follow(ecr: EcrWithoutFront) -> None:
    for number in range(4):
        ecr.registry.push("app", "", image(number))
    ecr.registry.push("app", "v1", image(4))
    arguments = {"repositoryName": "app", "maxResults": 2, "filter": {"tagStatus": "TAGGED"}}
    assert [len(page) for page in ecr.listed("DescribeImages", "imageDetails", **arguments)] == [0, 0, 1]


def test_pages_of_images_go_on_although_images_came_and_went(ecr: EcrWithoutFront) -> None:
    digests = [str(ecr.registry.push("app", "", image(number))) for number in range(4)]
    first = ecr.call("DescribeImages", repositoryName="app", maxResults=2)
    ecr.call("BatchDeleteImage", repositoryName="app", imageIds=[{"imageDigest": digests[1]}])
    new = str(ecr.registry.push("app", "", image(4)))
    rest = ecr.call("DescribeImages", repositoryName="app", nextToken=first["nextToken"])
    assert [each["imageDigest"] for each in rest["imageDetails"]] == [*digests[2:], new]


# Manifests


def test_manifests_are_given_by_digest_and_by_tag(ecr: EcrWithoutFront) -> None:
    built = image()
    digest = str(ecr.registry.push("app", "v1", built))
    answer = ecr.call("BatchGetImage", repositoryName="app", imageIds=[{"imageDigest": digest}, {"imageTag": "v1"}])
    assert [each["imageManifest"].encode() for each in answer["images"]] == [built.document] * 2
    assert [each["imageManifestMediaType"] for each in answer["images"]] == [OCI] * 2
    assert answer["images"][1]["imageId"] == {"imageDigest": digest, "imageTag": "v1"}
    assert answer["failures"] == []


@pytest.mark.parametrize(
    ("image_id", "code"),
    [
        ({"imageDigest": f"sha256:{'0' * 64}"}, "ImageNotFound"),
        ({"imageTag": "absent"}, "ImageNotFound"),
        ({"imageDigest": "sha256:short"}, "InvalidImageDigest"),
        ({}, "MissingDigestAndTag"),
    ],
)
def test_each_manifest_that_cannot_be_given_says_why(ecr: EcrWithoutFront, image_id: dict[str, str], code: str) -> None:
    digest = str(ecr.registry.push("app", "v1", image()))
    answer = ecr.call("BatchGetImage", repositoryName="app", imageIds=[image_id, {"imageDigest": digest}])
    assert [each["failureCode"] for each in answer["failures"]] == [code]
    assert answer["failures"][0]["imageId"] == image_id
    assert len(answer["images"]) == 1


def test_a_tag_of_another_manifest_does_not_match(ecr: EcrWithoutFront) -> None:
    digest = str(ecr.registry.push("app", "v1", image(1)))
    ecr.registry.push("app", "v2", image(2))
    ids = [{"imageDigest": digest, "imageTag": "v2"}]
    [failure] = ecr.call("BatchGetImage", repositoryName="app", imageIds=ids)["failures"]
    assert failure["failureCode"] == "ImageTagDoesNotMatchDigest"


@pytest.mark.parametrize("status", [ImageStatus.ARCHIVED, ImageStatus.ACTIVATING])
def test_what_is_not_active_cannot_be_pulled(ecr: EcrWithoutFront, status: ImageStatus) -> None:
    built = image()
    digest = str(ecr.registry.push("app", "v1", built, status=status))
    [failure] = ecr.call("BatchGetImage", repositoryName="app", imageIds=[{"imageDigest": digest}])["failures"]
    assert failure["failureCode"] == "ImageInaccessible"
    layer = str(built.layers[0].digest)
    arguments = {"repositoryName": "app", "layerDigest": layer}
    assert refused(ecr, "GetDownloadUrlForLayer", **arguments) == "LayerInaccessibleException"


def test_by_digest_nothing_is_converted(ecr: EcrWithoutFront) -> None:
    digest = str(ecr.registry.push("app", "v1", image()))
    answer = ecr.call(
        "BatchGetImage", repositoryName="app", imageIds=[{"imageDigest": digest}], acceptedMediaTypes=[DOCKER]
    )
    assert answer["images"] == []
    assert [each["failureCode"] for each in answer["failures"]] == ["ImageNotFound"]


@pytest.mark.parametrize(("family", "accepted"), [("oci", DOCKER), ("docker", OCI)])
def test_by_tag_another_family_s_client_gets_another_manifest(ecr: EcrWithoutFront, family: str, accepted: str) -> None:
    built = image(family=family)
    digest = ecr.registry.push("app", "v1", built)
    answer = ecr.call(
        "BatchGetImage", repositoryName="app", imageIds=[{"imageTag": "v1"}], acceptedMediaTypes=[accepted]
    )
    [found] = answer["images"]
    document = found["imageManifest"].encode()
    assert found["imageManifestMediaType"] == accepted
    assert found["imageId"]["imageDigest"] == str(sha256(document)) != str(digest)
    assert str(built.layers[0].digest) in found["imageManifest"]


def test_an_old_manifest_of_schema_1_names_its_layers_from_the_top(ecr: EcrWithoutFront) -> None:
    layers = [f"sha256:{digit * 64}" for digit in "12"]
    document = json.dumps({"schemaVersion": 1, "fsLayers": [{"blobSum": layer} for layer in layers]}).encode()
    kind = "application/vnd.docker.distribution.manifest.v1+prettyjws"
    ecr.registry.push(
        "app", "old", Built(document=document, media_type=kind, manifests={sha256(document): (kind, document)})
    )
    [found] = ecr.call("BatchGetImage", repositoryName="app", imageIds=[{"imageTag": "old"}])["images"]
    assert found["imageManifestMediaType"] == kind
    image = ecr.registry.find("app", str(sha256(document)))
    assert image is not None
    assert [str(layer.digest) for layer in image.contents.layers] == layers[::-1]


# Blobs


def test_layers_and_configurations_have_addresses(ecr: EcrWithoutFront) -> None:
    built = image()
    ecr.registry.push("app", "v1", built)
    for digest in built.blobs:
        answer = ecr.call("GetDownloadUrlForLayer", repositoryName="app", layerDigest=str(digest))
        assert answer["downloadUrl"].startswith(ecr.registries.blobs.url)
        assert answer["layerDigest"] == str(digest)


def test_configurations_can_be_unknown_to_it(ecr: EcrWithoutFront) -> None:
    built = image()
    ecr.registry.push("app", "v1", built)
    ecr.registry.faults.unknown_configs = True
    config = str(sha256(built.config))
    arguments = {"repositoryName": "app", "layerDigest": config}
    assert refused(ecr, "GetDownloadUrlForLayer", **arguments) == "LayersNotFoundException"
    assert ecr.call("GetDownloadUrlForLayer", repositoryName="app", layerDigest=str(BASE.digest))


def test_a_layer_of_another_repository_is_not_found(ecr: EcrWithoutFront) -> None:
    ecr.registry.push("app", "v1", image())
    ecr.registry.create("other")
    arguments = {"repositoryName": "other", "layerDigest": str(BASE.digest)}
    assert refused(ecr, "GetDownloadUrlForLayer", **arguments) == "LayersNotFoundException"
    bad = {"repositoryName": "app", "layerDigest": "sha256:short"}
    assert refused(ecr, "GetDownloadUrlForLayer", **bad) == "InvalidParameterException"


def test_a_layer_goes_with_the_last_image_that_has_it(ecr: EcrWithoutFront) -> None:
    digests = [str(ecr.registry.push("app", "", image(number))) for number in (1, 2)]
    arguments: dict[str, Any] = {"repositoryName": "app", "layerDigest": str(BASE.digest)}
    ecr.call("BatchDeleteImage", repositoryName="app", imageIds=[{"imageDigest": digests[0]}])
    assert ecr.call("GetDownloadUrlForLayer", **arguments)
    ecr.call("BatchDeleteImage", repositoryName="app", imageIds=[{"imageDigest": digests[1]}])
    assert refused(ecr, "GetDownloadUrlForLayer", **arguments) == "LayersNotFoundException"


def test_layers_are_available_archived_or_not_there(ecr: EcrWithoutFront) -> None:
    kept, archived = image(1), build_image([build_layer({"old": b""})])
    ecr.registry.push("app", "kept", kept)
    ecr.registry.push("app", "old", archived, status=ImageStatus.ARCHIVED)
    nowhere = f"sha256:{'0' * 64}"
    asked = [str(BASE.digest), str(archived.layers[0].digest), nowhere, "nonsense"]
    answer = ecr.call("BatchCheckLayerAvailability", repositoryName="app", layerDigests=asked)
    assert [each["layerAvailability"] for each in answer["layers"]] == ["AVAILABLE", "ARCHIVED", "UNAVAILABLE"]
    assert answer["layers"][0]["layerSize"] == len(BASE.stored)
    assert [each["failureCode"] for each in answer["failures"]] == ["InvalidLayerDigest"]


# Pull times


def pulled(ecr: EcrWithoutFront, digest: Digest) -> datetime | None:
    [found] = ecr.call("DescribeImages", repositoryName="app", imageIds=[{"imageDigest": str(digest)}])["imageDetails"]
    time = found.get("lastRecordedPullTime")
    assert time is None or isinstance(time, datetime)
    return time


def pull(ecr: EcrWithoutFront, digest: Digest) -> None:
    ecr.call("BatchGetImage", repositoryName="app", imageIds=[{"imageDigest": str(digest)}])


def test_a_pull_is_noted_at_its_time_and_listing_is_none(ecr: EcrWithoutFront) -> None:
    digest, other = (ecr.registry.push("app", "", image(number)) for number in (1, 2))
    assert pulled(ecr, digest) is None
    ecr.clock.set(LONG_AGO)
    pull(ecr, digest)
    noted = pulled(ecr, digest)
    assert noted is not None
    assert timedelta() <= noted - LONG_AGO < timedelta(minutes=1)
    assert pulled(ecr, other) is None


def test_pulls_of_excluded_principals_leave_no_time(ecr: EcrWithoutFront) -> None:
    digest = ecr.registry.push("app", "", image(), pulled=LONG_AGO)
    ecr.call("RegisterPullTimeUpdateExclusion", principalArn=READER.principal)
    pull(ecr, digest)
    assert pulled(ecr, digest) == LONG_AGO
    ecr.call("DeregisterPullTimeUpdateExclusion", principalArn=READER.principal)
    pull(ecr, digest)
    assert pulled(ecr, digest) != LONG_AGO


# Referrers


def test_referrers_name_what_describes_a_manifest(ecr: EcrWithoutFront) -> None:
    built = image()
    subject = ecr.registry.push("app", "v1", built)
    signature = ecr.registry.push("app", "", referrer(built, "application/vnd.signature"))
    bill = ecr.registry.push("app", "", referrer(built, "application/spdx+json"))
    ids = {"imageDigest": str(subject)}
    pages = ecr.listed("ListImageReferrers", "referrers", repositoryName="app", subjectId=ids, maxResults=1)
    assert [[each["digest"] for each in page] for page in pages] == [[str(signature)], [str(bill)]]
    wanted = {"artifactTypes": ["application/spdx+json"]}
    [found] = ecr.call("ListImageReferrers", repositoryName="app", subjectId=ids, filter=wanted)["referrers"]
    assert (found["digest"], found["artifactType"]) == (str(bill), "application/spdx+json")
    [detail] = ecr.call("DescribeImages", repositoryName="app", imageIds=[{"imageDigest": str(bill)}])["imageDetails"]
    assert detail["subjectManifestDigest"] == str(subject)
    assert detail["artifactMediaType"] == "application/spdx+json"


def referrer(subject: Built, kind: str) -> Built:
    descriptor = {"mediaType": subject.media_type, "digest": str(subject.digest), "size": len(subject.document)}
    return build_image([build_layer({"of": kind.encode()})], manifest={"subject": descriptor, "artifactType": kind})


def test_a_chart_is_listed_with_the_type_of_its_configuration(ecr: EcrWithoutFront) -> None:
    ecr.registry.push("app", "chart", build_artifact("application/vnd.cncf.helm.config.v1+json"))
    [found] = ecr.call("DescribeImages", repositoryName="app")["imageDetails"]
    assert found["artifactMediaType"] == "application/vnd.cncf.helm.config.v1+json"


# Faults, accounts, permissions


def test_chosen_manifests_fail_or_come_damaged(ecr: EcrWithoutFront) -> None:
    failing, damaged = (ecr.registry.push("app", "", image(number)) for number in (1, 2))
    ecr.registry.faults.failing[failing] = "KmsError"
    ecr.registry.faults.corrupt.add(damaged)
    ids = [{"imageDigest": str(digest)} for digest in (failing, damaged)]
    answer = ecr.call("BatchGetImage", repositoryName="app", imageIds=ids)
    assert [each["failureCode"] for each in answer["failures"]] == ["KmsError"]
    [found] = answer["images"]
    assert found["imageId"]["imageDigest"] == str(damaged) != str(sha256(found["imageManifest"].encode()))


def test_what_is_pushed_without_checks_may_be_broken(ecr: EcrWithoutFront) -> None:
    broken = Built(document=b"{", media_type=OCI, manifests={sha256(b"{"): (OCI, b"{")})
    ecr.registry.push("app", "broken", broken)
    [found] = ecr.call("BatchGetImage", repositoryName="app", imageIds=[{"imageTag": "broken"}])["images"]
    assert found["imageManifest"] == "{"


def test_what_is_looked_for_in_vain_is_none(ecr: EcrWithoutFront) -> None:
    ecr.registry.create("app")
    assert ecr.registry.find("nowhere", "v1") is None
    assert ecr.registry.find("app", "v1") is None
    assert ecr.registry.find("app", f"sha256:{'0' * 64}") is None


def test_a_registry_says_whose_it_is_and_logs_in_to_no_other(ecr: EcrWithoutFront) -> None:
    assert ecr.call("DescribeRegistry")["registryId"] == ACCOUNT
    assert refused(ecr, "GetAuthorizationToken", registryIds=[STRANGER.account]) == "InvalidParameterException"


def test_another_account_s_registry_is_refused(ecr: EcrWithoutFront) -> None:
    ecr.registry.push("app", "v1", image())
    with pytest.raises(ServiceError, match="no resource-based policy") as caught:
        ecr.call("DescribeImages", repositoryName="app", registryId=ACCOUNT, caller=STRANGER)
    assert caught.value.code == "AccessDeniedException"


def test_each_account_and_region_has_a_registry_of_its_own(ecr: EcrWithoutFront) -> None:
    ecr.registry.create("app")
    assert ecr.call("DescribeRepositories", region="us-east-1")["repositories"] == []
    assert ecr.call("DescribeRepositories", caller=STRANGER)["repositories"] == []
    assert len(ecr.call("DescribeRepositories", registryId=ACCOUNT)["repositories"]) == 1


@pytest.mark.parametrize(
    ("operation", "arguments", "action", "resource"),
    [
        ("DescribeImages", {"repositoryName": "app"}, "ecr:DescribeImages", "repository/app"),
        ("DescribeRepositories", {}, "ecr:DescribeRepositories", "repository/*"),
        ("DescribeRepositories", {"repositoryNames": ["app"]}, "ecr:DescribeRepositories", "repository/app"),
        ("DescribeRepositories", {"repositoryNames": ["a1", "b1"]}, "ecr:DescribeRepositories", "repository/*"),
        ("ListImageReferrers", {"repositoryName": "app"}, "ecr:BatchGetImage", "repository/app"),
        ("GetAuthorizationToken", {}, "ecr:GetAuthorizationToken", ""),
    ],
)
def test_each_operation_needs_its_permission(
    ecr: EcrWithoutFront, operation: str, arguments: dict[str, object], action: str, resource: str
) -> None:
    expected = f"arn:aws:ecr:{REGION}:{ACCOUNT}:{resource}" if resource else "*"
    asked = ecr.registries.services["ecr"].action_and_resource(REGION, ACCOUNT, operation, arguments)
    assert asked == (action, expected)


def test_an_operation_that_is_not_simulated_is_named(ecr: EcrWithoutFront) -> None:
    assert refused(ecr, "StartImageScan", repositoryName="app") == "UnknownOperationException"
    with pytest.raises(ServiceError, match="StartImageScan"):
        ecr.registries.services["ecr"].action_and_resource(REGION, ACCOUNT, "StartImageScan", {})


def test_indexes_bring_their_children_untagged(ecr: EcrWithoutFront) -> None:
    children = [image(1), image(2, platform=Platform("linux", "arm64"))]
    ecr.registry.push("app", "all", build_index(children))
    pages = ecr.listed("DescribeImages", "imageDetails", repositoryName="app")
    tags = {each["imageDigest"]: each.get("imageTags") for page in pages for each in page}
    assert [tags[str(child.digest)] for child in children] == [None, None]
    assert len(tags) == 3

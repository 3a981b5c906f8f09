"""What changes a simulated registry: repositories, manifests, tags, the archive, exclusions."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from fakes.ecr import EcrWithoutFront
from tidewaiter.model.image import Digest
from tidewaiter.simulator.images import Built, build_image, build_index, build_layer, sha256
from tidewaiter.simulator.service import ServiceError

ROLE = "arn:aws:iam::123456789012:role/scanners/reader"


@pytest.fixture
def ecr() -> Iterator[EcrWithoutFront]:
    ecr = EcrWithoutFront()
    with ecr.registries:
        ecr.registry.create("app")
        yield ecr


def image(number: int = 0) -> Built:
    return build_image([build_layer({"number": str(number).encode()})])


def refused(ecr: EcrWithoutFront, operation: str, **arguments: Any) -> str:
    with pytest.raises(ServiceError) as caught:
        ecr.call(operation, **arguments)
    return caught.value.code


def upload(ecr: EcrWithoutFront, built: Built) -> None:
    """What the Docker API does before a manifest is put."""
    repository = ecr.registry.create("app")
    for digest, blob in built.blobs.items():
        repository.upload(digest, len(blob))


def put(built: Built, **more: str) -> dict[str, Any]:
    return {"repositoryName": "app", "imageManifest": built.document.decode(), **more}


def digests(ecr: EcrWithoutFront) -> set[str]:
    found = ecr.call("DescribeImages", repositoryName="app", filter={"imageStatus": "ANY"})
    return {each["imageDigest"] for each in found["imageDetails"]}


def status(ecr: EcrWithoutFront, digest: Digest) -> str:
    [found] = ecr.call("DescribeImages", repositoryName="app", imageIds=[{"imageDigest": str(digest)}])["imageDetails"]
    return str(found["imageStatus"])


def test_repositories_are_made_once_and_deleted_when_empty(ecr: EcrWithoutFront) -> None:
    made = ecr.call("CreateRepository", repositoryName="new")["repository"]
    assert made["repositoryName"] == "new"
    assert refused(ecr, "CreateRepository", repositoryName="new") == "RepositoryAlreadyExistsException"
    ecr.call("DeleteRepository", repositoryName="new")
    assert refused(ecr, "DeleteRepository", repositoryName="new") == "RepositoryNotFoundException"
    ecr.registry.push("app", "v1", image())
    assert refused(ecr, "DeleteRepository", repositoryName="app") == "RepositoryNotEmptyException"
    ecr.call("DeleteRepository", repositoryName="app", force=True)
    assert ecr.call("DescribeRepositories")["repositories"] == []


def test_a_manifest_is_put_after_its_blobs(ecr: EcrWithoutFront) -> None:
    built = image()
    assert refused(ecr, "PutImage", **put(built, imageTag="v1")) == "LayersNotFoundException"
    upload(ecr, built)
    answer = ecr.call("PutImage", **put(built, imageTag="v1"))
    assert answer["image"]["imageId"] == {"imageDigest": str(built.digest), "imageTag": "v1"}
    assert refused(ecr, "PutImage", **put(built, imageTag="v1")) == "ImageAlreadyExistsException"
    ecr.call("PutImage", **put(built, imageTag="v2"))
    [found] = ecr.call("DescribeImages", repositoryName="app")["imageDetails"]
    assert found["imageTags"] == ["v1", "v2"]


def test_an_index_is_put_after_its_images(ecr: EcrWithoutFront) -> None:
    child = image()
    index = build_index([child])
    assert refused(ecr, "PutImage", **put(index)) == "ReferencedImagesNotFoundException"
    upload(ecr, child)
    ecr.call("PutImage", **put(child))
    ecr.call("PutImage", **put(index, imageTag="all"))
    assert digests(ecr) == {str(child.digest), str(index.digest)}


def test_a_manifest_has_to_have_the_digest_that_is_said(ecr: EcrWithoutFront) -> None:
    upload(ecr, image())
    wrong = {"imageDigest": str(sha256(b"other"))}
    assert refused(ecr, "PutImage", **put(image(), **wrong)) == "ImageDigestDoesNotMatchException"
    assert digests(ecr) == set()


@pytest.mark.parametrize("document", ["{", "[]", '{"schemaVersion": 2, "config": {"digest": "short"}}'])
def test_what_is_no_manifest_is_refused(ecr: EcrWithoutFront, document: str) -> None:
    assert refused(ecr, "PutImage", repositoryName="app", imageManifest=document) == "InvalidParameterException"


def test_immutable_tags_stay_where_they_are(ecr: EcrWithoutFront) -> None:
    ecr.registry.repository("app").immutable = True  # type: ignore[union-attr]  # the fixture made it
    for built in (image(1), image(2)):
        upload(ecr, built)
    ecr.call("PutImage", **put(image(1), imageTag="v1"))
    assert refused(ecr, "PutImage", **put(image(2), imageTag="v1")) == "ImageTagAlreadyExistsException"


def test_the_last_tag_takes_its_image_with_it(ecr: EcrWithoutFront) -> None:
    digest = str(ecr.registry.push("app", "v1", image()))
    ecr.registry.push("app", "v2", image())
    ecr.call("BatchDeleteImage", repositoryName="app", imageIds=[{"imageTag": "v1"}])
    assert digests(ecr) == {digest}
    ecr.call("BatchDeleteImage", repositoryName="app", imageIds=[{"imageTag": "v2"}])
    assert digests(ecr) == set()


def test_a_digest_takes_all_its_tags_with_it(ecr: EcrWithoutFront) -> None:
    digest = str(ecr.registry.push("app", "v1", image()))
    ecr.registry.push("app", "v2", image())
    answer = ecr.call("BatchDeleteImage", repositoryName="app", imageIds=[{"imageDigest": digest}])
    assert {each["imageTag"] for each in answer["imageIds"]} == {"v1", "v2"}
    assert ecr.registry.find("app", "v1") is None


def test_an_index_holds_its_images(ecr: EcrWithoutFront) -> None:
    child = image()
    index = ecr.registry.push("app", "all", build_index([child, child]))
    ids = [{"imageDigest": str(child.digest)}]
    [failure] = ecr.call("BatchDeleteImage", repositoryName="app", imageIds=ids)["failures"]
    assert failure["failureCode"] == "ImageReferencedByManifestList"
    ecr.call("BatchDeleteImage", repositoryName="app", imageIds=[{"imageDigest": str(index)}])
    assert ecr.call("BatchDeleteImage", repositoryName="app", imageIds=ids)["failures"] == []
    assert digests(ecr) == set()


def test_an_image_goes_to_the_archive_and_comes_back_after_a_while(ecr: EcrWithoutFront) -> None:
    digest = ecr.registry.push("app", "v1", image())
    ecr.registry.restoring = timedelta(minutes=20)
    arguments: dict[str, Any] = {"repositoryName": "app", "imageId": {"imageDigest": str(digest)}}
    answer = ecr.call("UpdateImageStorageClass", targetStorageClass="ARCHIVE", **arguments)
    assert (answer["imageStatus"], status(ecr, digest)) == ("ARCHIVED", "ARCHIVED")
    again = refused(ecr, "UpdateImageStorageClass", targetStorageClass="ARCHIVE", **arguments)
    assert again == "ImageStorageClassUpdateNotSupportedException"
    answer = ecr.call("UpdateImageStorageClass", targetStorageClass="STANDARD", **arguments)
    assert (answer["imageStatus"], status(ecr, digest)) == ("ACTIVATING", "ACTIVATING")
    ecr.clock.advance(timedelta(minutes=20))
    assert status(ecr, digest) == "ACTIVE"


def test_pushing_an_archived_image_again_restores_it(ecr: EcrWithoutFront) -> None:
    digest = ecr.registry.push("app", "v1", image())
    arguments: dict[str, Any] = {"repositoryName": "app", "imageId": {"imageTag": "v1"}}
    ecr.call("UpdateImageStorageClass", targetStorageClass="ARCHIVE", **arguments)
    ecr.call("PutImage", **put(image(), imageTag="v2"))
    assert status(ecr, digest) == "ACTIVE"


def test_principals_are_excluded_once_and_listed_in_pages(ecr: EcrWithoutFront) -> None:
    ecr.call("RegisterPullTimeUpdateExclusion", principalArn=ROLE)
    assert refused(ecr, "RegisterPullTimeUpdateExclusion", principalArn=ROLE) == "ExclusionAlreadyExistsException"
    ecr.call("RegisterPullTimeUpdateExclusion", principalArn=ROLE + "2")
    pages = ecr.listed("ListPullTimeUpdateExclusions", "pullTimeUpdateExclusions", maxResults=1)
    assert pages == [[ROLE], [ROLE + "2"]]
    ecr.call("DeregisterPullTimeUpdateExclusion", principalArn=ROLE)
    assert refused(ecr, "DeregisterPullTimeUpdateExclusion", principalArn=ROLE) == "ExclusionNotFoundException"


def test_a_registry_has_a_hundred_exclusions_at_most(ecr: EcrWithoutFront) -> None:
    for number in range(100):
        ecr.call("RegisterPullTimeUpdateExclusion", principalArn=f"{ROLE}{number}")
    assert refused(ecr, "RegisterPullTimeUpdateExclusion", principalArn=ROLE) == "LimitExceededException"


def test_only_roles_and_users_are_excluded(ecr: EcrWithoutFront) -> None:
    session = "arn:aws:sts::123456789012:assumed-role/reader/session"
    assert refused(ecr, "RegisterPullTimeUpdateExclusion", principalArn=session) == "InvalidParameterException"

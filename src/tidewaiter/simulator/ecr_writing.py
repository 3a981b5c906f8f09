"""The operations of ECR that change something: repositories, manifests, tags, the archive, exclusions.

https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_Operations.html
"""

from collections.abc import Mapping
from typing import Any

from tidewaiter.model.image import Digest
from tidewaiter.simulator.ecr_calls import Call, Failure, find, spelled
from tidewaiter.simulator.ecr_manifest import Contents, read_contents
from tidewaiter.simulator.ecr_reading import describe_repository
from tidewaiter.simulator.ecr_repository import SimulatedRepository, StoredImage
from tidewaiter.simulator.ecr_requests import (
    BatchDeleteImage,
    CreateRepository,
    DeleteRepository,
    Exclusion,
    ImageId,
    ListExclusions,
    PutImage,
    UpdateImageStorageClass,
    invalid,
    page_token,
    position,
)
from tidewaiter.simulator.images import sha256
from tidewaiter.simulator.service import Answer, ServiceError

_MOST_EXCLUSIONS = 100


def create_repository(call: Call, request: CreateRepository) -> Answer:
    """A new repository."""
    name = request.repository_name
    if call.registry.repository(name):
        message = f"The repository with name '{name}' already exists in the registry with id '{call.account}'"
        raise ServiceError("RepositoryAlreadyExistsException", message)
    made = call.registry.create(name, immutable=request.image_tag_mutability == "IMMUTABLE")
    return {"repository": describe_repository(call, made)}


def delete_repository(call: Call, request: DeleteRepository) -> Answer:
    """What the repository was; it has to be empty, if it is not forced."""
    repository = call.repository(request)
    if repository.images and not request.force:
        message = f"The repository with name '{repository.name}' cannot be deleted because it still contains images"
        raise ServiceError("RepositoryNotEmptyException", message)
    call.registry.delete(repository.name)
    return {"repository": describe_repository(call, repository)}


def put_image(call: Call, request: PutImage) -> Answer:
    """The manifest that is held from now on, under its tag. Its blobs and children have to be here."""
    repository = call.repository(request)
    document = request.image_manifest.encode()
    contents = _contents(document, request.image_manifest_media_type)
    digest = sha256(document)
    if request.image_digest not in ("", str(digest)):
        message = f"Image digest '{request.image_digest}' does not match the digest of the manifest, '{digest}'"
        raise ServiceError("ImageDigestDoesNotMatchException", message)
    _check_parts(repository, contents)
    _check_tag(repository, digest, request.image_tag)
    image = repository.put(digest, document, contents, call.registry.now())
    if request.image_tag:
        repository.tag(request.image_tag, image)
    entry = {
        "registryId": call.account,
        "repositoryName": repository.name,
        "imageId": spelled(ImageId(str(digest), request.image_tag)),
        "imageManifest": request.image_manifest,
        "imageManifestMediaType": contents.media_type,
    }
    return {"image": entry}


def batch_delete_image(call: Call, request: BatchDeleteImage) -> Answer:
    """What was taken away: a tag, with the last one its manifest; or a manifest with all its tags."""
    repository = call.repository(request)
    gone: list[Mapping[str, str]] = []
    failures: list[Mapping[str, Any]] = []
    for image_id in request.image_ids:
        found = find(repository, image_id)
        if not isinstance(found, Failure) and image_id.image_digest and repository.parents.get(found.digest):
            found = Failure("ImageReferencedByManifestList", "Requested image referenced by manifest list")
        if isinstance(found, Failure):
            failures.append(found.answer(image_id))
        else:
            gone.extend(spelled(one) for one in _delete(repository, found, image_id))
    return {"imageIds": gone, "failures": failures}


def update_storage_class(call: Call, request: UpdateImageStorageClass) -> Answer:
    """The image in the archive, or on its way back from there."""
    repository = call.repository(request)
    image = call.image(repository, request.image_id)
    now = call.registry.now()
    if (request.target_storage_class == "ARCHIVE") == image.archived:
        message = f"The image '{image.digest}' is in that storage class already"
        raise ServiceError("ImageStorageClassUpdateNotSupportedException", message)
    if request.target_storage_class == "ARCHIVE":
        image.archive(now)
    else:
        image.restore(now, call.registry.restoring)
    return {
        "registryId": call.account,
        "repositoryName": repository.name,
        "imageId": spelled(ImageId(str(image.digest), request.image_id.image_tag)),
        "imageStatus": "ARCHIVED" if image.archived else "ACTIVATING",
    }


def register_exclusion(call: Call, request: Exclusion) -> Answer:
    """The principal whose pulls leave no time from now on."""
    exclusions = call.registry.exclusions
    if request.principal_arn in exclusions:
        raise ServiceError("ExclusionAlreadyExistsException", f"'{request.principal_arn}' is excluded already")
    if len(exclusions) >= _MOST_EXCLUSIONS:
        raise ServiceError("LimitExceededException", f"A registry can have {_MOST_EXCLUSIONS} exclusions")
    exclusions[request.principal_arn] = call.registry.now()
    return {"principalArn": request.principal_arn, "createdAt": exclusions[request.principal_arn]}


def deregister_exclusion(call: Call, request: Exclusion) -> Answer:
    """The principal whose pulls are noted again."""
    if call.registry.exclusions.pop(request.principal_arn, None) is None:
        raise ServiceError("ExclusionNotFoundException", f"'{request.principal_arn}' is not excluded")
    return {"principalArn": request.principal_arn}


def list_exclusions(call: Call, request: ListExclusions) -> Answer:
    """A page of the principals that are excluded, by name."""
    after = position(request.next_token, "exclusions")
    rest = [principal for principal in sorted(call.registry.exclusions) if principal > after]
    page = rest[: request.max_results or _MOST_EXCLUSIONS]
    following = {"nextToken": page_token("exclusions", page[-1])} if len(rest) > len(page) else {}
    return {"pullTimeUpdateExclusions": page, **following}


def _contents(document: bytes, media_type: str) -> Contents:
    try:
        return read_contents(document, media_type)
    except ValueError as error:
        raise invalid(f"Invalid parameter at 'imageManifest' failed to satisfy constraint: {error}") from None


def _check_parts(repository: SimulatedRepository, contents: Contents) -> None:
    absent = [str(entry.digest) for entry in contents.blobs if entry.digest not in repository.blobs]
    if absent:
        raise ServiceError("LayersNotFoundException", f"Layers with digests '{absent}' were not found")
    unknown = [str(child) for child in contents.children if child not in repository.images]
    if unknown:
        raise ServiceError("ReferencedImagesNotFoundException", f"Images with digests '{unknown}' were not found")


def _check_tag(repository: SimulatedRepository, digest: Digest, tag: str) -> None:
    """A tag that names another manifest moves, where the repository lets it."""
    image = repository.tags.get(tag)
    if image is None:
        return
    if image.digest == digest:
        message = f"Image with digest '{digest}' and tag '{tag}' already exists"
        raise ServiceError("ImageAlreadyExistsException", message)
    if repository.immutable:
        message = (
            f"The image tag '{tag}' already exists in the '{repository.name}' repository and cannot be overwritten"
        )
        raise ServiceError("ImageTagAlreadyExistsException", f"{message} because the repository is immutable.")


def _delete(repository: SimulatedRepository, image: StoredImage, image_id: ImageId) -> list[ImageId]:
    digest, tags = str(image.digest), list(image.tags)
    if not image_id.image_digest:
        repository.untag(image_id.image_tag)
        if not image.tags and not repository.parents.get(image.digest):
            repository.delete(image)
        return [ImageId(digest, image_id.image_tag)]
    repository.delete(image)
    return [ImageId(digest, tag) for tag in tags or [""]]

"""The operations of ECR that read: repositories, manifests, and where blobs can be had.

https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_Operations.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidewaiter.model.cloud import ImageStatus
from tidewaiter.model.image import Digest
from tidewaiter.simulator.ecr_calls import Call, Failure, find, parse_digest, spelled, wanted_digest
from tidewaiter.simulator.ecr_manifest import converted
from tidewaiter.simulator.ecr_repository import SimulatedRepository, StoredImage
from tidewaiter.simulator.ecr_requests import (
    BatchCheckLayerAvailability,
    BatchGetImage,
    DescribeImages,
    DescribeRepositories,
    Filter,
    GetAuthorizationToken,
    GetDownloadUrlForLayer,
    ImageId,
    ListImageReferrers,
    ListImages,
    Request,
    invalid,
    page_token,
    position,
)
from tidewaiter.simulator.images import sha256
from tidewaiter.simulator.service import Answer, ServiceError

_USUAL_PAGE = 100


def describe_registry(call: Call, request: Request) -> Answer:
    """The registry's account."""
    del request
    return {"registryId": call.account, "replicationConfiguration": {"rules": []}}


def get_authorization_token(call: Call, request: GetAuthorizationToken) -> Answer:
    """A login to the Docker API, that the caller's permissions hold for."""
    if any(account != call.account for account in request.registry_ids or ()):
        raise invalid("Invalid parameter at 'registryIds': only the caller's own registry is here")
    token, expires = call.registry.cloud.tokens.give(call.caller)
    entry = {"authorizationToken": token, "expiresAt": expires, "proxyEndpoint": call.registry.docker_url}
    return {"authorizationData": [entry]}


def describe_repositories(call: Call, request: DescribeRepositories) -> Answer:
    """The repositories that are named, else a page of all, by name."""
    if request.repository_names is None:
        after = position(request.next_token, "repositories")
        found, last = call.registry.page(after, request.max_results or _USUAL_PAGE)
        following = {"nextToken": page_token("repositories", last)} if last else {}
        return {"repositories": [describe_repository(call, repository) for repository in found], **following}
    if request.next_token or request.max_results:
        raise invalid("Invalid parameter: 'repositoryNames' stands neither with 'nextToken' nor with 'maxResults'")
    named = [call.repository_named(name) for name in request.repository_names]
    return {"repositories": [describe_repository(call, repository) for repository in named]}


def describe_repository(call: Call, repository: SimulatedRepository) -> Mapping[str, Any]:
    """A repository, as listings give it."""
    return {
        "repositoryArn": call.registry.arn(repository.name),
        "registryId": call.account,
        "repositoryName": repository.name,
        "repositoryUri": f"{call.registry.place.host}/{repository.name}",
        "createdAt": repository.created,
        "imageTagMutability": "IMMUTABLE" if repository.immutable else "MUTABLE",
        "imageScanningConfiguration": {"scanOnPush": False},
        "encryptionConfiguration": {"encryptionType": "AES256"},
    }


def describe_images(call: Call, request: DescribeImages) -> Answer:
    """The manifests that are named, whatever their status, else a page of those that the filter lets through."""
    repository = call.repository(request)
    if request.image_ids is None:
        images, following = _page(call, repository, request)
        return {"imageDetails": [describe_image(call, repository, image) for image in images], **following}
    if request.next_token or request.max_results:
        raise invalid("Invalid parameter: 'imageIds' stands neither with 'nextToken' nor with 'maxResults'")
    named = {image.digest: image for image in (call.image(repository, one) for one in request.image_ids)}
    return {"imageDetails": [describe_image(call, repository, image) for image in named.values()]}


def describe_image(call: Call, repository: SimulatedRepository, image: StoredImage) -> Mapping[str, Any]:
    """A manifest, as listings give it: what is not known or empty is left out."""
    optional = {
        "imageTags": list(image.tags),
        "artifactMediaType": image.contents.artifact_type,
        "lastRecordedPullTime": image.pulled,
        "subjectManifestDigest": str(image.contents.subject or ""),
        "lastArchivedAt": image.archived_at,
        "lastActivatedAt": image.active_from,
    }
    return {
        "registryId": call.account,
        "repositoryName": repository.name,
        "imageDigest": str(image.digest),
        "imageSizeInBytes": image.size,
        "imagePushedAt": image.pushed,
        "imageManifestMediaType": image.contents.media_type,
        "imageStatus": image.status(call.registry.now()).value,
        **{key: value for key, value in optional.items() if value},
    }


def list_images(call: Call, request: ListImages) -> Answer:
    """A page of ids: one for each tag, and one for each manifest without any."""
    images, following = _page(call, call.repository(request), request)
    ids = [ImageId(str(image.digest), tag) for image in images for tag in image.tags or ("",)]
    return {"imageIds": [spelled(one) for one in ids], **following}


def batch_get_image(call: Call, request: BatchGetImage) -> Answer:
    """The manifests, or why there is none. Each that is given is a pull."""
    repository = call.repository(request)
    accepted = frozenset(request.accepted_media_types or ())
    images, failures = [], []
    for image_id in dict.fromkeys(request.image_ids):
        found = look_up(call, repository, image_id, accepted)
        if isinstance(found, Failure):
            failures.append(found.answer(image_id))
        else:
            call.registry.note_pull(found.image, call.caller.principal)
            images.append(_manifest(call, repository, image_id, found))
    return {"images": images, "failures": failures}


@dataclass(frozen=True, slots=True)
class Found:
    """A manifest that can be pulled, in the media type that is accepted."""

    image: StoredImage
    digest: Digest
    media_type: str
    document: bytes


def look_up(
    call: Call, repository: SimulatedRepository, image_id: ImageId, accepted: frozenset[str]
) -> Found | Failure:
    """The manifest, or why it cannot be pulled. `accepted` are media types, empty for any.

    Where its own is not among the accepted ones, a pull by tag converts it, a pull by digest fails.
    """
    image = find(repository, image_id)
    if isinstance(image, Failure):
        return image
    faults, media_type = call.registry.faults, image.contents.media_type
    if code := faults.failing.get(image.digest):
        return Failure(code, "Simulated: the image cannot be had")
    if image.status(call.registry.now()) is not ImageStatus.ACTIVE:
        return Failure("ImageInaccessible", "Requested image is archived")
    document = image.document[:-1] + b" " if image.digest in faults.corrupt else image.document
    if not accepted or media_type in accepted:
        return Found(image, image.digest, media_type, document)
    other = None if image_id.image_digest else converted(document, media_type, accepted)
    if other is None:
        return Failure("ImageNotFound", f"Requested image has the media type {media_type}, which is not accepted")
    return Found(image, sha256(other[1]), *other)


def get_download_url(call: Call, request: GetDownloadUrlForLayer) -> Answer:
    """A signed address of a blob that an image of the repository has."""
    digest = wanted_digest(request.layer_digest)
    check_blob(call, call.repository(request), digest)
    place = call.registry.place
    url = call.registry.cloud.blobs.address(place.account, place.region, digest)
    return {"downloadUrl": url, "layerDigest": request.layer_digest}


def check_blob(call: Call, repository: SimulatedRepository, digest: Digest, *, docker: bool = False) -> None:
    """Raises ServiceError where the blob cannot be pulled. `docker`: unknown configurations are known there."""
    faults = call.registry.faults
    blob = repository.blobs.get(digest)
    unknown = faults.unknown_configs and not docker
    if blob is None or digest in faults.missing or (unknown and blob.is_config):
        where = f"the repository with name '{repository.name}' in the registry with id '{call.account}'"
        raise ServiceError("LayersNotFoundException", f"The layer with digest '{digest}' does not exist in {where}")
    if blob.status(call.registry.now()) is not ImageStatus.ACTIVE:
        raise ServiceError("LayerInaccessibleException", f"The layer with digest '{digest}' is not available")


def batch_check_layers(call: Call, request: BatchCheckLayerAvailability) -> Answer:
    """Which blobs can be pulled."""
    repository = call.repository(request)
    layers, failures = [], []
    for text in dict.fromkeys(request.layer_digests):
        digest = parse_digest(text)
        if digest is None:
            reason = "The layer digest is not valid"
            failures.append({"layerDigest": text, "failureCode": "InvalidLayerDigest", "failureReason": reason})
        else:
            layers.append(_availability(call, repository, digest))
    return {"layers": layers, "failures": failures}


def list_referrers(call: Call, request: ListImageReferrers) -> Answer:
    """A page of the manifests whose subject this one is."""
    repository = call.repository(request)
    subject = wanted_digest(request.subject_id.image_digest)
    listing = f"referrers/{subject}"
    after = int(position(request.next_token, listing) or 0)
    rest = [image for image in repository.referrers.get(subject, {}).values() if image.number > after]
    page = rest[: request.max_results]
    following = {"nextToken": page_token(listing, str(page[-1].number))} if len(rest) > len(page) else {}
    return {"referrers": [_referrer(call, image) for image in page if _is_wanted(call, image, request)], **following}


def _page(
    call: Call, repository: SimulatedRepository, request: ListImages
) -> tuple[Sequence[StoredImage], Mapping[str, str]]:
    """A page looks at so many manifests as it may give, so that a filter can leave it short, or empty."""
    listing = f"images/{repository.name}"
    after = int(position(request.next_token, listing) or 0)
    images, last = repository.page(after, request.max_results or _USUAL_PAGE)
    following = {"nextToken": page_token(listing, str(last))} if last else {}
    return [image for image in images if _passes(call, image, request.filter)], following


def _passes(call: Call, image: StoredImage, wanted: Filter) -> bool:
    tagged = "TAGGED" if image.tags else "UNTAGGED"
    status = image.status(call.registry.now()).value
    return wanted.tag_status in ("ANY", tagged) and wanted.image_status in ("ANY", status)


def _manifest(call: Call, repository: SimulatedRepository, image_id: ImageId, found: Found) -> Mapping[str, Any]:
    return {
        "registryId": call.account,
        "repositoryName": repository.name,
        "imageId": spelled(ImageId(str(found.digest), image_id.image_tag)),
        "imageManifest": found.document.decode(errors="replace"),
        "imageManifestMediaType": found.media_type,
    }


def _availability(call: Call, repository: SimulatedRepository, digest: Digest) -> Mapping[str, Any]:
    blob = repository.blobs.get(digest)
    if blob is None or digest in call.registry.faults.missing:
        return {"layerDigest": str(digest), "layerAvailability": "UNAVAILABLE"}
    archived = blob.status(call.registry.now()) is ImageStatus.ARCHIVED
    return {
        "layerDigest": str(digest),
        "layerAvailability": "ARCHIVED" if archived else "AVAILABLE",
        "layerSize": blob.size,
        "mediaType": blob.media_type,
    }


def _is_wanted(call: Call, image: StoredImage, request: ListImageReferrers) -> bool:
    types, status = request.filter.artifact_types, image.status(call.registry.now()).value
    return (not types or image.contents.artifact_type in types) and request.filter.artifact_status in ("ANY", status)


def _referrer(call: Call, image: StoredImage) -> Mapping[str, Any]:
    return {
        "digest": str(image.digest),
        "mediaType": image.contents.media_type,
        "artifactType": image.contents.artifact_type,
        "size": len(image.document),
        "annotations": dict(image.contents.annotations),
        "artifactStatus": image.status(call.registry.now()).value,
    }

"""What the Docker API of a simulated registry answers: manifests, blobs, uploads, tags, referrers.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import msgspec

from tidewaiter.model.cloud import ImageStatus
from tidewaiter.simulator import ecr_reading, ecr_requests, ecr_writing
from tidewaiter.simulator.content import Upload
from tidewaiter.simulator.ecr_calls import Call, Failure, wanted_digest
from tidewaiter.simulator.ecr_repository import SimulatedRepository, StoredImage
from tidewaiter.simulator.service import ServiceError

_INDEX = "application/vnd.oci.image.index.v1+json"
_USUAL_PAGE = 1000
_RANGE = re.compile(r"(?:bytes )?([0-9]+)-([0-9]+)(?:/[0-9*]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is sent back."""

    status: HTTPStatus
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request for one repository: `path` is what its addresses start with, `name` what stands at the end of them.

    `uploads` are those of the registry by their ids.
    """

    call: Call
    method: str
    repository: str
    path: str
    name: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    incoming: Iterator[bytes]
    uploads: dict[str, Upload]


@dataclass(frozen=True, slots=True)
class Route:
    """A kind of request: the permission it needs, without its service, and what answers it."""

    methods: frozenset[str]
    pattern: re.Pattern[str]
    action: str
    answer: Callable[[Exchange], Reply]


def give_manifest(exchange: Exchange) -> Reply:
    """The manifest; a GET is a pull of it."""
    call = exchange.call
    by_digest = ":" in exchange.name
    image_id = ecr_requests.ImageId(*((exchange.name, "") if by_digest else ("", exchange.name)))
    accepted = _accepted(exchange.headers.get("Accept", ""))
    with call.registry.lock:
        found = ecr_reading.look_up(call, call.repository_named(exchange.repository), image_id, accepted)
        if isinstance(found, Failure):
            raise ServiceError("ImageNotFoundException", found.reason)
        if exchange.method == "GET":
            call.registry.note_pull(found.image, call.caller.principal)
    headers = {"Content-Type": found.media_type, "Docker-Content-Digest": str(found.digest)}
    return Reply(status=HTTPStatus.OK, body=found.document, headers=headers)


def take_manifest(exchange: Exchange) -> Reply:
    """Holds the manifest under its tag, or digest; one that is here already is no mistake."""
    document = _document(exchange.incoming)
    names = {"image_digest" if ":" in exchange.name else "image_tag": exchange.name}
    request = ecr_requests.PutImage(
        repository_name=exchange.repository,
        image_manifest=document,
        image_manifest_media_type=exchange.headers.get("Content-Type", ""),
        **names,
    )
    image = _put(exchange, request)
    headers = {"Location": f"{exchange.path}/manifests/{image.digest}", "Docker-Content-Digest": str(image.digest)}
    subject = {"OCI-Subject": str(image.contents.subject)} if image.contents.subject else {}
    return Reply(status=HTTPStatus.CREATED, headers={**headers, **subject})


def locate_blob(exchange: Exchange) -> Reply:
    """Where the blob can be had: the storage answers, not the registry."""
    digest, place = wanted_digest(exchange.name), exchange.call.registry.place
    with exchange.call.registry.lock:
        repository = exchange.call.repository_named(exchange.repository)
        ecr_reading.check_blob(exchange.call, repository, digest, docker=True)
    url = exchange.call.registry.cloud.blobs.address(place.account, place.region, digest)
    return Reply(status=HTTPStatus.TEMPORARY_REDIRECT, headers={"Location": url})


def describe_blob(exchange: Exchange) -> Reply:
    """That the blob is here, and its size; one that is only uploaded is, too."""
    repository = exchange.call.repository_named(exchange.repository)
    digest = wanted_digest(exchange.name)
    blob = repository.blobs.get(digest)
    if blob is None or digest in exchange.call.registry.faults.missing:
        raise ServiceError("LayersNotFoundException", f"The layer with digest '{digest}' does not exist")
    headers = {"Content-Length": str(blob.size), "Docker-Content-Digest": str(digest)}
    return Reply(status=HTTPStatus.OK, headers=headers)


def start_upload(exchange: Exchange) -> Reply:
    """A new upload, or the whole blob at once. No blob is mounted from another repository: no registry has to."""
    exchange.call.repository_named(exchange.repository)
    upload = exchange.call.registry.cloud.content.upload()
    exchange.uploads[upload.id] = upload
    if "digest" in exchange.query:
        return _finish(exchange, upload)
    return _progress(exchange, upload)


def continue_upload(exchange: Exchange) -> Reply:
    """Takes the next piece."""
    upload = _upload(exchange)
    _append(exchange, upload)
    return _progress(exchange, upload)


def finish_upload(exchange: Exchange) -> Reply:
    """Takes the last piece, and holds the blob."""
    return _finish(exchange, _upload(exchange))


def tell_upload(exchange: Exchange) -> Reply:
    """How much has come in."""
    reply = _progress(exchange, _upload(exchange))
    return Reply(status=HTTPStatus.NO_CONTENT, headers=reply.headers)


def cancel_upload(exchange: Exchange) -> Reply:
    """Forgets what has come in."""
    _upload(exchange).cancel()
    del exchange.uploads[exchange.name]
    return Reply(status=HTTPStatus.NO_CONTENT)


def list_tags(exchange: Exchange) -> Reply:
    """A page of tags, by name."""
    with exchange.call.registry.lock:
        repository = exchange.call.repository_named(exchange.repository)
        page, headers = _page(exchange, sorted(_active_tags(exchange.call, repository)))
    return _json({"name": exchange.repository, "tags": page}, headers)


def list_referrers(exchange: Exchange) -> Reply:
    """An index of the manifests whose subject this one is."""
    kind = exchange.query.get("artifactType", "")
    with exchange.call.registry.lock:
        repository = exchange.call.repository_named(exchange.repository)
        found = repository.referrers.get(wanted_digest(exchange.name), {}).values()
        listed = [_describe(image) for image in found if kind in ("", image.contents.artifact_type)]
    headers = {"Content-Type": _INDEX, **({"OCI-Filters-Applied": "artifactType"} if kind else {})}
    return _json({"schemaVersion": 2, "mediaType": _INDEX, "manifests": listed}, headers)


def _route(methods: str, pattern: str, action: str, answer: Callable[[Exchange], Reply]) -> Route:
    return Route(frozenset(methods.split()), re.compile(rf"(?P<path>/v2/(?P<repository>.+))/{pattern}"), action, answer)


ROUTES: Sequence[Route] = (
    _route("GET HEAD", "manifests/(?P<name>[^/]+)", "BatchGetImage", give_manifest),
    _route("PUT", "manifests/(?P<name>[^/]+)", "PutImage", take_manifest),
    _route("POST", "blobs/uploads(?P<name>)/?", "InitiateLayerUpload", start_upload),
    _route("PATCH", "blobs/uploads/(?P<name>[^/]+)", "UploadLayerPart", continue_upload),
    _route("PUT", "blobs/uploads/(?P<name>[^/]+)", "CompleteLayerUpload", finish_upload),
    _route("GET", "blobs/uploads/(?P<name>[^/]+)", "UploadLayerPart", tell_upload),
    _route("DELETE", "blobs/uploads/(?P<name>[^/]+)", "UploadLayerPart", cancel_upload),
    _route("GET", "blobs/(?P<name>[^/]+)", "GetDownloadUrlForLayer", locate_blob),
    _route("HEAD", "blobs/(?P<name>[^/]+)", "BatchCheckLayerAvailability", describe_blob),
    _route("GET", "tags/(?P<name>list)", "ListImages", list_tags),
    _route("GET", "referrers/(?P<name>[^/]+)", "BatchGetImage", list_referrers),
)


def _accepted(header: str) -> frozenset[str]:
    kinds = frozenset(part.partition(";")[0].strip() for part in header.split(",") if part.strip())
    return frozenset() if "*/*" in kinds else kinds


def _put(exchange: Exchange, request: ecr_requests.PutImage) -> StoredImage:
    registry = exchange.call.registry
    with registry.lock:
        try:
            ecr_writing.put_image(exchange.call, request)
        except ServiceError as error:
            if error.code != "ImageAlreadyExistsException":
                raise
        image = registry.find(exchange.repository, exchange.name)
    assert image is not None, "it was put"
    return image


def _document(incoming: Iterator[bytes]) -> str:
    document = b"".join(incoming)
    try:
        return document.decode()
    except UnicodeDecodeError:
        raise ecr_requests.invalid("Invalid parameter at 'imageManifest': not UTF-8") from None


def _upload(exchange: Exchange) -> Upload:
    found = exchange.uploads.get(exchange.name)
    if found is None:
        raise ServiceError("UploadNotFoundException", f"There is no upload '{exchange.name}'")
    return found


def _append(exchange: Exchange, upload: Upload) -> None:
    """Takes what comes in, which has to start where the upload ends."""
    stated = _RANGE.fullmatch(exchange.headers.get("Content-Range", ""))
    if stated and int(stated[1]) != upload.size:
        raise ServiceError("InvalidLayerPartException", f"The upload goes on at byte {upload.size}")
    upload.append(exchange.incoming)


def _progress(exchange: Exchange, upload: Upload) -> Reply:
    headers = {
        "Location": f"{exchange.path}/blobs/uploads/{upload.id}",
        "Range": f"0-{max(0, upload.size - 1)}",
        "Docker-Upload-UUID": upload.id,
    }
    return Reply(status=HTTPStatus.ACCEPTED, headers=headers)


def _finish(exchange: Exchange, upload: Upload) -> Reply:
    _append(exchange, upload)
    digest = wanted_digest(exchange.query.get("digest", ""))
    del exchange.uploads[upload.id]
    if digest != upload.digest:
        upload.cancel()
        raise ServiceError("InvalidLayerException", f"The layer has the digest '{upload.digest}', not '{digest}'")
    exchange.call.registry.cloud.content.finish(upload)
    with exchange.call.registry.lock:
        exchange.call.repository_named(exchange.repository).upload(digest, upload.size)
    headers = {"Location": f"{exchange.path}/blobs/{digest}", "Docker-Content-Digest": str(digest)}
    return Reply(status=HTTPStatus.CREATED, headers=headers)


def _active_tags(call: Call, repository: SimulatedRepository) -> list[str]:
    now = call.registry.now()
    return [tag for tag, image in repository.tags.items() if image.status(now) is ImageStatus.ACTIVE]


def _page(exchange: Exchange, names: Sequence[str]) -> tuple[Sequence[str], Mapping[str, str]]:
    asked = exchange.query.get("n", "")
    most = min(int(asked), _USUAL_PAGE) if asked.isdecimal() and int(asked) else _USUAL_PAGE
    rest = [name for name in names if name > exchange.query.get("last", "")]
    if len(rest) <= most:
        return rest, {}
    link = f'<{exchange.path}/tags/list?n={most}&last={quote(rest[most - 1])}>; rel="next"'
    return rest[:most], {"Link": link}


def _describe(image: StoredImage) -> Mapping[str, Any]:
    return {
        "mediaType": image.contents.media_type,
        "digest": str(image.digest),
        "size": len(image.document),
        "artifactType": image.contents.artifact_type,
        "annotations": dict(image.contents.annotations),
    }


def _json(document: Mapping[str, Any], headers: Mapping[str, str]) -> Reply:
    return Reply(status=HTTPStatus.OK, body=msgspec.json.encode(document), headers=headers)

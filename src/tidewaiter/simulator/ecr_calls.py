"""One call of an operation of ECR: who asks, of which registry, and what all operations look up."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tidewaiter.model.image import Digest
from tidewaiter.simulator.ecr_registry import SimulatedEcr
from tidewaiter.simulator.ecr_repository import SimulatedRepository, StoredImage
from tidewaiter.simulator.ecr_requests import ImageId, InRepository, Request, invalid, typed
from tidewaiter.simulator.service import Answer, Arguments, Caller, ServiceError

_DIGEST = re.compile(r"[a-zA-Z0-9_+.-]+:[a-fA-F0-9]+")
_R = TypeVar("_R", bound=Request)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Who asks, and of which registry."""

    caller: Caller
    registry: SimulatedEcr

    def repository(self, request: InRepository) -> SimulatedRepository:
        """The repository that the request names. Raises ServiceError where there is none."""
        return self.repository_named(request.repository_name)

    def repository_named(self, name: str) -> SimulatedRepository:
        """The repository of this name. Raises ServiceError where there is none."""
        found = self.registry.repository(name)
        if found is None:
            message = f"The repository with name '{name}' does not exist in the registry with id '{self.account}'"
            raise ServiceError("RepositoryNotFoundException", message)
        return found

    def image(self, repository: SimulatedRepository, image_id: ImageId) -> StoredImage:
        """The manifest that the id names. Raises ServiceError where there is none."""
        found = find(repository, image_id)
        if isinstance(found, Failure):
            spelled = f"{{imageDigest:'{image_id.image_digest or 'null'}', imageTag:'{image_id.image_tag or 'null'}'}}"
            where = f"the repository with name '{repository.name}' in the registry with id '{self.account}'"
            message = f"The image with imageId {spelled} does not exist within {where}"
            raise ServiceError("ImageNotFoundException", message)
        return found

    @property
    def account(self) -> str:
        """The account that the registry belongs to."""
        return self.registry.place.account


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one of many manifests or blobs gets no answer: ECR's code and its sentence."""

    code: str
    reason: str

    def answer(self, image_id: ImageId) -> Mapping[str, Any]:
        """As it stands in a list of failures."""
        return {"imageId": spelled(image_id), "failureCode": self.code, "failureReason": self.reason}


@dataclass(frozen=True, slots=True)
class Operation(Generic[_R]):
    """An operation: what it is asked, and the function that answers it."""

    request: type[_R]
    answer: Callable[[Call, _R], Answer]

    def carry_out(self, call: Call, arguments: Arguments) -> Answer:
        """Its answer. Raises ServiceError."""
        request = typed(arguments, self.request)
        if request.registry_id not in ("", call.account):
            raise foreign(call, request.registry_id)
        with call.registry.lock:
            return self.answer(call, request)


def foreign(call: Call, registry_id: str) -> ServiceError:
    """The error for another account's registry: repositories have no policies here, so none lets anybody in."""
    why = f"because no resource-based policy of the registry {registry_id} allows it"
    return ServiceError("AccessDeniedException", f"User: {call.caller.arn} is not authorized to access it {why}")


def find(repository: SimulatedRepository, image_id: ImageId) -> StoredImage | Failure:
    """The manifest that the id names, or why there is none."""
    if not image_id.image_digest and not image_id.image_tag:
        return Failure("MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null")
    if not image_id.image_digest:
        return repository.tags.get(image_id.image_tag) or Failure("ImageNotFound", "Requested image not found")
    digest = parse_digest(image_id.image_digest)
    if digest is None:
        reason = f"Invalid request parameters: image digest should satisfy the regex '{_DIGEST.pattern}'"
        return Failure("InvalidImageDigest", reason)
    image = repository.images.get(digest)
    if image is None:
        return Failure("ImageNotFound", "Requested image not found")
    if image_id.image_tag and image_id.image_tag not in image.tags:
        return Failure("ImageTagDoesNotMatchDigest", "Requested image tag does not match the digest")
    return image


def parse_digest(text: str) -> Digest | None:
    """The digest, None for what is none."""
    try:
        return Digest.parse(text)
    except ValueError:
        return None


def wanted_digest(text: str) -> Digest:
    """The digest. Raises ServiceError for what is none."""
    digest = parse_digest(text)
    if digest is None:
        raise invalid(f"Invalid parameter at 'layerDigest' failed to satisfy constraint: regex '{_DIGEST.pattern}'")
    return digest


def spelled(image_id: ImageId) -> Mapping[str, str]:
    """The id as it stands in an answer."""
    names = {"imageDigest": image_id.image_digest, "imageTag": image_id.image_tag}
    return {name: value for name, value in names.items() if value}

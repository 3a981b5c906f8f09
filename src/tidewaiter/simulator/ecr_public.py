"""The API of the simulated ECR Public: listing only, as of its own; images are pulled through the Docker API.

https://docs.aws.amazon.com/AmazonECRPublic/latest/APIReference/API_Operations.html
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from tidewaiter.aws import hosts
from tidewaiter.simulator import ecr_reading, ecr_requests, ecr_writing
from tidewaiter.simulator.ecr_calls import Call, Operation
from tidewaiter.simulator.ecr_registry import SimulatedEcr
from tidewaiter.simulator.ecr_service import known, repository_name
from tidewaiter.simulator.service import Answer, Arguments, Caller, ServiceError

BEARER: Final = "sts:GetServiceBearerToken"
"""What a caller must be allowed besides `ecr-public:GetAuthorizationToken`."""

_REPOSITORY = frozenset({"repositoryArn", "registryId", "repositoryName", "repositoryUri", "createdAt"})
_IMAGE = frozenset(
    {
        "registryId",
        "repositoryName",
        "imageDigest",
        "imageTags",
        "imageSizeInBytes",
        "imagePushedAt",
        "imageManifestMediaType",
        "artifactMediaType",
    }
)
_OF_THE_REGISTRY = frozenset({"DescribeRegistries", "GetAuthorizationToken"})


def describe_registries(call: Call, request: ecr_requests.Paged) -> Answer:
    """The caller's registry. Its `registryUri` is where its Docker API listens here: `127.0.0.1:<port>/<alias>`."""
    del request
    alias = call.registry.alias
    entry = {
        "registryId": call.account,
        "registryArn": f"arn:{hosts.DEFAULT_PARTITION}:ecr-public::{call.account}:registry/{call.account}",
        "registryUri": _uri(call),
        "verified": False,
        "aliases": [{"name": alias, "status": "ACTIVE", "primaryRegistryAlias": True, "defaultRegistryAlias": True}],
    }
    return {"registries": [entry]}


def describe_repositories(call: Call, request: ecr_requests.DescribeRepositories) -> Answer:
    """The repositories that are named, else a page of all."""
    found = ecr_reading.describe_repositories(call, request)
    repositories = [_public_repository(call, one) for one in found["repositories"]]
    return {**found, "repositories": repositories}


def describe_images(call: Call, request: ecr_requests.DescribeImages) -> Answer:
    """The manifests that are named, else a page of all: with less about each than of private ones."""
    found = ecr_reading.describe_images(call, request)
    return {**found, "imageDetails": [_only(one, _IMAGE) for one in found["imageDetails"]]}


def get_authorization_token(call: Call, request: ecr_requests.Request) -> Answer:
    """A login to the Docker API, where the caller may have bearer tokens, too."""
    del request
    call.registry.cloud.gate.admit(call.caller, hosts.PUBLIC_REGION, BEARER, "*")
    token, expires = call.registry.cloud.tokens.give(call.caller)
    return {"authorizationData": {"authorizationToken": token, "expiresAt": expires}}


def create_repository(call: Call, request: ecr_requests.CreateRepository) -> Answer:
    """A new repository."""
    made = ecr_writing.create_repository(call, request)
    return {"repository": _public_repository(call, made["repository"])}


def delete_repository(call: Call, request: ecr_requests.DeleteRepository) -> Answer:
    """What the repository was."""
    gone = ecr_writing.delete_repository(call, request)
    return {"repository": _public_repository(call, gone["repository"])}


OPERATIONS: Final[Mapping[str, Operation[Any]]] = {
    "BatchCheckLayerAvailability": Operation(ecr_requests.BatchCheckLayerAvailability, ecr_reading.batch_check_layers),
    "BatchDeleteImage": Operation(ecr_requests.BatchDeleteImage, ecr_writing.batch_delete_image),
    "CreateRepository": Operation(ecr_requests.CreateRepository, create_repository),
    "DeleteRepository": Operation(ecr_requests.DeleteRepository, delete_repository),
    "DescribeImages": Operation(ecr_requests.DescribeImages, describe_images),
    "DescribeRegistries": Operation(ecr_requests.Paged, describe_registries),
    "DescribeRepositories": Operation(ecr_requests.DescribeRepositories, describe_repositories),
    "GetAuthorizationToken": Operation(ecr_requests.Request, get_authorization_token),
    "PutImage": Operation(ecr_requests.PutImage, ecr_writing.put_image),
}


class EcrPublicService:
    """Answers the operations of the public registries. `find` gives an account's."""

    def __init__(self, find: Callable[[str], SimulatedEcr]) -> None:
        self._find = find

    def action_and_resource(self, region: str, account: str, operation: str, arguments: Arguments) -> tuple[str, str]:
        """The permission that a call needs. Raises ServiceError for an operation that is not known."""
        del region
        known(OPERATIONS, operation)
        action = f"ecr-public:{operation}"
        if operation in _OF_THE_REGISTRY:
            return action, "*"
        owner = arguments.get("registryId") or account
        return action, f"arn:{hosts.DEFAULT_PARTITION}:ecr-public::{owner}:repository/{repository_name(arguments)}"

    def handle(self, caller: Caller, region: str, operation: str, arguments: Arguments) -> Answer:
        """The answer to a call that is allowed. Raises ServiceError, also in regions that do not have the service."""
        if region != hosts.PUBLIC_REGION:
            message = f"ECR Public answers in {hosts.PUBLIC_REGION} only, not in {region}"
            raise ServiceError("UnsupportedCommandException", message)
        call = Call(caller=caller, registry=self._find(caller.account))
        return known(OPERATIONS, operation).carry_out(call, arguments)


def _uri(call: Call) -> str:
    return f"{call.registry.docker_url.removeprefix('http://')}/{call.registry.alias}"


def _public_repository(call: Call, repository: Mapping[str, Any]) -> Mapping[str, Any]:
    uri = f"{_uri(call)}/{repository['repositoryName']}"
    return _only({**repository, "repositoryUri": uri}, _REPOSITORY)


def _only(entry: Mapping[str, Any], names: frozenset[str]) -> Mapping[str, Any]:
    return {name: value for name, value in entry.items() if name in names}

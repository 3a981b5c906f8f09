"""The API of the simulated ECR: which operations there are, and which permission each needs.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from tidewaiter.aws import hosts
from tidewaiter.simulator import ecr_reading, ecr_requests, ecr_writing
from tidewaiter.simulator.ecr_calls import Call, Operation
from tidewaiter.simulator.ecr_registry import SimulatedEcr
from tidewaiter.simulator.service import Answer, Arguments, Caller, ServiceError

OPERATIONS: Final[Mapping[str, Operation[Any]]] = {
    "BatchCheckLayerAvailability": Operation(ecr_requests.BatchCheckLayerAvailability, ecr_reading.batch_check_layers),
    "BatchDeleteImage": Operation(ecr_requests.BatchDeleteImage, ecr_writing.batch_delete_image),
    "BatchGetImage": Operation(ecr_requests.BatchGetImage, ecr_reading.batch_get_image),
    "CreateRepository": Operation(ecr_requests.CreateRepository, ecr_writing.create_repository),
    "DeleteRepository": Operation(ecr_requests.DeleteRepository, ecr_writing.delete_repository),
    "DeregisterPullTimeUpdateExclusion": Operation(ecr_requests.Exclusion, ecr_writing.deregister_exclusion),
    "DescribeImages": Operation(ecr_requests.DescribeImages, ecr_reading.describe_images),
    "DescribeRegistry": Operation(ecr_requests.Request, ecr_reading.describe_registry),
    "DescribeRepositories": Operation(ecr_requests.DescribeRepositories, ecr_reading.describe_repositories),
    "GetAuthorizationToken": Operation(ecr_requests.GetAuthorizationToken, ecr_reading.get_authorization_token),
    "GetDownloadUrlForLayer": Operation(ecr_requests.GetDownloadUrlForLayer, ecr_reading.get_download_url),
    "ListImageReferrers": Operation(ecr_requests.ListImageReferrers, ecr_reading.list_referrers),
    "ListImages": Operation(ecr_requests.ListImages, ecr_reading.list_images),
    "ListPullTimeUpdateExclusions": Operation(ecr_requests.ListExclusions, ecr_writing.list_exclusions),
    "PutImage": Operation(ecr_requests.PutImage, ecr_writing.put_image),
    "RegisterPullTimeUpdateExclusion": Operation(ecr_requests.Exclusion, ecr_writing.register_exclusion),
    "UpdateImageStorageClass": Operation(ecr_requests.UpdateImageStorageClass, ecr_writing.update_storage_class),
}
_OF_THE_REGISTRY = frozenset(
    {
        "DeregisterPullTimeUpdateExclusion",
        "DescribeRegistry",
        "GetAuthorizationToken",
        "ListPullTimeUpdateExclusions",
        "RegisterPullTimeUpdateExclusion",
    }
)
_OTHER_ACTIONS = {"ListImageReferrers": "BatchGetImage"}


class EcrService:
    """Answers the operations of the private registries. `find` gives an account's registry in a region.

    `actions` are the names of permissions that differ from their operations'; they may be changed: AWS' guide and its
    API do not agree on all.
    """

    def __init__(self, find: Callable[[str, str], SimulatedEcr]) -> None:
        self.actions = dict(_OTHER_ACTIONS)
        self._find = find

    def action_and_resource(self, region: str, account: str, operation: str, arguments: Arguments) -> tuple[str, str]:
        """The permission that a call needs. Raises ServiceError for an operation that is not known."""
        known(OPERATIONS, operation)
        action = f"ecr:{self.actions.get(operation, operation)}"
        if operation in _OF_THE_REGISTRY:
            return action, "*"
        owner = arguments.get("registryId") or account
        partition = hosts.partition_of_region(region)
        return action, f"arn:{partition}:ecr:{region}:{owner}:repository/{repository_name(arguments)}"

    def handle(self, caller: Caller, region: str, operation: str, arguments: Arguments) -> Answer:
        """The answer to a call that is allowed. Raises ServiceError."""
        call = Call(caller=caller, registry=self._find(caller.account, region))
        return known(OPERATIONS, operation).carry_out(call, arguments)


def known(operations: Mapping[str, Operation[Any]], operation: str) -> Operation[Any]:
    """The operation of this name. Raises ServiceError where there is none."""
    found = operations.get(operation)
    if found is None:
        raise ServiceError("UnknownOperationException", f"The operation {operation} is not simulated")
    return found


def repository_name(arguments: Arguments) -> str:
    """The repository that a call is about, as its ARN ends: `*` for a call about several or all."""
    several = arguments.get("repositoryNames") or []
    return str(several[0] if len(several) == 1 else arguments.get("repositoryName") or "*")

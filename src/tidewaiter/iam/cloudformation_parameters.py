"""What of a template can be changed when it is put up: names, ARNs and external IDs.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from tidewaiter.iam.cloudformation_text import Intrinsic, Value

_NAME: Final = r"[\w+=,.@-]+"
_ARN: Final = r"arn:[a-z-]+:iam::[0-9]{12}:.+"
_EXTERNAL_ID: Final = r"[\w+=,.@:/-]*"
_LABEL: Final = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of parameter. What is given has to match `pattern`, and has so many characters."""

    name: str
    description: str
    pattern: str
    longest: int
    shortest: int = 1
    secret: bool = False


class Kinds(Enum):
    """All that are parameters, with the limits that AWS sets.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """

    ROLE_NAME = Kind("RoleName", "The name of the role", _NAME, 64)
    USER_NAME = Kind("UserName", "The name of the user", _NAME, 64)
    PROFILE_NAME = Kind("InstanceProfileName", "The name of the instance profile", _NAME, 128)
    EXISTING_ROLE = Kind("ExistingRoleName", "The name of the role that is there already", _NAME, 64)
    EXISTING_USER = Kind("ExistingUserName", "The name of the user that is there already", _NAME, 64)
    TRUSTED = Kind("TrustedPrincipalArn", "Who may assume the role", _ARN, 2048, 20)
    EXTERNAL_ID = Kind("ExternalId", "What whoever assumes the role has to say", _EXTERNAL_ID, 1224, 2, secret=True)
    ASSUMED_ROLE = Kind("AssumedRoleName", "The name of the role that is assumed", _NAME, 64)
    CLUSTER = Kind("ClusterName", "The EKS cluster", r"[0-9A-Za-z][\w-]*", 100)
    NAMESPACE = Kind("Namespace", "The namespace of the service account", _LABEL, 63)
    SERVICE_ACCOUNT = Kind("ServiceAccount", "The service account that tidewaiter runs as", r"[a-z0-9.-]+", 253)
    EXCLUDED = Kind("PrincipalArn", "Whose pulls leave no pull time", _ARN, 2048, 20)
    RULE = Kind("RuleName", "The name of the rule", r"[.\w-]+", 64)
    QUEUE = Kind("QueueName", "The name of the queue", r"[\w-]+", 80)


class Parameters:
    """The parameters of one template, in the order in which its resources first ask for them."""

    def __init__(self) -> None:
        self._names: dict[tuple[Kinds, str], str] = {}

    def name(self, kind: Kinds, value: str) -> str:
        """The parameter for a value: one value of a kind is one parameter, the second of a kind has a 2 at its end."""
        if found := self._names.get((kind, value)):
            return found
        number = 1 + sum(each is kind for each, _ in self._names)
        return self._names.setdefault((kind, value), numbered(kind.value.name, number))

    def ref(self, kind: Kinds, value: str) -> Intrinsic:
        """The value, as its parameter."""
        return Intrinsic("Ref", self.name(kind, value))

    @property
    def has_secrets(self) -> bool:
        """Whether one of them is not for everybody."""
        return any(kind.value.secret for kind, _ in self._names)

    def written(self) -> Mapping[str, Value]:
        """All of them, as a template declares them."""
        return {name: _declared(kind.value, value) for (kind, value), name in self._names.items()}


def numbered(name: str, number: int) -> str:
    """The name of the first, second, … of a kind: `Role`, `Role2`."""
    return name if number == 1 else f"{name}{number}"


def _declared(kind: Kind, value: str) -> Value:
    return {
        "Type": "String",
        "Description": kind.description,
        "Default": value,
        **({"NoEcho": True} if kind.secret else {}),
        "AllowedPattern": kind.pattern,
        "MinLength": kind.shortest,
        "MaxLength": kind.longest,
    }

"""What of a module can be changed without touching it: names, ARNs and external IDs.

https://developer.hashicorp.com/terraform/language/values/variables
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from tidewaiter.iam.terraform_text import Block, Body, Expression, Value


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of variable, of a type of the language."""

    name: str
    description: str
    type: str = "string"
    secret: bool = False


_LIST: Final = "list(string)"


class Kinds(Enum):
    """All that are variables."""

    PARTITION = Kind("partition", "The partition of AWS: aws, aws-cn, aws-us-gov or another")
    ACCOUNT = Kind("account_id", "The account that this is for; in any other one nothing is done")
    ROLE_NAME = Kind("role_name", "The name of the role")
    USER_NAME = Kind("user_name", "The name of the user")
    PROFILE_NAME = Kind("instance_profile_name", "The name of the instance profile")
    EXISTING_NAME = Kind("existing_name", "The role or user that is there already")
    TRUSTED = Kind("trusted_principal_arns", "Who may assume the role", type=_LIST)
    EXTERNAL_IDS = Kind(
        "external_ids", "One of these has to be said by whoever assumes the role", type=_LIST, secret=True
    )
    ASSUMED_ROLE = Kind("assumed_role_name", "The role that is assumed, by the name it has there")
    ISSUER = Kind("oidc_issuer", "The cluster's OIDC issuer, without https://")
    CREATE_PROVIDER = Kind(
        "create_oidc_provider", "Whether IAM does not know the cluster's OIDC issuer yet", type="bool"
    )
    CLUSTER = Kind("cluster_name", "The EKS cluster")
    NAMESPACE = Kind("namespace", "The namespace of the service account")
    SERVICE_ACCOUNT = Kind("service_account", "The service account that tidewaiter runs as")
    EXCLUDED = Kind("excluded_name", "The role or user whose pulls leave no pull time, by the name it has there")
    EXCLUSION_REGIONS = Kind("exclusion_regions", "Where its pulls leave no pull time", type=_LIST)
    EVENT_REGIONS = Kind("event_regions", "Where pushed and deleted images are told to a queue", type=_LIST)
    RULE = Kind("rule_name", "The name of the rule")
    QUEUE = Kind("queue_name", "The name of the queue")


class Variables:
    """The variables of one module, in the order in which its resources first ask for them."""

    def __init__(self) -> None:
        self._names: dict[tuple[Kinds, tuple[str, ...]], str] = {}

    def of(self, kind: Kinds, *values: str) -> Expression:
        """What stands for a value, or for a list. The same of a kind is one variable; another ends in `_2`."""
        number = 1 + sum(each is kind for each, _ in self._names)
        name = kind.value.name if number == 1 else f"{kind.value.name}_{number}"
        return Expression(f"var.{self._names.setdefault((kind, values), name)}")

    @property
    def has_secrets(self) -> bool:
        """Whether secrets are among the defaults."""
        return any(kind.value.secret for kind, _ in self._names)

    def blocks(self) -> Iterator[Block]:
        """All of them, as a module declares them."""
        for (kind, values), name in self._names.items():
            yield Block("variable", (name,), _declared(kind.value, values))


def _declared(kind: Kind, values: tuple[str, ...]) -> Body:
    found: Body = [
        ("description", f"{kind.description}."),
        ("type", Expression(kind.type)),
        ("default", _default(kind, values)),
    ]
    return [*found, ("sensitive", True)] if kind.secret else found


def _default(kind: Kind, values: tuple[str, ...]) -> Value:
    match kind.type:
        case "string":
            return values[0]
        case "bool":
            return Expression(values[0])
        case _:
            return values

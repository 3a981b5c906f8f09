"""The resources of a module, as Terraform's provider for AWS knows them.

https://registry.terraform.io/providers/hashicorp/aws/latest/docs
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tidewaiter.iam.blueprint import (
    ANY_PLACE,
    Attachment,
    InstanceProfile,
    OidcProvider,
    Part,
    PodIdentity,
    Policy,
    PullTimeExclusion,
    PushEvents,
    Resource,
    Role,
    User,
)
from tidewaiter.iam.terraform_documents import EACH, Documents
from tidewaiter.iam.terraform_text import Block, Body, Call, Expression, joined
from tidewaiter.iam.terraform_variables import Kinds, Variables

OLDEST: Final = (5, 0)
"""The version of the provider that everything needs."""

NEWER: Final[Mapping[type[Resource], tuple[int, int]]] = {
    OidcProvider: (5, 81),  # without thumbprints
    PodIdentity: (5, 100),  # without session tags
    PushEvents: (6, 0),  # in regions other than the provider's
    PullTimeExclusion: (6, 28),
}
"""What needs a later version."""


class Resources:
    """Writes the resources of one module, and gathers the variables that they ask for."""

    def __init__(self, part: Part, partition: str) -> None:
        self.variables = Variables()
        self._part = part
        self._labels: dict[tuple[str, str], str] = {}
        self._addresses = {
            f"arn:{partition}:iam::{part.account or ANY_PLACE}:{_kind(each)}/{each.name}": self._address(each)
            for each in part.resources
            if isinstance(each, Role | User)
        }
        issuers = [each.issuer for each in part.resources if isinstance(each, OidcProvider)]
        self._documents = Documents(part, partition, self.variables, self._addresses, issuers)

    def blocks(self) -> list[Block]:
        """All resources, in the order of the part."""
        return [block for resource in self._part.resources for block in self._blocks(resource)]

    def outputs(self) -> list[Block]:
        """What others have to know of what is made."""
        return [block for resource in self._part.resources for block in self._outputs(resource)]

    def _blocks(self, resource: Resource) -> Iterator[Block]:
        match resource:
            case Role():
                yield self._role(resource)
                yield from self._policies("role", resource.name, resource.policies, f"{self._address(resource)}.name")
            case User():
                name = self.variables.of(Kinds.USER_NAME, resource.name)
                yield self._block("aws_iam_user", resource.name, [("name", name)])
                yield from self._policies("user", resource.name, resource.policies, f"{self._address(resource)}.name")
            case Attachment():
                kind, owner = _principal(resource.principal_arn)
                there = self.variables.of(Kinds.EXISTING_NAME, owner)
                yield from self._policies(kind, owner, resource.policies, there.text)
            case InstanceProfile():
                name = self.variables.of(Kinds.PROFILE_NAME, resource.name)
                role = self._role_called(resource.role, "name")
                yield self._block("aws_iam_instance_profile", resource.name, [("name", name), ("role", role)])
            case OidcProvider():
                yield self._provider(resource)
            case PodIdentity():
                yield self._pod_identity(resource)
            case PullTimeExclusion():
                yield self._exclusion(resource)
            case PushEvents():
                yield from self._events(resource)

    def _role(self, role: Role) -> Block:
        trust = self._documents.written(role.trust)
        body: Body = [
            ("name", self.variables.of(Kinds.ROLE_NAME, role.name)),
            ("description", role.description),
            ("max_session_duration", role.max_session),
            None,
            ("assume_role_policy", trust),
        ]
        return self._block("aws_iam_role", role.name, body)

    def _policies(self, kind: str, owner: str, policies: Sequence[Policy], there: str) -> Iterator[Block]:
        """Inline policies of a role or user, whose name is the expression `there`."""
        for policy in policies:
            document = self._documents.written(policy.document)
            named: Body = [("name", policy.name), (kind, Expression(there)), None, ("policy", document)]
            label = policy.name if policy.name.startswith(owner) else f"{owner}-{policy.name}"
            yield self._block(f"aws_iam_{kind}_policy", label, named)

    def _provider(self, provider: OidcProvider) -> Block:
        """The provider, which the cluster's own module may have made already."""
        wanted = self.variables.of(Kinds.CREATE_PROVIDER, "true")
        body: Body = [
            ("count", Expression(f"{wanted.text} ? 1 : 0")),
            None,
            ("url", joined("https://", self.variables.of(Kinds.ISSUER, provider.issuer))),
            ("client_id_list", [provider.audience]),
        ]
        return self._block("aws_iam_openid_connect_provider", provider.issuer, body)

    def _pod_identity(self, identity: PodIdentity) -> Block:
        body: Body = [
            ("cluster_name", self.variables.of(Kinds.CLUSTER, identity.cluster)),
            ("namespace", self.variables.of(Kinds.NAMESPACE, identity.namespace)),
            ("service_account", self.variables.of(Kinds.SERVICE_ACCOUNT, identity.service_account)),
            ("role_arn", self._role_called(identity.role, "arn")),
            *([] if identity.session_tags else [("disable_session_tags", True)]),
        ]
        return self._block("aws_eks_pod_identity_association", identity.role, body)

    def _exclusion(self, exclusion: PullTimeExclusion) -> Block:
        principal = self._documents.principal(exclusion.principal_arn)
        regions = self.variables.of(Kinds.EXCLUSION_REGIONS, *exclusion.regions)
        body = [*_in_each(regions), ("principal_arn", principal)]
        return self._block("aws_ecr_pull_time_update_exclusion", _principal(exclusion.principal_arn)[1], body)

    def _events(self, events: PushEvents) -> Iterator[Block]:
        each = _in_each(self.variables.of(Kinds.EVENT_REGIONS, *self._part.regions))
        queue, rule = self._at("aws_sqs_queue", events.queue), self._at("aws_cloudwatch_event_rule", events.rule)
        policy = self._documents.written(events.queue_policy)
        pattern = Call("jsonencode", json.loads(events.pattern))
        name = self.variables.of(Kinds.QUEUE, events.queue)
        address = ("queue_url", Expression(f"{queue}[{EACH.text}].url"))
        yield self._block("aws_sqs_queue", events.queue, [*each, ("name", name)])
        yield self._block("aws_sqs_queue_policy", events.queue, [*each, address, None, ("policy", policy)])
        named = ("name", self.variables.of(Kinds.RULE, events.rule))
        yield self._block("aws_cloudwatch_event_rule", events.rule, [*each, named, None, ("event_pattern", pattern)])
        target: Body = [
            ("rule", Expression(f"{rule}[{EACH.text}].name")),
            ("arn", Expression(f"{queue}[{EACH.text}].arn")),
        ]
        yield self._block("aws_cloudwatch_event_target", events.rule, [*each, *target])

    def _outputs(self, resource: Resource) -> Iterator[Block]:
        match resource:
            case Role() | User():
                kind, address = _kind(resource), self._address(resource)
                yield _output(f"{address.rpartition('.')[2]}_arn", f"The ARN of the {kind}.", f"{address}.arn")
            case InstanceProfile():
                address = self._at("aws_iam_instance_profile", resource.name)
                yield _output("instance_profile_name", "What instances are started with.", f"{address}.name")
            case PushEvents():
                queues = self._at("aws_sqs_queue", resource.queue)
                every = f"{{ for region, queue in {queues} : region => queue.url }}"
                yield _output("queue_urls", "The addresses of the queues, by region.", every)
            case _:
                """Nobody asks for it."""

    def _block(self, kind: str, name: str, body: Body) -> Block:
        """A resource. Of two whose names differ only in what labels cannot hold, the second has a 2 at its end."""
        return Block("resource", (kind, self._unique(kind, name)), body)

    def _unique(self, kind: str, name: str) -> str:
        label = _label(name)
        taken = [known for (each, _), known in self._labels.items() if each == kind]
        number = 2
        while label in taken and (kind, name) not in self._labels:
            label, number = f"{_label(name)}_{number}", number + 1
        return self._labels.setdefault((kind, name), label)

    def _address(self, made: Role | User) -> str:
        return self._at(f"aws_iam_{_kind(made)}", made.name)

    def _at(self, kind: str, name: str) -> str:
        """How the module names a resource of its own."""
        return f"{kind}.{self._unique(kind, name)}"

    def _role_called(self, name: str, attribute: str) -> str | Expression:
        """What is known of a role of this module, or the name itself."""
        known = (each for each in self._part.resources if isinstance(each, Role) and each.name == name)
        role = next(known, None)
        return Expression(f"{self._address(role)}.{attribute}") if role else name


def _in_each(regions: Expression) -> Body:
    return [("for_each", Expression(f"toset({regions.text})")), None, ("region", EACH)]


def _output(name: str, description: str, value: str) -> Block:
    return Block("output", (name,), [("description", description), ("value", Expression(value))])


def _kind(made: Role | User) -> str:
    return "role" if isinstance(made, Role) else "user"


def _principal(arn: str) -> tuple[str, str]:
    """The kind and the name of a role or user by its ARN; a path is no part of the name."""
    kind, _, name = arn.rpartition(":")[2].partition("/")
    return kind, name.rpartition("/")[2]


def _label(name: str) -> str:
    """The name as the language can name something.

    https://developer.hashicorp.com/terraform/language/syntax/configuration#identifiers
    """
    found = re.sub(r"[^0-9A-Za-z]+", "_", name).strip("_").lower() or "it"
    return found if found[0].isalpha() else f"_{found}"

"""The resources of a template, as CloudFormation knows them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tidewaiter.aws.hosts import parse_arn
from tidewaiter.iam.blueprint import (
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
from tidewaiter.iam.cloudformation_documents import Documents, Own
from tidewaiter.iam.cloudformation_parameters import Kinds, Parameters, numbered
from tidewaiter.iam.cloudformation_text import Intrinsic, Value

_LABELS: Final[Mapping[type[Resource], str]] = {
    Role: "Role",
    User: "User",
    Attachment: "Attachment",
    InstanceProfile: "InstanceProfile",
    OidcProvider: "OidcProvider",
    PodIdentity: "PodIdentityAssociation",
    PullTimeExclusion: "PullTimeExclusion",
    PushEvents: "Rule",
}
_QUEUE: Final = "Queue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What a template tells when it was put up."""

    name: str
    description: str
    value: Intrinsic


class Resources:
    """Writes the resources of a part."""

    def __init__(self, part: Part, partition: str) -> None:
        self.parameters = Parameters()
        self._labelled = tuple(_labelled(part.resources))
        self._roles = {each.name: label for label, _, each in self._labelled if isinstance(each, Role)}
        self._account = part.account
        self._documents = Documents(part, partition, self.parameters, self._own())

    def written(self) -> Mapping[str, Value]:
        """The resources by their logical names, in the order of the part."""
        found: dict[str, Value] = {}
        for label, number, resource in self._labelled:
            found.update(self._resource(label, number, resource))
        return found

    def outputs(self) -> Mapping[str, Value]:
        """What whoever puts them up has to know: ARNs, and the address of a queue."""
        every = (output for label, number, resource in self._labelled for output in _outputs(label, number, resource))
        return {each.name: {"Description": each.description, "Value": each.value} for each in every}

    def _own(self) -> Own:
        names: dict[str, Kinds] = {}
        labels: dict[tuple[str, str], str] = {}
        for label, number, resource in self._labelled:
            match resource:
                case Role(name=name):
                    names[f"role/{name}"] = Kinds.ROLE_NAME
                case User(name=name):
                    names[f"user/{name}"] = Kinds.USER_NAME
                case Attachment(principal_arn=arn):
                    names[parse_arn(arn).resource] = _kind_of_existing(arn)
                case PullTimeExclusion(principal_arn=arn) if not self._account:
                    names[parse_arn(arn).resource] = Kinds.ROLE_NAME
                case PushEvents(rule=rule, queue=queue):
                    labels |= {("events", f"rule/{rule}"): label, ("sqs", queue): numbered(_QUEUE, number)}
                case _:
                    """Nothing else is named in policies of the same template."""
        return Own(names=names, labels=labels)

    def _resource(self, label: str, number: int, resource: Resource) -> Iterator[tuple[str, Value]]:
        match resource:
            case Role():
                yield label, self._role(resource)
            case User():
                yield label, _typed("AWS::IAM::User", UserName=self.parameters.ref(Kinds.USER_NAME, resource.name))
                yield from self._policies(label, resource.policies, Users=[Intrinsic("Ref", label)])
            case Attachment():
                yield from self._policies(label, resource.policies, **self._attached(resource.principal_arn))
            case InstanceProfile():
                yield label, self._instance_profile(resource)
            case OidcProvider():
                yield label, _oidc_provider(resource)
            case PodIdentity():
                yield label, self._pod_identity(resource)
            case PullTimeExclusion():
                principal = self._excluded(resource.principal_arn)
                yield label, _typed("AWS::ECR::PullTimeUpdateExclusion", PrincipalArn=principal)
            case PushEvents():
                yield from self._push_events(label, number, resource)

    def _role(self, role: Role) -> Value:
        name = self.parameters.ref(Kinds.ROLE_NAME, role.name)
        trust = self._documents.written(role.trust)
        policies: list[Value] = [
            {"PolicyName": policy.name, "PolicyDocument": self._documents.written(policy.document)}
            for policy in role.policies
        ]
        return _typed(
            "AWS::IAM::Role",
            RoleName=name,
            Description=role.description,
            MaxSessionDuration=role.max_session,
            AssumeRolePolicyDocument=trust,
            **({"Policies": policies} if policies else {}),
        )

    def _policies(self, label: str, policies: Sequence[Policy], **holder: Value) -> Iterator[tuple[str, Value]]:
        """Policies of a user, or of what is there already."""
        for place, policy in enumerate(policies, 1):
            document = self._documents.written(policy.document)
            fields: dict[str, Value] = {"PolicyName": policy.name, "PolicyDocument": document, **holder}
            yield numbered(f"{label}Policy", place), _typed("AWS::IAM::Policy", **fields)

    def _attached(self, arn: str) -> dict[str, Value]:
        """Whose policies they are: CloudFormation knows roles and users by their names, without their paths."""
        kind = _kind_of_existing(arn)
        name = self.parameters.ref(kind, arn.rpartition("/")[2])
        return {"Users" if kind is Kinds.EXISTING_USER else "Roles": [name]}

    def _instance_profile(self, profile: InstanceProfile) -> Value:
        return _typed(
            "AWS::IAM::InstanceProfile",
            InstanceProfileName=self.parameters.ref(Kinds.PROFILE_NAME, profile.name),
            Roles=[Intrinsic("Ref", self._roles[profile.role])],
        )

    def _excluded(self, arn: str) -> Value:
        """A principal that each account has for itself is known by its name."""
        return self.parameters.ref(Kinds.EXCLUDED, arn) if self._account else self._documents.arn(arn)

    def _pod_identity(self, association: PodIdentity) -> Value:
        return _typed(
            "AWS::EKS::PodIdentityAssociation",
            ClusterName=self.parameters.ref(Kinds.CLUSTER, association.cluster),
            Namespace=self.parameters.ref(Kinds.NAMESPACE, association.namespace),
            ServiceAccount=self.parameters.ref(Kinds.SERVICE_ACCOUNT, association.service_account),
            RoleArn=Intrinsic("GetAtt", f"{self._roles[association.role]}.Arn"),
            **({} if association.session_tags else {"DisableSessionTags": True}),
        )

    def _push_events(self, label: str, number: int, events: PushEvents) -> Iterator[tuple[str, Value]]:
        queue = numbered(_QUEUE, number)
        yield queue, _typed("AWS::SQS::Queue", QueueName=self.parameters.ref(Kinds.QUEUE, events.queue))
        yield (
            numbered("QueuePolicy", number),
            _typed(
                "AWS::SQS::QueuePolicy",
                Queues=[Intrinsic("Ref", queue)],
                PolicyDocument=self._documents.written(events.queue_policy),
            ),
        )
        yield (
            label,
            _typed(
                "AWS::Events::Rule",
                Name=self.parameters.ref(Kinds.RULE, events.rule),
                EventPattern=json.loads(events.pattern),
                Targets=[{"Id": "queue", "Arn": Intrinsic("GetAtt", f"{queue}.Arn")}],
            ),
        )


def _labelled(resources: Sequence[Resource]) -> Iterator[tuple[str, int, Resource]]:
    """Each with its logical name, and the how many-th of its kind it is."""
    seen: Counter[type[Resource]] = Counter()
    for resource in resources:
        kind = type(resource)
        seen[kind] += 1
        yield numbered(_LABELS[kind], seen[kind]), seen[kind], resource


def _typed(kind: str, **properties: Value) -> Value:
    return {"Type": kind, "Properties": properties}


def _oidc_provider(provider: OidcProvider) -> Value:
    return _typed("AWS::IAM::OIDCProvider", Url=f"https://{provider.issuer}", ClientIdList=[provider.audience])


def _kind_of_existing(arn: str) -> Kinds:
    return Kinds.EXISTING_USER if ":user/" in arn else Kinds.EXISTING_ROLE


def _outputs(label: str, number: int, resource: Resource) -> Iterator[Output]:
    arn = Intrinsic("GetAtt", f"{label}.Arn")
    match resource:
        case Role():
            yield Output(name=f"{label}Arn", description="The ARN of the role", value=arn)
        case User():
            yield Output(name=f"{label}Arn", description="The ARN of the user", value=arn)
        case InstanceProfile():
            yield Output(name=f"{label}Arn", description="The ARN of the instance profile", value=arn)
        case OidcProvider():
            yield Output(name=f"{label}Arn", description="The ARN of the identity provider", value=arn)
        case PodIdentity():
            found = Intrinsic("GetAtt", f"{label}.AssociationArn")
            yield Output(name=f"{label}Arn", description="The ARN of the association", value=found)
        case PushEvents():
            queue = numbered(_QUEUE, number)
            address = Intrinsic("Ref", queue)
            yield Output(name=f"{queue}Url", description="The address of the queue", value=address)
            of_queue = Intrinsic("GetAtt", f"{queue}.Arn")
            yield Output(name=f"{queue}Arn", description="The ARN of the queue", value=of_queue)
            yield Output(name=f"{label}Arn", description="The ARN of the rule", value=arn)
        case Attachment() | PullTimeExclusion():
            """What is there already is known."""

"""What to do with the documents of a blueprint by hand, in words."""

from collections.abc import Iterable

from tidewaiter.iam.blueprint import (
    ANY_PLACE,
    Attachment,
    Blueprint,
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
from tidewaiter.iam.documents import Document


def instructions(blueprint: Blueprint) -> str:
    """What has to be made of which document, part by part, as Markdown."""
    lines = ["# What to put up, in this order", ""]
    for part in blueprint.parts:
        lines += [f"## {part.name}: {part.where}", ""]
        lines += [f"- {_sentence(part, resource)}" for resource in part.resources]
        lines += [f"- {note}" for note in part.notes]
        lines.append("")
    if blueprint.notes:
        lines += ["## To know", "", *(f"- {note}" for note in blueprint.notes), ""]
    return "\n".join(lines)


def documents(resource: Resource) -> Iterable[tuple[str, Document]]:
    """The documents of a resource, each with what it is called: `tidewaiter-trust`, `tidewaiter-read-registries`."""
    match resource:
        case Role(name=name, trust=trust, policies=policies):
            yield f"{name}-trust", trust
            yield from _named(policies)
        case User(policies=policies) | Attachment(policies=policies):
            yield from _named(policies)
        case PushEvents(queue=queue, queue_policy=policy):
            yield f"{queue}-queue", policy
        case _:
            return


def file_name(part: Part, name: str) -> str:
    """The file of the document that is called so."""
    return f"{part.name}-{name}.json"


def _sentence(part: Part, resource: Resource) -> str:
    """What to make of a resource."""
    match resource:
        case Role() | User() | Attachment() | PushEvents():
            return _with(resource, ", ".join(f"`{file_name(part, name)}`" for name, _ in documents(resource)))
        case InstanceProfile(name=name, role=role):
            return f"Make the instance profile `{name}` for the role `{role}`."
        case OidcProvider(issuer=issuer, audience=audience):
            return f"Make the identity provider `https://{issuer}` known to IAM, for the audience `{audience}`."
        case PodIdentity():
            return _association(resource)
        case PullTimeExclusion(principal_arn=arn, regions=regions):
            own = arn.replace(f"::{ANY_PLACE}:", "::ACCOUNT:")
            return f"In {' and '.join(regions)} call `ecr:RegisterPullTimeUpdateExclusion` for `{own}`."


def _with(resource: Role | User | Attachment | PushEvents, files: str) -> str:
    """What to make with these files."""
    match resource:
        case Role(name=name, max_session=seconds):
            return f"Make the role `{name}`, for sessions of {seconds // 60} minutes, with {files}."
        case User(name=name):
            return f"Make the user `{name}`, with {files}."
        case Attachment(principal_arn=arn):
            return f"Give {files} to `{arn}`."
        case PushEvents(rule=rule, queue=queue, pattern=pattern):
            made = f"Make the queue `{queue}` with {files}, and the EventBridge rule `{rule}` that sends to it"
            return f"{made}, with the pattern `{' '.join(pattern.split())}`."


def _association(pod: PodIdentity) -> str:
    tags = "" if pod.session_tags else ", with session tags disabled"
    who = f"the service account `{pod.service_account}` in the namespace `{pod.namespace}`"
    return f"Associate the role `{pod.role}` with {who} of the cluster `{pod.cluster}`{tags}."


def _named(policies: Iterable[Policy]) -> Iterable[tuple[str, Document]]:
    return ((policy.name, policy.document) for policy in policies)

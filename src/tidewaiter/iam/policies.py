"""A blueprint as policy documents of their own, each in a file: to be pasted, or put up by tools of one's own."""

from collections.abc import Iterable

from tidewaiter.iam.blueprint import Attachment, Blueprint, Part, Policy, PushEvents, Resource, Role, User
from tidewaiter.iam.documents import Document
from tidewaiter.iam.rendered import Rendered


def render(blueprint: Blueprint) -> tuple[Rendered, ...]:
    """All documents, part by part, as they are."""
    return tuple(file for part in blueprint.parts for file in _files(part))


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


def _files(part: Part) -> Iterable[Rendered]:
    for resource in part.resources:
        for name, document in documents(resource):
            yield Rendered(name=f"{part.name}-{name}.json", part=part.name, text=f"{document.text()}\n")


def _named(policies: Iterable[Policy]) -> Iterable[tuple[str, Document]]:
    return ((policy.name, policy.document) for policy in policies)

"""CloudFormation templates of a blueprint: one a part, for a stack in its account or a stack set for many accounts.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
"""

from collections.abc import Iterator, Sequence
from typing import Final

from tidewaiter.iam.blueprint import Attachment, Blueprint, InstanceProfile, Part, Role, User
from tidewaiter.iam.cloudformation_resources import Resources
from tidewaiter.iam.cloudformation_text import Value, text_of
from tidewaiter.iam.comments import comment
from tidewaiter.iam.rendered import Rendered

LONGEST_DESCRIPTION: Final = 1024
"""In bytes: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-description-structure.html"""

_NAMED: Final = "--capabilities CAPABILITY_NAMED_IAM"


_CAPABILITY: Final = "--capabilities CAPABILITY_NAMED_IAM"
_WITHOUT_TRUSTED_ACCESS: Final = frozenset({"aws-cn"})
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-prereqs.html"""


def render(blueprint: Blueprint) -> tuple[Rendered, ...]:
    """The templates in the order in which they are put up. A part that makes nothing has none."""
    parts = [part for part in blueprint.parts if part.resources]
    return tuple(
        Rendered(name=f"{part.name}.yaml", part=part.name, text=_text(blueprint, part, place))
        for place, part in enumerate(parts)
    )


def _text(blueprint: Blueprint, part: Part, place: int) -> str:
    """The template: first what people have to know of it, then what CloudFormation reads."""
    written = Resources(part, blueprint.partition)
    resources = written.written()
    sections: dict[str, Value] = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": _description(part),
        "Parameters": written.parameters.written(),
        "Resources": resources,
        "Outputs": written.outputs(),
    }
    notes = [*(() if place else blueprint.notes), *part.notes, *_secret(written)]
    lines = [line for text in _heading(blueprint.partition, part, notes) for line in comment(text)]
    content = text_of({key: value for key, value in sections.items() if value})
    return "".join(f"{line}\n" for line in [*lines, ""]) + content


def _description(part: Part) -> str:
    kept = f"tidewaiter in {part.where}".encode()[:LONGEST_DESCRIPTION]
    return kept.decode(errors="ignore")


def _secret(written: Resources) -> Iterator[str]:
    if written.parameters.has_secrets:
        yield (
            "The defaults of external IDs stand in this template: NoEcho hides what a stack was given, not them. Take "
            "them out, and give them as parameters, where more people read templates than may know them."
        )


def _heading(partition: str, part: Part, notes: Sequence[str]) -> Iterator[str]:
    """What stands above a template: where it belongs, what is to be done by hand, and how it is put up."""
    yield f"For {part.where}."
    for note in notes:
        yield f"\n{note}"
    if part.account:
        yield f"\nTo put it up in account {part.account}:"
        yield from _stack_commands(part)
    elif partition in _WITHOUT_TRUSTED_ACCESS:
        yield "\nStack sets that AWS manages are not to be had in this partition. To put it up, in each account:"
        yield from _stack_commands(part)
    else:
        yield from _set_commands(part)


def _stack_commands(part: Part) -> Iterator[str]:
    """How it becomes a stack, in one region or in several."""
    words = f"aws cloudformation deploy --stack-name {_stack(part)} --template-file {part.name}.yaml"
    words += f" {_CAPABILITY}" if _is_of_iam(part) else ""
    if len(part.regions) > 1:
        yield f'  for region in {" ".join(part.regions)}; do\n    {words} --region "$region"\n  done'
    else:
        yield f"  {' '.join([words, *(f'--region {region}' for region in part.regions)])}"


def _set_commands(part: Part) -> Iterator[str]:
    """How it becomes a stack in each account of the organization, also of those that join later."""
    yield (
        "\nTo put it up, in the management account or as a delegated administrator of StackSets. TARGETS are the root "
        "of the organization (r-…) or units of it (ou-…), with commas between them"
        f"{'.' if part.regions else '; REGION is any one, for roles are the same in all.'}"
    )
    lines = [
        f"aws cloudformation create-stack-set --stack-set-name {_stack(part)}",
        f"  --template-body file://{part.name}.yaml{f' {_CAPABILITY}' if _is_of_iam(part) else ''}",
        "  --permission-model SERVICE_MANAGED --auto-deployment Enabled=true,RetainStacksOnAccountRemoval=false",
    ]
    yield "  " + " \\\n  ".join(lines)
    lines = [
        f"aws cloudformation create-stack-instances --stack-set-name {_stack(part)}",
        f"  --deployment-targets OrganizationalUnitIds=TARGETS --regions {' '.join(part.regions) or 'REGION'}",
    ]
    yield "  " + " \\\n  ".join(lines)


def _is_of_iam(part: Part) -> bool:
    """Whether it makes things of IAM that have a name, to which whoever puts it up has to agree."""
    return any(isinstance(each, Role | User | InstanceProfile | Attachment) for each in part.resources)


def _stack(part: Part) -> str:
    return f"tidewaiter-{part.name}"

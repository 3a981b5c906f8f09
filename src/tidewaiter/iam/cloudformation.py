"""CloudFormation templates of a blueprint: one a part, and one for what stands in each region apart.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tidewaiter.iam.blueprint import (
    Attachment,
    Blueprint,
    InstanceProfile,
    Part,
    PullTimeExclusion,
    Resource,
    Role,
    User,
)
from tidewaiter.iam.cloudformation_parameters import numbered
from tidewaiter.iam.cloudformation_resources import Resources
from tidewaiter.iam.cloudformation_text import Value, comment, text_of
from tidewaiter.iam.rendered import Rendered

LONGEST_DESCRIPTION: Final = 1024
"""In bytes: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-description-structure.html"""

_NAMED: Final = "--capabilities CAPABILITY_NAMED_IAM"


_CAPABILITY: Final = "--capabilities CAPABILITY_NAMED_IAM"
_WITHOUT_TRUSTED_ACCESS: Final = frozenset({"aws-cn"})
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-prereqs.html"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Template:
    """Resources of a part that are put up together: once, or, if there are `regions`, in each of these."""

    name: str
    part: Part
    resources: Sequence[Resource]
    regions: tuple[str, ...] = ()

    @property
    def is_named(self) -> bool:
        """Whether it makes things of IAM that have a name, to which whoever puts it up has to agree."""
        return any(isinstance(each, Role | User | InstanceProfile | Attachment) for each in self.resources)


def render(blueprint: Blueprint) -> tuple[Rendered, ...]:
    """The templates in the order in which they are put up. A part without resources has none."""
    templates = (template for part in blueprint.parts for template in _templates(part))
    return tuple(
        Rendered(name=f"{each.name}.yaml", part=each.part.name, text=_text(blueprint, each)) for each in templates
    )


def _templates(part: Part) -> Iterator[_Template]:
    """What IAM has in all regions alike stands in one template, what each region has for itself in others."""
    exclusions = [each for each in part.resources if isinstance(each, PullTimeExclusion)]
    others = [each for each in part.resources if not isinstance(each, PullTimeExclusion)]
    if others:
        yield _Template(name=part.name, part=part, resources=others, regions=part.regions)
    for place, exclusion in enumerate(exclusions, 1):
        name = numbered(f"{part.name}-pull-times", place)
        yield _Template(name=name, part=part, resources=[exclusion], regions=exclusion.regions)


def _text(blueprint: Blueprint, template: _Template) -> str:
    """The template: first what people have to know of it, then what CloudFormation reads."""
    written = Resources(template.part, blueprint.partition, template.resources)
    resources = written.written()
    sections: dict[str, Value] = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": _description(template),
        "Parameters": written.parameters.written(),
        "Resources": resources,
        "Outputs": written.outputs(),
    }
    lines = [line for text in _heading(blueprint, template) for line in comment(text)]
    content = text_of({key: value for key, value in sections.items() if value})
    return "".join(f"{line}\n" for line in [*lines, ""]) + content


def _description(template: _Template) -> str:
    kept = f"tidewaiter: {template.part.where}".encode()[:LONGEST_DESCRIPTION]
    return kept.decode(errors="ignore")


def _heading(blueprint: Blueprint, template: _Template) -> Iterator[str]:
    """What stands above a template: where it belongs, what is to be done by hand, and how it is put up."""
    yield template.part.where
    for note in template.part.notes:
        yield f"\n{note}"
    if template.part.account:
        yield f"\nTo put it up in account {template.part.account}:"
        yield from _stack_commands(template)
    elif blueprint.partition in _WITHOUT_TRUSTED_ACCESS:
        yield "\nStack sets cannot be managed by the service here. To put it up, in each account:"
        yield from _stack_commands(template)
    else:
        yield from _set_commands(template)


def _stack_commands(template: _Template) -> Iterator[str]:
    """How it becomes a stack, in one region or in several."""
    words = f"aws cloudformation deploy --stack-name {_stack(template)} --template-file {template.name}.yaml"
    words += f" {_CAPABILITY}" if template.is_named else ""
    if len(template.regions) > 1:
        yield f'  for region in {" ".join(template.regions)}; do\n    {words} --region "$region"\n  done'
    else:
        yield f"  {' '.join([words, *(f'--region {region}' for region in template.regions)])}"


def _set_commands(template: _Template) -> Iterator[str]:
    """How it becomes a stack in each account of the organization, also of those that join later."""
    yield (
        "\nTo put it up in each account, from the management account or a delegated administrator (stack sets leave the"
        " management account itself out). TARGETS are the organization's root (r-…) or units (ou-…), with commas"
        f" between them{'' if template.regions else '; REGION is any one: roles are the same in all'}."
    )
    yield f"  aws cloudformation create-stack-set --stack-set-name {_stack(template)} \\"
    yield f"    --template-body file://{template.name}.yaml --permission-model SERVICE_MANAGED \\"
    yield f"    --auto-deployment Enabled=true,RetainStacksOnAccountRemoval=false {_CAPABILITY * template.is_named}"
    yield f"  aws cloudformation create-stack-instances --stack-set-name {_stack(template)} \\"
    yield f"    --deployment-targets OrganizationalUnitIds=TARGETS --regions {' '.join(template.regions) or 'REGION'}"


def _stack(template: _Template) -> str:
    return f"tidewaiter-{template.name}"

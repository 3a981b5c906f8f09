"""Terraform modules of a blueprint: one a part, to be applied with the credentials of that part's account.

https://developer.hashicorp.com/terraform/language/modules/develop
"""

from collections.abc import Iterator

from tidewaiter.iam.blueprint import Blueprint, Part
from tidewaiter.iam.comments import comment
from tidewaiter.iam.rendered import Rendered
from tidewaiter.iam.terraform_documents import CALLER
from tidewaiter.iam.terraform_resources import NEWER, OLDEST, Resources
from tidewaiter.iam.terraform_text import Block, Body, text_of
from tidewaiter.iam.terraform_variables import Kinds

_LANGUAGE = ">= 0.14"  # the first with sensitive variables

_KEEP = "External IDs stand in this file, and in the state: keep both where secrets are kept."


def render(blueprint: Blueprint) -> tuple[Rendered, ...]:
    """The modules in the order in which they are applied, each in a folder of its own.

    A part without resources has none.
    """
    parts = [part for part in blueprint.parts if part.resources]
    return tuple(
        Rendered(name=f"{part.name}/main.tf", part=part.name, text=_text(blueprint, part, place))
        for place, part in enumerate(parts)
    )


def _text(blueprint: Blueprint, part: Part, place: int) -> str:
    resources = Resources(part, blueprint.partition)
    head = list(_head(part, resources))
    made = resources.blocks()
    outputs = resources.outputs()
    body = text_of([*head, *resources.variables.blocks(), *_looked_up(made), *made, *outputs])
    secret = [_KEEP] if resources.variables.has_secrets else []
    notes = [*(blueprint.notes if place == 0 else ()), *part.notes, *secret]
    return f"{_heading(part, notes)}\n{body}"


def _heading(part: Part, notes: list[str]) -> str:
    """What stands above a module: where it belongs, what is to be done by hand, and how it is applied."""
    place = "this account" if part.account else "each of these accounts in turn (a state or workspace for each)"
    use = f"Keep it in a folder of its own, and apply it with credentials of {place} that may change what it holds."
    lines = [line for text in [f"For {part.where}.", *notes, use] for line in ["#", *comment(text)]]
    return "".join(f"{line}\n" for line in lines[1:])


def _head(part: Part, resources: Resources) -> Iterator[Block]:
    """What the module asks of Terraform; where it is for one account, that it is this one."""
    newest = max([OLDEST, *(NEWER.get(type(each), OLDEST) for each in part.resources)])
    version = ".".join(map(str, newest))
    provider: Body = [("aws", {"source": "hashicorp/aws", "version": f">= {version}"})]
    needed: Body = [("required_version", _LANGUAGE), None, Block("required_providers", (), provider)]
    yield Block("terraform", (), needed)
    if part.account:
        account = resources.variables.of(Kinds.ACCOUNT, part.account)
        yield Block("provider", ("aws",), [("allowed_account_ids", [account])])


def _looked_up(blocks: list[Block]) -> list[Block]:
    """What tells the account, where that is known no sooner than on the spot."""
    return [Block("data", ("aws_caller_identity", "current"), ())] if CALLER.text in text_of(blocks) else []

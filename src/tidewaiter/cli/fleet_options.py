"""The options of the commands that look at a fleet: who asks, what is looked at, how, and where the report goes."""

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from tidewaiter.cli.database_path import default_store
from tidewaiter.cli.options import limit_option, together
from tidewaiter.report.catalog import REPORT_FORMATS

_Function = TypeVar("_Function", bound=Callable[..., object])
_DAYS = click.IntRange(min=1)
_FOR_ECR = "ecr"


class BorrowedOption(click.Option):
    """An option that also heeds a variable of another tool, `borrowed`, where its own is not set.

    Those names belong together: they are not heeded where `CR_TYPE` says that they are about another kind of registry.
    """

    def __init__(self, *names: Any, borrowed: str, **more: Any) -> None:
        super().__init__(*names, **more)
        self.borrowed = borrowed

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """The value of the option's own variable, else of the borrowed one."""
        own = super().resolve_envvar_value(ctx)
        if own is not None or os.environ.get("CR_TYPE", _FOR_ECR).lower() not in ("", _FOR_ECR):
            return own
        return os.environ.get(self.borrowed) or None


def _public(function: _Function) -> _Function:
    return click.option("--public", is_flag=True, help="Also the accounts' repositories in ECR Public.")(function)


def _selection(noun: str, metavar: str, what: str, **more: Any) -> tuple[Callable[[_Function], _Function], ...]:
    """Options that choose among what is found; each can be given several times."""
    return (
        click.option(f"--{noun}", multiple=True, metavar=metavar, help=f"Only these {what}; repeatable.", **more),
        click.option(
            f"--exclude-{noun}", multiple=True, metavar=metavar, help=f"Not these {what}; repeatable.", **more
        ),
    )


def _split(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    names = (name.strip() for value in values for name in value.split(","))
    return tuple(dict.fromkeys(filter(None, names)))


_members = (
    *_selection("account", "ID[,ID…]", "accounts", callback=_split),
    *_selection("ou", "OU", "organizational units (id, or path of names), with all below them"),
)
_organization_roles = (
    click.option(
        "--management-role-arn",
        default="",
        metavar="ARN",
        help="Take this role first, to list the organization's accounts. Without it: the own credentials do.",
    ),
    click.option(
        "--management-external-id",
        default="",
        metavar="ID",
        help="The external ID for that role; better set in the environment.",
    ),
    click.option(
        "--member-role-name",
        default="OrganizationAccountAccessRole",
        show_default=True,
        metavar="NAME",
        help="Take the role of this name in each account.",
    ),
)
_no_management = click.option(
    "--no-management", is_flag=True, help="Leave the management account's own registries out."
)


def identity_options(function: _Function) -> _Function:
    """With whose credentials it begins."""
    return together(
        function,
        click.option("--profile", default="", metavar="NAME", help="A profile of the AWS configuration to begin with."),
        click.option(
            "--sts-region",
            multiple=True,
            metavar="REGION",
            help="Ask STS there where it is not active in the own region; repeatable, tried in order.",
        ),
    )


def account_options(function: _Function) -> _Function:
    """Which accounts, as whom, and which of their regions."""
    return together(
        function,
        click.option(
            "--role-arn",
            multiple=True,
            cls=BorrowedOption,
            borrowed="CR_ROLE_ARN",
            metavar="ARN",
            help="Take this role first, to look at its account; repeatable. Without one: the own account.",
        ),
        click.option(
            "--external-id",
            multiple=True,
            cls=BorrowedOption,
            borrowed="CR_EXTERNAL_ID",
            metavar="ID",
            help="The external ID for the role: one for all, or one a role in their order. Better set in the "
            "environment or the accounts file, where others on the machine do not see it.",
        ),
        click.option(
            "--region",
            multiple=True,
            cls=BorrowedOption,
            borrowed="CR_REGION",
            callback=_split,
            metavar="REGION[,REGION…]",
            help="Only these regions; repeatable. Without one: all that the account has enabled.",
        ),
        click.option(
            "--accounts",
            type=click.Path(exists=True, dir_okay=False),
            metavar="FILE",
            help="Roles, external IDs and regions from a YAML, TOML or JSON file.",
        ),
        _public,
    )


def organization_options(function: _Function) -> _Function:
    """Which organization, as whom, and which of its accounts and regions."""
    return together(
        function,
        *_organization_roles,
        click.option(
            "--external-id",
            default="",
            metavar="ID",
            help="The external ID for the roles in the accounts; better set in the environment.",
        ),
        *_members,
        *_selection("region", "REGION[,REGION…]", "regions", callback=_split),
        _no_management,
        _public,
    )


def organization_choice_options(function: _Function) -> _Function:
    """The organization's own options, for a command that has those of accounts too."""
    return together(
        function,
        click.option("--organization", is_flag=True, help="About the organization, as `org scan` looks through it."),
        *_organization_roles,
        *_members,
        click.option(
            "--exclude-region",
            multiple=True,
            callback=_split,
            metavar="REGION[,REGION…]",
            help="Not these regions of the organization; repeatable.",
        ),
        _no_management,
    )


def filter_options(function: _Function) -> _Function:
    """Which repositories and images of those that are found."""
    return together(
        function,
        *_selection("repository", "GLOB", "repositories (team/*)"),
        *_selection("tag", "GLOB", "tags"),
        click.option("--newest", type=_DAYS, metavar="N", help="Only the N images of a repository pushed last."),
        click.option("--max-age", type=_DAYS, metavar="DAYS", help="Only images pushed in the last days."),
        click.option("--pulled-within", type=_DAYS, metavar="DAYS", help="Only images pulled in the last days."),
        click.option("--no-untagged", is_flag=True, help="Leave images without a tag out."),
    )


def looking_options(function: _Function) -> _Function:
    """How images are looked through, and where what was seen is kept."""
    return together(
        function,
        click.option(
            "--platform",
            multiple=True,
            metavar="OS/ARCH",
            help="Only this platform of images for several; repeatable. Without one: all.",
        ),
        click.option(
            "--workers",
            type=click.IntRange(min=1),
            default=_cores,
            show_default="the processors",
            metavar="N",
            help="So many processes read layers.",
        ),
        click.option(
            "--store",
            default=default_store,
            show_default="fleet.db in the user's data folder",
            metavar="URL",
            help="Where what was seen is remembered: a file, or postgresql://…",
        ),
        limit_option,
    )


def report_options(function: _Function) -> _Function:
    """One report an image, beside the one on the fleet."""
    return together(
        function,
        click.option(
            "--output-dir",
            type=click.Path(file_okay=False),
            metavar="FOLDER",
            help="Also write a report on each image into this folder.",
        ),
        click.option(
            "--report-format",
            type=click.Choice(REPORT_FORMATS),
            default="json",
            show_default=True,
            help="How these are written.",
        ),
    )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

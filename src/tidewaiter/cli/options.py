"""The options that several commands share."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import click

from tidewaiter.cli.database_path import default_database

SEVERITIES = ("unknown", "negligible", "low", "medium", "high", "critical")

_Function = TypeVar("_Function", bound=Callable[..., object])
_Decorator = Callable[[_Function], _Function]


def image_options(function: _Function) -> _Function:
    """How images are chosen, pulled and read."""
    return together(
        function,
        click.option("--platform", metavar="OS/ARCH", help="Of an image for several platforms; default linux/amd64."),
        click.option("--all-platforms", is_flag=True, help="Every platform of such an image, one after the other."),
        click.option("--insecure", is_flag=True, help="Let registries be asked over plain http, and trust any TLS."),
        click.option("--verify", is_flag=True, help="Hash the plain layers of local archives too."),
        limit_option,
    )


def limit_option(function: _Function) -> _Function:
    """How much of an image is read at most."""
    return click.option(
        "--limit",
        multiple=True,
        metavar="NAME=VALUE",
        help="Set a ceiling (layer_bytes=20GiB); repeatable. A name that does not exist lists those that do.",
    )(function)


def judging_options(function: _Function) -> _Function:
    """With what an inventory is judged, and which findings count."""
    return together(
        function,
        click.option(
            "--db",
            type=click.Path(dir_okay=False),
            default=default_database,
            show_default="advisories.db in the user's data folder",
            help="The advisory database, as `tidewaiter db build` makes it.",
        ),
        click.option(
            "--severity",
            multiple=True,
            callback=_split,
            metavar="NAME[,NAME…]",
            help=f"Only findings of these severities: {', '.join(SEVERITIES)}.",
        ),
        click.option("--only-fixed", is_flag=True, help="Only findings that an upgrade removes."),
        click.option(
            "--fail-on",
            type=click.Choice(SEVERITIES, case_sensitive=False),
            default="unknown",
            show_default="any",
            help="Exit with 1 only for findings at or above this severity.",
        ),
    )


def format_option(formats: Sequence[str], default: str) -> Callable[[_Function], _Function]:
    """In which of these formats to report."""
    return click.option(
        "--format",
        "-f",
        type=click.Choice(formats),
        default=default,
        show_default=True,
        help="How the report is written.",
    )


def output_options(function: _Function) -> _Function:
    """Where the report goes."""
    return together(
        function,
        click.option("--output", "-o", type=click.Path(dir_okay=False), help="Write to this file instead of stdout."),
        click.option("--quiet", "-q", is_flag=True, help="No progress on stderr."),
    )


def together(function: _Function, *options: _Decorator[_Function]) -> _Function:
    """The function with all these options, which `--help` lists in this order."""
    for option in reversed(options):
        function = option(function)
    return function


def _split(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> frozenset[str]:
    names = frozenset(name.strip().lower() for value in values for name in value.split(",") if name.strip())
    if unknown := sorted(names.difference(SEVERITIES)):
        raise click.BadParameter(f"{', '.join(unknown)}: not among {', '.join(SEVERITIES)}")
    return names

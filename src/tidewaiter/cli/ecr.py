"""`tidewaiter ecr`: the registries of one account, or of several by their roles."""

from typing import TYPE_CHECKING, Any

import click

from tidewaiter.cli.fleet_options import (
    account_options,
    filter_options,
    identity_options,
    looking_options,
    report_options,
)
from tidewaiter.cli.options import format_option, judging_options, output_options
from tidewaiter.cli.relay_options import relay_options
from tidewaiter.report.catalog import FLEET_FORMATS, SURVEY_FORMATS

if TYPE_CHECKING:
    from tidewaiter.cli.quest import Quest

_EXAMPLES = """Examples:

\b
  tidewaiter ecr scan --region eu-west-1
  tidewaiter ecr scan --role-arn arn:aws:iam::111122223333:role/tidewaiter --newest 3
  tidewaiter ecr scan --accounts accounts.yaml --format json --output fleet.json
  tidewaiter ecr scan --via shop-eu --via shop-us

With --via, the agent behind a broker connection looks, in its own network; TIDEWAITER_BROKER_URL and
TIDEWAITER_BROKER_KEY say which server is asked, and as whom.

CR_ROLE_ARN, CR_EXTERNAL_ID and CR_REGION are heeded where the options are not set, unless CR_TYPE is not ecr."""


@click.group("ecr")
def command() -> None:
    """Scan the registries of one account, or of several by their roles."""


@command.command("scan", short_help="Scan every image of the registries.", epilog=_EXAMPLES)
@identity_options
@account_options
@relay_options
@filter_options
@looking_options
@judging_options
@format_option(FLEET_FORMATS, "table")
@report_options
@output_options
@click.pass_context
def scan_command(context: click.Context, /, **options: Any) -> int:
    """Scan every image of the registries for known vulnerabilities.

    Images are pulled once: what was seen is remembered, and a run that was stopped is continued by the same command.
    """
    from tidewaiter.cli.fleet_commands import scan

    return scan(*_asked(context, options), options)


@command.command("list", short_help="List what would be scanned.")
@identity_options
@account_options
@relay_options
@filter_options
@format_option(SURVEY_FORMATS, "table")
@output_options
@click.pass_context
def list_command(context: click.Context, /, **options: Any) -> int:
    """List what would be scanned, without pulling anything.

    What only an image's own document can tell is not known: a listed image may turn out to be a part of an index, or
    no image.
    """
    from tidewaiter.cli.fleet_commands import survey

    return survey(*_asked(context, options), options)


def _asked(context: click.Context, options: dict[str, Any]) -> "tuple[Quest, str]":
    """Who looks for registries, and the words for it. Raises UsageError."""
    from tidewaiter.cli.quest import accounts_quest, words_of
    from tidewaiter.cli.relayed import relayed_quest, settled_there

    quest = relayed_quest(context, options) or accounts_quest(options)
    return quest, words_of(context, without=settled_there(options))

"""`tidewaiter org`: the registries of every account of an organization."""

from typing import Any

import click

from tidewaiter.cli.fleet_options import (
    filter_options,
    identity_options,
    looking_options,
    organization_options,
    report_options,
)
from tidewaiter.cli.options import format_option, judging_options, output_options
from tidewaiter.report.catalog import FLEET_FORMATS, SURVEY_FORMATS

_EXAMPLES = """Examples:

\b
  tidewaiter org scan
  tidewaiter org scan --management-role-arn arn:aws:iam::111122223333:role/tidewaiter
  tidewaiter org scan --ou Workloads/Production --region eu-west-1,us-east-1 --newest 5"""


@click.group("org")
def command() -> None:
    """Scan the registries of every account and region of an organization."""


@command.command("scan", short_help="Scan every image of the organization.", epilog=_EXAMPLES)
@identity_options
@organization_options
@filter_options
@looking_options
@judging_options
@format_option(FLEET_FORMATS, "table")
@report_options
@output_options
@click.pass_context
def scan_command(context: click.Context, /, **options: Any) -> int:
    """Scan every image of the organization for known vulnerabilities.

    From the own credentials, or the management role, to a role in each active account, its enabled regions, and their
    registries. An account or region that refuses is a gap in the report, and the rest goes on.
    """
    from tidewaiter.cli.fleet_commands import scan
    from tidewaiter.cli.quest import organization_quest, words_of

    return scan(organization_quest(options), words_of(context), options)


@command.command("list", short_help="List what would be scanned.")
@identity_options
@organization_options
@filter_options
@format_option(SURVEY_FORMATS, "table")
@output_options
@click.pass_context
def list_command(context: click.Context, /, **options: Any) -> int:
    """List what would be scanned in the organization, without pulling anything."""
    from tidewaiter.cli.fleet_commands import survey
    from tidewaiter.cli.quest import organization_quest, words_of

    return survey(organization_quest(options), words_of(context), options)

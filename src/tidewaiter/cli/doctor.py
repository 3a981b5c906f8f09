"""`tidewaiter iam doctor`: from its options to a diagnosis, and from that to an exit code."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from tidewaiter.cli.exit import Exit
from tidewaiter.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tidewaiter.aws.targets import AccountRequest, OrganizationRequest

_ORGANIZATIONS = (
    *("management_role_arn", "management_external_id", "member_role_name", "account", "exclude_account"),
    *("ou", "exclude_ou", "exclude_region", "no_management"),
)
_ACCOUNTS = ("role_arn", "accounts")


def examine(context: click.Context, options: Mapping[str, Any]) -> Exit:
    """Diagnose and report. Raises UsageError for options that do not go together or cannot be."""
    from tidewaiter.cli.fleet_progress import watched
    from tidewaiter.cli.quest import chain_of, words_of
    from tidewaiter.cli.sink import check, write
    from tidewaiter.iam.doctor import diagnose
    from tidewaiter.report.catalog import render_diagnosis

    requests = _requests(context, options)
    output = options["output"]
    check(output)
    with watched(quiet=options["quiet"]) as tally:
        diagnosis = diagnose(
            chain_of(options),
            requests,
            public=options["public"],
            repositories=options["repository"],
            command=words_of(context),
            progress=tally,
        )
    write(render_diagnosis(diagnosis, options["format"], to_file=output is not None), output)
    return Exit.CLEAN if diagnosis.healthy else Exit.INCOMPLETE


def _requests(context: click.Context, options: Mapping[str, Any]) -> "Sequence[AccountRequest] | OrganizationRequest":
    """The organization, where an option says so that only it has; else accounts, as `ecr scan` takes them."""
    from tidewaiter.cli.quest import account_requests, organization_request

    of_organization = [name for name in _ORGANIZATIONS if _is_given(context, name)]
    if not (options["organization"] or of_organization):
        return account_requests(options)
    if of_accounts := [name for name in _ACCOUNTS if _is_given(context, name)]:
        named = _option(of_organization[0] if of_organization else "organization")
        raise UsageError(f"{_option(of_accounts[0])} is about accounts, and {named} about the organization")
    external_ids = options["external_id"]
    if len(external_ids) > 1:
        raise UsageError("the roles in an organization's accounts share one --external-id")
    return organization_request({**options, "external_id": external_ids[0] if external_ids else ""})


def _is_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is not ParameterSource.DEFAULT


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"

"""`tidewaiter broker`: the broker client, and below it what the platform does with its end."""

from collections import UserDict
from importlib import import_module
from typing import Any

import click

from tidewaiter.cli.broker_options import (
    connection_options,
    local_options,
    log_options,
    relaying_options,
    server_option,
)

_EXAMPLES = """Examples:

\b
  tidewaiter broker --server-url https://broker.example.com --role-arn arn:aws:iam::111122223333:role/tidewaiter
  tidewaiter broker --server-url https://broker.example.com --connections connections.yaml
  tidewaiter broker serve
  tidewaiter broker connections create payments

BROKER_TOKEN, BROKER_SERVER_URL, CR_ROLE_ARN and the reference's other variables are heeded where options are not set.
"""


class _Subcommands(UserDict[str, Any]):
    """The commands below: each name's module, which is imported when its command is asked for."""

    def __getitem__(self, name: str) -> click.Command:
        command: click.Command = import_module(f"tidewaiter.cli.{super().__getitem__(name)}").command
        return command


@click.group(
    "broker",
    commands=_Subcommands(serve="broker_serve", connections="broker_connections"),
    invoke_without_command=True,
    epilog=_EXAMPLES,
)
@server_option
@connection_options
@local_options
@relaying_options
@log_options
@click.pass_context
def command(context: click.Context, /, **options: Any) -> int:
    """Run the broker client: carry the platform's requests to an agent in this network.

    It connects to the broker server, and nothing connects to it but the agent. The credentials of its connections
    stay here: they are filled in on the way to the agent.
    """
    if context.invoked_subcommand is not None:
        return 0
    from tidewaiter.cli.broker_client import run

    return run(options)

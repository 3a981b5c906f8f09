"""`tidewaiter agent`: near the registries, it lists them and looks through their images for a platform elsewhere."""

from typing import Any

import click

from tidewaiter.cli.agent_options import agent_options, ceiling_options, connect_option
from tidewaiter.cli.broker_options import connection_options, log_options, relaying_options
from tidewaiter.cli.fleet_options import identity_options
from tidewaiter.cli.options import limit_option

_EXAMPLES = """Examples:

\b
  tidewaiter agent --connect https://broker.example.com --role-arn arn:aws:iam::111122223333:role/tidewaiter
  tidewaiter agent --connect https://broker.example.com --connections connections.yaml
  tidewaiter agent
  tidewaiter agent --host 0.0.0.0 --callback http://client:7341 --operations 4

With --connect it is agent and broker client in one, and needs the connection's token (BROKER_TOKEN). Without it, the
broker client is a program of its own, `tidewaiter broker`, and both have to know the same secret
(TIDEWAITER_AGENT_SECRET) unless they run on one machine."""


@click.command("agent", short_help="Look through registries for a platform elsewhere.", epilog=_EXAMPLES)
@connect_option
@connection_options
@relaying_options
@agent_options
@ceiling_options
@limit_option
@identity_options
@log_options
def command(**options: Any) -> int:
    """Run the agent: list registries and look through images, for a platform that cannot reach them.

    It takes the roles of connections with its own identity in AWS. Images, credentials and the environment variables
    of images stay here; what leaves is what the registries list and what is installed in the images.
    """
    from tidewaiter.cli.agent_run import run

    return run(options)

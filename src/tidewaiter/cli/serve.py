"""`tidewaiter serve`: the platform's service."""

from typing import Any

import click

from tidewaiter.cli.broker_serve import serving_options

_EXAMPLES = """Examples:

\b
  TIDEWAITER_BROKER_KEY="$(openssl rand -hex 32)" tidewaiter serve
  tidewaiter serve --host 0.0.0.0 --https-cert server.pem --api-key-file keys --store postgresql://db/fleet"""


@click.command("serve", epilog=_EXAMPLES)
@serving_options
def command(**options: Any) -> int:
    """Run the platform's service. In this release that is the broker server.

    Broker clients connect to it, and `tidewaiter ecr scan --via` asks their agents by it. Connections are made with
    `tidewaiter broker connections create`, on the same store.
    """
    from tidewaiter.cli.broker_serve import run

    return run(options)

"""Runs the broker client until it is told to stop."""

from typing import Any

from tidewaiter.cli.broker_options import settings_of
from tidewaiter.errors import UsageError


def run(options: dict[str, Any]) -> int:
    """Serve until a termination or an interrupt. Raises UsageError for settings that cannot be."""
    settings = settings_of(options)
    try:
        from tidewaiter.broker.client.client import Client
        from tidewaiter.broker.service import serve
    except ImportError as error:
        raise UsageError(f"the broker client needs {error.name}", advice="Install tidewaiter[broker].") from error
    serve(Client(settings).run())
    return 0

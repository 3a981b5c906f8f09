"""Runs the broker client until it is told to stop."""

import asyncio
import signal
import sys
from typing import TYPE_CHECKING, Any

from tidewaiter.cli.broker_options import settings_of
from tidewaiter.errors import UsageError

if TYPE_CHECKING:
    from tidewaiter.broker.client.client import Client
    from tidewaiter.broker.client.health import Checkup
    from tidewaiter.broker.messages import Probe

_WIDTH = 14


def run(options: dict[str, Any]) -> int:
    """Serve until a termination or an interrupt. Raises UsageError for settings that cannot be."""
    try:
        from tidewaiter.broker import service
        from tidewaiter.broker.client.client import Client
        from tidewaiter.broker.journal import Form, open_journal
        from tidewaiter.broker.secrets import Secrets
    except ImportError as error:
        raise UsageError(f"the broker client needs {error.name}", advice="Install tidewaiter[broker].") from error
    secrets = Secrets()
    open_journal(form=Form(options["log_format"]), level=options["log_level"], secrets=secrets)
    client = Client(settings_of(options), secrets=secrets, show=lambda found: _show(secrets.redacted(table(found))))
    service.run(lambda stop: serve(client, stop))
    return 0


async def serve(client: "Client", stop: asyncio.Event) -> None:
    """Run the client until `stop` is set; a hangup makes it read its connections anew."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, client.reread)
    serving, stopping = asyncio.create_task(client.run()), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        if not serving.done():
            serving.cancel()
    try:
        await serving
    except asyncio.CancelledError:
        if not stop.is_set():
            raise


def _show(text: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(text)


def table(found: "Checkup") -> str:
    """What works and what does not, a line a check, and below what was refused and would help."""
    from tidewaiter.report.layout import clean

    lines = [
        clean(line) for each in found.connections for check in each.checks for line in _lines(each.connection, check)
    ]
    return "".join(f"{line}\n" for line in lines)


def _lines(connection: str, check: "Probe") -> list[str]:
    verdict = "ok" if check.ok else "FAILS"
    told = {"action": check.action, "resource": check.resource, "add": check.statement, "to": check.document}
    told["advice"] = check.advice
    lines = [f"{connection:<{_WIDTH}}  {check.name:<{_WIDTH}}  {verdict:<5}  {check.detail}".rstrip()]
    return lines + [f"{'':<{2 * _WIDTH + 4}}{name}: {value}" for name, value in told.items() if value]

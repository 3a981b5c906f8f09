"""Runs the broker client until it is told to stop."""

import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict

from tidewaiter.cli.broker_options import settings_of
from tidewaiter.errors import UsageError

if TYPE_CHECKING:
    from tidewaiter.broker.client.client import Client
    from tidewaiter.broker.client.health import Checkup
    from tidewaiter.broker.messages import Probe
    from tidewaiter.broker.secrets import Secrets


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
    client = Client(settings_of(options), secrets=secrets, show=shower(options["log_format"], secrets))
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


def shower(log_format: str, secrets: "Secrets") -> "Callable[[Checkup], None]":
    """Who shows on stderr what works: as a table, or as lines of the journal where these are for machines."""
    return _write_down if log_format == "json" else partial(_print, secrets)


def _print(secrets: "Secrets", found: "Checkup") -> None:
    if sys.stderr is not None:
        sys.stderr.write(secrets.redacted(table(found)))


def _write_down(found: "Checkup") -> None:
    from tidewaiter.broker.journal import fields, journal

    for each in found.connections:
        for check in each.checks:
            told = {name: value for name, value in asdict(check).items() if value not in ("", True, False)}
            level = logging.INFO if check.ok else logging.ERROR
            verdict = "It works" if check.ok else "It does not work"
            journal("client").log(level, verdict, extra=fields(connection=each.connection, **told))


def table(found: "Checkup") -> str:
    """What works and what does not, a line a check, and below what was refused and would help."""
    from tidewaiter.report.layout import clean

    rows = [(each.connection, check) for each in found.connections for check in each.checks]
    widths = max((len(name) for name, _ in rows), default=0), max((len(check.name) for _, check in rows), default=0)
    return "".join(f"{clean(line)}\n" for name, check in rows for line in _lines(name, check, *widths))


def _lines(connection: str, check: "Probe", first: int, second: int) -> list[str]:
    verdict = "ok" if check.ok else "FAILS"
    told = {"action": check.action, "resource": check.resource, "add": check.statement, "to": check.document}
    told["advice"] = check.advice
    lines = [f"{connection:<{first}}  {check.name:<{second}}  {verdict:<5}  {check.detail}".rstrip()]
    return lines + [f"{'':<{first + second + 4}}{name}: {value}" for name, value in told.items() if value]

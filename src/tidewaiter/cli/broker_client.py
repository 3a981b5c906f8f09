"""Runs the broker client until it is told to stop."""

import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Iterator
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


_LEAST = 40  # columns that a sentence has at least


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
    from tidewaiter.broker.journal import journal

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, client.reread)
    serving, stopping = asyncio.create_task(client.run()), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        if not serving.done():
            journal("client").info("The client is about to stop")
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
    from tidewaiter.cli.streams import columns_of_stderr

    if sys.stderr is not None:
        sys.stderr.write(secrets.redacted(table(found, columns_of_stderr())))


def _write_down(found: "Checkup") -> None:
    from tidewaiter.broker.journal import fields, journal

    for each in found.connections:
        for check in each.checks:
            told = {name: value for name, value in asdict(check).items() if value not in ("", True, False)}
            level = logging.INFO if check.ok else logging.ERROR
            verdict = "It works" if check.ok else "It does not work"
            journal("client").log(level, verdict, extra=fields(connection=each.connection, **told))


def table(found: "Checkup", width: int = 0) -> str:
    """What works and what does not, a line a check, and below what was refused and would help.

    Wrapped to `width` columns where they are not 0.
    """
    rows = [(each.connection, check) for each in found.connections for check in each.checks]
    first = max((len(name) for name, _ in rows), default=0)
    second = max((len(_kind(check)) for _, check in rows), default=0)
    return "".join(f"{line}\n" for name, check in rows for line in _lines(name, check, first, second, width))


def _kind(check: "Probe") -> str:
    """What is checked, without of which registry."""
    return check.name.partition(" ")[0]


def _lines(connection: str, check: "Probe", first: int, second: int, width: int) -> Iterator[str]:
    from tidewaiter.report.layout import Cell, clean, columns_of, hanging

    def line(lead: str, text: str) -> Iterator[str]:
        words = clean(text)
        indent = len(lead)
        room = max(width, indent + _LEAST) if width else indent + columns_of(words) + 1
        yield from hanging(Cell(lead.rstrip()), words, indent=indent, width=room, colour=False)

    verdict, subject = "ok" if check.ok else "FAILS", check.name.partition(" ")[2]
    told = ": ".join(filter(None, (subject, check.detail)))
    yield from line(f"{clean(connection):<{first}}  {verdict:<5}  {_kind(check):<{second}}  ", told)
    for more in _help(check):
        yield from line(" " * (first + second + 11), more)


def _help(check: "Probe") -> Iterator[str]:
    """What was refused and what would help, where that is not said already."""
    if check.action and check.action not in check.detail:
        yield " on ".join(filter(None, (f"refused: {check.action}", check.resource)))
    if check.statement and check.statement not in check.advice:
        yield f"Add to {check.document}: {check.statement}"
    if check.advice:
        yield check.advice

"""`tidewaiter broker connections`: who may come in."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from tidewaiter.cli.broker_store import store_option
from tidewaiter.cli.options import format_option

if TYPE_CHECKING:
    from tidewaiter.broker.server.states import ConnectionState
    from tidewaiter.report.layout import Cell

_HEADINGS = ("connection", "state", "replicas", "busy", "results", "created")
_COUNTED = frozenset({"replicas", "busy", "results"})


@click.group("connections", short_help="Make, list and revoke connections.")
def command() -> None:
    """Make, list and revoke the connections by which broker clients come in."""


@command.command("create", short_help="Make a connection, and print its token.")
@click.argument("name")
@store_option
def create_command(name: str, store: str) -> int:
    """Make a connection, and print the token that its broker client needs.

    The token is shown this once: only its hash is kept. A connection stands for one registry account; NAME is what
    `ecr scan` calls it (`--via NAME`). A name that was revoked can be made anew, with a new token.
    """
    from tidewaiter.broker.server.connections import create
    from tidewaiter.cli.exit import Exit
    from tidewaiter.cli.streams import put, say
    from tidewaiter.fleet.memory import remembering

    with remembering(store) as memory:
        token = create(memory.exchange, name)
    put(f"{token}\n")
    say(f"the token of {name} is shown this once; give it to its broker client as BROKER_TOKEN")
    return Exit.CLEAN


@command.command("list", short_help="List connections, and who carries them.")
@store_option
@format_option(("table", "json"), "table")
def list_command(store: str, format: str) -> int:  # noqa: A002 - click passes options by their names
    """List the connections: whether a client carries them now, and how many results wait to be fetched."""
    from tidewaiter.broker.server.connections import listed
    from tidewaiter.cli.exit import Exit
    from tidewaiter.cli.sink import write
    from tidewaiter.fleet.memory import remembering

    with remembering(store) as memory:
        states = listed(memory.exchange)
    write(_json(states) if format == "json" else _table(states, store), None)
    return Exit.CLEAN


@command.command("revoke", short_help="Revoke a connection.")
@click.argument("name")
@store_option
def revoke_command(name: str, store: str) -> int:
    """Revoke a connection: its token opens nothing any more, and results that wait of it are dropped.

    Servers notice it within seconds, and tell its clients.
    """
    from tidewaiter.broker.server.connections import revoke
    from tidewaiter.cli.exit import Exit
    from tidewaiter.cli.streams import say
    from tidewaiter.fleet.memory import remembering

    with remembering(store) as memory:
        revoke(memory.exchange, name)
    say(f"{name} is revoked")
    return Exit.CLEAN


def _json(states: "Sequence[ConnectionState]") -> str:
    import msgspec

    document = {"schema": "tidewaiter/connections/1", "connections": msgspec.to_builtins(states)}
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def _table(states: "Sequence[ConnectionState]", store: str) -> str:
    from tidewaiter.report.catalog import canvas_of_stdout
    from tidewaiter.report.layout import Cell, Style, clean, join, natural_widths

    if not states:
        where = "" if "://" in store else f" in {clean(store)}"  # an address may hold a password
        return f"There are no connections{where}. `tidewaiter broker connections create NAME` makes one."
    colour = canvas_of_stdout().colour
    rows = [[Cell(name, Style.BOLD, name in _COUNTED) for name in _HEADINGS], *map(_row, states)]
    widths = natural_widths(rows)
    return "\n".join(join(row, widths, colour=colour) for row in rows)


def _row(state: "ConnectionState") -> "list[Cell]":
    from tidewaiter.report.layout import Cell

    texts = (
        state.connection,
        _word(state),
        str(len(state.replicas)),
        str(sum(each.load for each in state.replicas)),
        str(state.results),
        f"{state.created:%Y-%m-%d}",
    )
    return [Cell(text, right=heading in _COUNTED) for heading, text in zip(_HEADINGS, texts, strict=True)]


def _word(state: "ConnectionState") -> str:
    if state.revoked:
        return f"revoked {state.revoked:%Y-%m-%d}"
    return "connected" if state.replicas else "not connected"

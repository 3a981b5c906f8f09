"""`tidewaiter db`: the advisory database."""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from tidewaiter.cli.database_path import default_database
from tidewaiter.cli.options import format_option

if TYPE_CHECKING:  # rich and the database are imported only where they are used
    from rich.table import Table

    from tidewaiter.feeds.manifest import Manifest

_COUNTED = frozenset({"advisories", "rows", "withdrawn", "superseded", "broken"})


@click.group("db")
def command() -> None:
    """Build and inspect the advisory database."""


@command.command("build")
@click.option(
    "--from",
    "folders",
    multiple=True,
    required=True,
    type=click.Path(exists=True, file_okay=False),
    metavar="FOLDER",
    help="A folder of advisories in OSV's format: zip archives and JSON files, at any depth; repeatable.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False),
    default=default_database,
    show_default="advisories.db in the user's data folder",
    help="The file to make or replace.",
)
@click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")
def build_command(folders: tuple[str, ...], output: str, *, quiet: bool) -> int:
    """Build the database from folders of published advisories.

    The file is replaced at once, when the new one is whole; the same input gives the same bytes. A record that cannot
    be read is named on stderr, left out and counted; an archive that cannot be read fails the build.
    """
    from pathlib import Path

    from tidewaiter.cli.exit import Exit
    from tidewaiter.cli.progress import counting
    from tidewaiter.errors import UsageError
    from tidewaiter.feeds.database import build

    try:
        Path(output).absolute().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"the folder cannot be made: {error.strerror}", where=output) from error
    with counting("reading advisories", quiet=quiet) as advance:
        manifest = build(
            folders, output, warn=lambda text: click.echo(f"tidewaiter: {text}", err=True), advance=advance
        )
    if not quiet:
        size = Path(output).stat().st_size / 1e6
        rows = sum(manifest.ecosystems.values())
        click.echo(
            f"{output}: {manifest.advisories:,} advisories, {rows:,} rows that can match, {size:.1f} MB", err=True
        )
    return Exit.CLEAN


@command.command("status")
@click.option(
    "--db",
    type=click.Path(dir_okay=False),
    default=default_database,
    show_default="advisories.db in the user's data folder",
    help="The database.",
)
@format_option(("table", "json"), "table")
def status_command(db: str, format: str) -> int:  # noqa: A002 - click passes options by their names
    """Show what the database holds: feeds, how many advisories, how new, for which ecosystems."""
    from tidewaiter.cli.exit import Exit
    from tidewaiter.cli.judging import opened
    from tidewaiter.cli.sink import write

    with opened(db) as advisories:
        manifest = advisories.manifest()
    if format == "json":
        write(_json(manifest), None)
    else:
        _print(manifest)
    return Exit.CLEAN


def _json(manifest: "Manifest") -> str:
    import msgspec

    document = {"schema": "tidewaiter/database/1"} | {
        part: msgspec.to_builtins(getattr(manifest, part)) for part in ("feeds", "inputs", "ecosystems")
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def _print(manifest: "Manifest") -> None:
    from rich.console import Console

    from tidewaiter.report.catalog import canvas_of_stdout

    canvas = canvas_of_stdout()
    console = Console(file=sys.stdout, width=canvas.width, no_color=not canvas.colour, highlight=False, markup=False)
    console.print(_table(("feed", "advisories", "rows", "withdrawn", "broken", "newest"), _feeds(manifest)))
    console.print()
    console.print(_table(("read from", "advisories", "rows", "superseded", "broken", "newest"), _inputs(manifest)))
    console.print()
    console.print(_table(("ecosystem", "rows", "releases, with their rows"), _ecosystems(manifest)))


def _table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    cells = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    for heading in headings:
        number = heading in _COUNTED
        table.add_column(heading, justify="right" if number else "left", no_wrap=number, overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    return table


def _feeds(manifest: "Manifest") -> Iterable[Sequence[object]]:
    for feed in manifest.feeds:
        yield feed.name, feed.advisories, feed.affected, feed.withdrawn, feed.broken, feed.newest[:10]


def _inputs(manifest: "Manifest") -> Iterable[Sequence[object]]:
    for read in manifest.inputs:
        yield read.name, read.advisories, read.affected, read.superseded, read.broken, read.newest[:10]


def _ecosystems(manifest: "Manifest") -> Iterable[Sequence[object]]:
    """One line an ecosystem: its releases are those behind its first colon."""
    releases: dict[str, dict[str, int]] = {}
    for name, rows in manifest.ecosystems.items():
        base, _, release = name.partition(":")
        releases.setdefault(base, {})[release] = rows
    for base, counts in sorted(releases.items()):
        listed = (f"{name} {rows:,}" for name, rows in sorted(counts.items(), key=_naturally) if name)
        yield base, sum(counts.values()), ", ".join(listed)


def _naturally(counted: tuple[str, int]) -> list[tuple[int, str]]:
    """Sorts `9` before `10`."""
    import re

    return [(int(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", counted[0])]

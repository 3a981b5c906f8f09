"""`tidewaiter db`: the advisory database."""

import sys
from typing import TYPE_CHECKING

import click

from tidewaiter.cli.database_path import default_database

if TYPE_CHECKING:  # rich and the database are imported only where they are used
    from rich.console import Console

    from tidewaiter.feeds.manifest import Manifest


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
    "database",
    type=click.Path(dir_okay=False),
    default=default_database,
    show_default="advisories.db in the user's data folder",
    help="The database.",
)
@click.option("--format", "-f", "format_", type=click.Choice(("table", "json")), default="table", show_default=True)
def status_command(database: str, format_: str) -> int:
    """Show what the database holds: feeds, how many advisories, how new, for which ecosystems."""
    from tidewaiter.cli.exit import Exit
    from tidewaiter.cli.judging import opened
    from tidewaiter.cli.sink import write

    with opened(database) as advisories:
        manifest = advisories.manifest()
    if format_ == "json":
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

    console = Console(file=sys.stdout, soft_wrap=False)
    _print_feeds(manifest, console)
    _print_ecosystems(manifest, console)


def _print_feeds(manifest: "Manifest", console: "Console") -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("feed")
    for heading in ("advisories", "rows", "withdrawn", "broken"):
        table.add_column(heading, justify="right")
    table.add_column("newest")
    for feed in manifest.feeds:
        counts = (feed.advisories, feed.affected, feed.withdrawn, feed.broken)
        table.add_row(feed.name, *(f"{count:,}" for count in counts), feed.newest[:10])
    console.print(table)


def _print_ecosystems(manifest: "Manifest", console: "Console") -> None:
    listed = ", ".join(f"{name} {rows:,}" for name, rows in sorted(manifest.ecosystems.items()))
    console.print(f"\n{len(manifest.ecosystems)} ecosystems, with their rows: {listed}", markup=False, highlight=False)

"""`tidewaiter db`: the advisory database."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from tidewaiter.cli.database_path import default_database
from tidewaiter.cli.options import format_option

if TYPE_CHECKING:  # imported only where they are used
    from tidewaiter.feeds.manifest import Manifest
    from tidewaiter.report.catalog import Canvas
    from tidewaiter.report.layout import Style

_COUNTED = frozenset({"advisories", "rows", "withdrawn", "superseded", "broken"})
_GUTTER = 2  # columns between two columns of a table
_NARROWEST = 10  # columns: a date is never broken


@click.group("db")
def command() -> None:
    """Build and inspect the advisory database."""


@command.command("build", short_help="Build the database from folders of published advisories.")
@click.option(
    "--from",
    "from",
    multiple=True,
    required=True,
    type=click.Path(),
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
@click.option("--quiet", "-q", is_flag=True, help="Neither progress nor the summary on stderr.")
def build_command(output: str, *, quiet: bool, **options: Any) -> int:
    """Build the database from folders of published advisories.

    The file is replaced at once, when the new one is whole; the same input gives the same bytes. A record that cannot
    be read is named on stderr, left out and counted; an archive that cannot be read fails the build.
    """
    from tidewaiter.cli.exit import Exit
    from tidewaiter.cli.progress import counting
    from tidewaiter.cli.streams import say
    from tidewaiter.feeds.database import build

    folders = options["from"]  # no name that Python lets a function's parameter have
    _check_folders(folders)
    _make_room(output)
    with counting("reading advisories", quiet=quiet) as advance:
        manifest = build(folders, output, warn=say, advance=advance)
    if not quiet:
        say(_summary(output, manifest))
    return Exit.CLEAN


def _check_folders(folders: Iterable[str]) -> None:
    from pathlib import Path

    from tidewaiter.errors import UsageError

    for folder in map(Path, folders):
        if folder.is_file():
            raise UsageError("it is a file", where=str(folder), advice="Give --from the folder that holds it.")
        if not folder.is_dir():
            raise UsageError("there is no such folder", where=str(folder))


def _make_room(output: str) -> None:
    from pathlib import Path

    from tidewaiter.cli.sink import check
    from tidewaiter.errors import UsageError

    try:
        Path(output).absolute().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"the folder cannot be made: {error.strerror}", where=output) from error
    check(output)


def _summary(output: str, manifest: "Manifest") -> str:
    from pathlib import Path

    from tidewaiter.report.layout import size_of

    rows = sum(manifest.ecosystems.values())
    size = size_of(Path(output).stat().st_size)
    return f"{output}: {manifest.advisories:,} advisories, {rows:,} rows that can match, {size}" + (
        f"; {manifest.broken:,} broken records were left out" if manifest.broken else ""
    )


@command.command("status", short_help="Show what the database holds, and how new it is.")
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
    write(_json(manifest) if format == "json" else _table(manifest), None)
    return Exit.CLEAN


def _json(manifest: "Manifest") -> str:
    import msgspec

    document = {"schema": "tidewaiter/database/1"} | {
        part: msgspec.to_builtins(getattr(manifest, part)) for part in ("feeds", "inputs", "ecosystems")
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def _table(manifest: "Manifest") -> str:
    from tidewaiter.report.catalog import canvas_of_stdout

    canvas = canvas_of_stdout()
    sections = (
        _lines(("feed", "advisories", "rows", "withdrawn", "broken", "newest"), _feeds(manifest), canvas),
        _lines(("read from", "advisories", "rows", "superseded", "broken", "newest"), _inputs(manifest), canvas),
        _lines(("ecosystem", "rows", "releases, with their rows"), _ecosystems(manifest), canvas),
    )
    return "\n\n".join("\n".join(lines) for lines in sections)


def _lines(headings: Sequence[str], rows: Iterable[Sequence[str | int]], canvas: "Canvas") -> list[str]:
    """Columns as wide as what is in them, numbers to the right; the last column wraps."""
    from tidewaiter.report.layout import Cell, Style, clean, natural_widths, total

    texts = [[f"{cell:,}" if isinstance(cell, int) else clean(cell) for cell in row] for row in rows]
    widths = natural_widths([list(map(Cell, row)) for row in (headings, *texts)])
    room = canvas.width - total(widths[:-1]) - _GUTTER
    widths[-1] = max(min(widths[-1], room), _NARROWEST)
    table = [(headings, Style.BOLD), *((row, Style.PLAIN) for row in texts)]
    return [line for row, style in table for line in _row(headings, row, widths, style, colour=canvas.colour)]


def _row(
    headings: Sequence[str], row: Sequence[str], widths: Sequence[int], style: "Style", *, colour: bool
) -> list[str]:
    from tidewaiter.report.layout import Cell, join, total, wrap

    aligned = [
        text.rjust(width) if heading in _COUNTED else text
        for heading, text, width in zip(headings[:-1], row[:-1], widths[:-1], strict=True)
    ]
    first, *more = wrap(row[-1], widths[-1])
    line = join([Cell(text, style) for text in (*aligned, first)], widths, colour=colour)
    indent = " " * (total(widths[:-1]) + _GUTTER)
    return [line, *(indent + rest for rest in more)]


def _feeds(manifest: "Manifest") -> Iterable[Sequence[str | int]]:
    for feed in manifest.feeds:
        yield feed.name, feed.advisories, feed.affected, feed.withdrawn, feed.broken, feed.newest[:10]


def _inputs(manifest: "Manifest") -> Iterable[Sequence[str | int]]:
    for read in manifest.inputs:
        yield read.name, read.advisories, read.affected, read.superseded, read.broken, read.newest[:10]


def _ecosystems(manifest: "Manifest") -> Iterable[Sequence[str | int]]:
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

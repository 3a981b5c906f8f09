"""`tidewaiter db`: the advisory database."""

import click

from tidewaiter.cli.database_path import default_database


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
    "--output", "-o", type=click.Path(dir_okay=False), default=default_database, help="The file to (re)place."
)
@click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")
def build_command(folders: tuple[str, ...], output: str, quiet: bool) -> int:  # noqa: FBT001 - click passes flags so
    """Build the database from folders of published advisories.

    The file is replaced at once, when the new one is whole; the same input gives the same bytes.
    """
    raise AssertionError


@command.command("status")
@click.option("--db", "database", type=click.Path(dir_okay=False), default=default_database, help="The database.")
@click.option("--format", "-f", "format_", type=click.Choice(("table", "json")), default="table", show_default=True)
def status_command(database: str, format_: str) -> int:
    """Show what the database holds: feeds, counts, how new they are."""
    raise AssertionError

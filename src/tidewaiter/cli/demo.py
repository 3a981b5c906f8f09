"""`tidewaiter demo`: two images made on the spot, a small database, and the report."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path


@click.command("demo")
@click.option(
    "--keep",
    type=click.Path(file_okay=False),
    help="Leave images and database in this new folder, to try the other commands on.",
)
def command(keep: str | None) -> int:
    """Scan two images made on the spot.

    Needs no registry and no account: it writes a Debian-like and an Alpine-like image, builds a database of a few real
    facts, scans both and prints the report.
    """
    import tempfile
    from pathlib import Path

    from tidewaiter.errors import UsageError

    if keep is None:
        with tempfile.TemporaryDirectory(prefix="tidewaiter-demo-") as folder:
            return _show(Path(folder))
    try:
        Path(keep).mkdir(parents=True)
    except OSError as error:
        raise UsageError(f"--keep wants a new folder: {error.strerror}", where=keep) from error
    return _show(Path(keep))


def _show(folder: "Path") -> int:
    from tidewaiter.cli.exit import Exit
    from tidewaiter.cli.inventories import Choices, inventories
    from tidewaiter.cli.judging import Filter, exit_code, opened, reports
    from tidewaiter.cli.sink import write
    from tidewaiter.feeds.database import build
    from tidewaiter.report.catalog import render_reports
    from tidewaiter.simulator.demonstration import write_advisories, write_images

    images = write_images(folder)
    database = folder / "advisories.db"
    _run(f"tidewaiter db build --from {folder}/advisories --output {database}")
    build([write_advisories(folder / "advisories")], database, warn=lambda text: click.echo(text, err=True))
    _run(f"tidewaiter scan --db {database} {images[0]} {images[1]}")
    options = dict.fromkeys(("all_platforms", "insecure", "verify", "only_fixed"), False)
    defaults = {**options, "platform": None, "limit": (), "quiet": True, "severity": (), "fail_on": "unknown"}
    chosen = Filter.of_options(defaults)
    with opened(str(database)) as advisories:
        done = tuple(reports(inventories(map(str, images), Choices.of_options(defaults)), advisories, chosen))
    write(render_reports(done, "table"), None)
    code = exit_code(done, chosen)
    click.echo(f"\nThat command would end with exit code {code.value}: {code.name.lower()}.", err=True)
    return Exit.CLEAN if code is Exit.FINDINGS else Exit.INCOMPLETE


def _run(command_line: str) -> None:
    click.echo(f"$ {command_line}", err=True)

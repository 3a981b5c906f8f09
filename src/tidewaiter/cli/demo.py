"""`tidewaiter demo`: two images made on the spot, a small database, and the report."""

from collections.abc import Iterator
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
            code = _show(Path(folder))
        _say("To try more on them: tidewaiter demo --keep FOLDER leaves images and database there.")
        return code
    try:
        Path(keep).mkdir(parents=True)
    except OSError as error:
        raise UsageError(f"--keep wants a new folder: {error.strerror}", where=keep) from error
    code = _show(Path(keep))
    _say("More to try:", *_more(Path(keep)))
    return code


def _show(folder: "Path") -> int:
    from tidewaiter.cli.exit import Exit
    from tidewaiter.cli.inventories import Choices, inventories
    from tidewaiter.cli.judging import Filter, exit_code, opened, reports
    from tidewaiter.cli.sink import write
    from tidewaiter.cli.streams import say
    from tidewaiter.feeds.database import build
    from tidewaiter.report.catalog import render_reports
    from tidewaiter.simulator.demonstration import write_advisories, write_images

    images = tuple(map(str, write_images(folder)))
    advisories, database = folder / "advisories", str(folder / "advisories.db")
    _say(_command("db", "build", "--from", str(advisories), "--output", database))
    build([write_advisories(advisories)], database, warn=say)
    _say(_command("scan", "--db", database, *images), "")
    options = dict.fromkeys(("all_platforms", "insecure", "verify", "only_fixed"), False)
    defaults = {**options, "platform": None, "limit": (), "quiet": True, "severity": (), "fail_on": "unknown"}
    chosen = Filter.of_options(defaults)
    with opened(database) as opened_database:
        done = tuple(reports(inventories(images, Choices.of_options(defaults)), opened_database, chosen))
    write(render_reports(done, "table"), None)
    code = exit_code(done, chosen)
    _say("", f"That command would end with exit code {code.value}: {code.name.lower()}.")
    return Exit.CLEAN if code is Exit.FINDINGS else Exit.INCOMPLETE


def _more(folder: "Path") -> Iterator[str]:
    database, image = str(folder / "advisories.db"), str(folder / "alpine-like")
    yield _command("scan", "--db", database, "--format", "json", "--fail-on", "critical", image)
    yield _command("sbom", image, "--output", str(folder / "sbom.json"))
    yield _command("match", "--db", database, str(folder / "sbom.json"))
    yield _command("db", "status", "--db", database)


def _command(*arguments: str) -> str:
    """The command line as a shell takes it."""
    import shlex

    return f"$ {shlex.join(('tidewaiter', *arguments))}"


def _say(*lines: str) -> None:
    click.echo("\n".join(lines), err=True)

"""`tidewaiter match`: an inventory from a file, judged."""

from typing import Any

import click

from tidewaiter.cli.options import judging_options, output_options

_FORMATS = ("table", "json", "cyclonedx")


@click.command("match")
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path(exists=True, dir_okay=False))
@click.option("--format", "-f", "format_", type=click.Choice(_FORMATS), default="table", show_default=True)
@judging_options
@output_options
def command(files: tuple[str, ...], format_: str, output: str | None, database: str, **options: Any) -> int:
    """Judge an SBOM or inventory, without an image.

    FILE is a CycloneDX or SPDX document of any tool, or an inventory or report of tidewaiter's.
    """
    from pathlib import Path

    from tidewaiter.cli.judging import Filter, exit_code, opened, reports
    from tidewaiter.cli.sink import write
    from tidewaiter.inventory.sbom import read_sbom
    from tidewaiter.report.catalog import render_reports

    options.pop("quiet")
    chosen = Filter.of_options(**options)
    with opened(database) as advisories:
        inventories = (read_sbom(Path(file).read_bytes(), file) for file in files)
        done = tuple(reports(inventories, advisories, chosen))
    write(render_reports(done, format_, to_file=output is not None), output)
    return exit_code(done, chosen)

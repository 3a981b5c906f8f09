"""`tidewaiter match`: an inventory from a file, judged."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from tidewaiter.cli.options import format_option, judging_options, output_options
from tidewaiter.report.catalog import REPORT_FORMATS

if TYPE_CHECKING:  # `--help` shall not wait for the model
    from tidewaiter.model.package import Inventory


@click.command("match")
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path(exists=True, dir_okay=False))
@format_option(REPORT_FORMATS, "table")
@judging_options
@output_options
def command(files: tuple[str, ...], **options: Any) -> int:
    """Judge an SBOM or inventory, without an image.

    FILE is a CycloneDX or SPDX document of any tool, or an inventory or report of tidewaiter's.
    """
    from tidewaiter.cli.judging import Filter, exit_code, opened, reports
    from tidewaiter.cli.sink import write
    from tidewaiter.report.catalog import render_reports

    chosen = Filter.of_options(options)
    with opened(options["db"]) as advisories:
        done = tuple(reports(_inventories(files), advisories, chosen))
    output = options["output"]
    write(render_reports(done, options["format"], to_file=output is not None), output)
    return exit_code(done, chosen)


def _inventories(files: Iterable[str]) -> "Iterator[Inventory]":
    """What the files hold; one that cannot be read is a gap, and the others go on."""
    from tidewaiter.cli.inventories import failed
    from tidewaiter.errors import TidewaiterError
    from tidewaiter.inventory.sbom import read_inventories
    from tidewaiter.model.image import ImageIdentity

    for file in files:
        try:
            yield from read_inventories(_content(file), file)
        except TidewaiterError as error:
            yield failed(ImageIdentity(reference=file), error)


def _content(file: str) -> bytes:
    from pathlib import Path

    from tidewaiter.errors import LimitError, SourceError
    from tidewaiter.inventory.sbom import CEILING

    try:
        with Path(file).open("rb") as stream:
            content = stream.read(CEILING + 1)
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", where=file) from error
    if len(content) > CEILING:
        raise LimitError(f"larger than {CEILING >> 20} MiB", limit="sbom", where=file)
    return content

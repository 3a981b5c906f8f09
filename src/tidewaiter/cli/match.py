"""`tidewaiter match`: an inventory from a file, judged."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from tidewaiter.cli.options import format_option, judging_options, output_options
from tidewaiter.report.catalog import REPORT_FORMATS

if TYPE_CHECKING:  # `--help` shall not wait for the model
    from tidewaiter.model.package import Inventory

_STDIN = "-"
_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True)


@click.command("match")
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=_FILE)
@format_option(REPORT_FORMATS, "table")
@judging_options
@output_options
def command(files: tuple[str, ...], **options: Any) -> int:
    """Judge an SBOM or inventory, without an image.

    FILE is a CycloneDX or SPDX document of any tool, or an inventory or report of tidewaiter's; - is stdin.
    """
    from tidewaiter.cli.judging import Filter, exit_code, opened, reports
    from tidewaiter.cli.sink import check, write
    from tidewaiter.report.catalog import check_count, render_reports

    chosen = Filter.of_options(options)
    output = options["output"]
    check(output)
    check_count(options["format"], len(files))
    with opened(options["db"]) as advisories:
        done = tuple(reports(_inventories(files), advisories, chosen))
    write(render_reports(done, options["format"], to_file=output is not None), output)
    return exit_code(done, chosen)


def _inventories(files: Sequence[str]) -> "Iterator[Inventory]":
    """What the files hold; one that cannot be read is a gap, and the others go on."""
    from tidewaiter.cli.failures import failed
    from tidewaiter.inventory.sbom import read_inventories
    from tidewaiter.model.image import ImageIdentity

    for file in files:
        name = "stdin" if file == _STDIN else file
        try:
            yield from read_inventories(_content(file, name), name)
        except Exception as error:  # noqa: BLE001 - the edge of the stages: whatever fails is a gap
            yield failed(ImageIdentity(reference=name), error)


def _content(file: str, name: str) -> bytes:
    from tidewaiter.errors import LimitError, SourceError
    from tidewaiter.inventory.sbom import CEILING

    try:
        with click.open_file(file, "rb") as stream:
            content: bytes = stream.read(CEILING + 1)
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", where=name) from error
    if len(content) > CEILING:
        raise LimitError(f"larger than {CEILING >> 20} MiB", limit="sbom", where=name)
    return content

"""`tidewaiter sbom`: what is installed in an image, without judging it."""

from typing import Any

import click

from tidewaiter.cli.options import format_option, image_options, output_options
from tidewaiter.report.catalog import INVENTORY_FORMATS


@click.command("sbom")
@click.argument("target")
@format_option(INVENTORY_FORMATS, "cyclonedx")
@image_options
@output_options
def command(target: str, **options: Any) -> int:
    """List what is installed in an image, as an SBOM.

    TARGET is what `tidewaiter scan` takes. Of several images in one target only the json format can tell.
    """
    from tidewaiter.cli.exit import Exit
    from tidewaiter.cli.inventories import Choices, inventories
    from tidewaiter.cli.sink import check, write
    from tidewaiter.report.catalog import render_inventories

    choices = Choices.of_options(options)
    check(options["output"])
    found = tuple(inventories((target,), choices))
    write(render_inventories(found, options["format"]), options["output"])
    gaps = [gap for inventory in found for gap in inventory.gaps]
    return Exit.of_result((), gaps, fail_on=None)

"""`tidewaiter sbom`: what is installed in an image, without judging it."""

from typing import Any

import click

from tidewaiter.cli.options import image_options, output_options

_FORMATS = ("cyclonedx", "spdx", "json")


@click.command("sbom")
@click.argument("target")
@click.option("--format", "-f", "format_", type=click.Choice(_FORMATS), default="cyclonedx", show_default=True)
@image_options
@output_options
def command(target: str, format_: str, output: str | None, **options: Any) -> int:
    """List what is installed in an image, as an SBOM.

    TARGET is what `tidewaiter scan` takes. Of several images in one target only the json format can tell.
    """
    from tidewaiter.cli.exit import Exit
    from tidewaiter.cli.inventories import Choices, inventories
    from tidewaiter.cli.sink import write
    from tidewaiter.report.catalog import render_inventories

    found = tuple(inventories((target,), Choices.of_options(**options)))
    write(render_inventories(found, format_), output)
    gaps = [gap for inventory in found for gap in inventory.gaps]
    return Exit.of_result((), gaps, fail_on=None)

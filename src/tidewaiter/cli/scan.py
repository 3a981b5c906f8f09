"""`tidewaiter scan`: images, looked through and judged."""

from typing import Any

import click

from tidewaiter.cli.options import format_option, image_options, judging_options, output_options
from tidewaiter.report.catalog import REPORT_FORMATS

_EXAMPLES = """Examples:

\b
  tidewaiter scan image.tar
  tidewaiter scan --fail-on high registry.example.com/app:1
  tidewaiter scan --format json --output report.json oci:layout"""


@click.command("scan", epilog=_EXAMPLES)
@click.argument("targets", nargs=-1, required=True, metavar="TARGET…")
@format_option(REPORT_FORMATS, "table")
@judging_options
@image_options
@output_options
def command(targets: tuple[str, ...], **options: Any) -> int:
    """Scan images for known vulnerabilities.

    TARGET is an archive of `docker save` or `podman save`, an OCI layout (folder or archive), a folder with a root file
    system, or a reference to an image in a registry. A prefix says which, where it is not plain: docker-archive:, oci:,
    dir:, registry:.
    """
    from tidewaiter.cli.inventories import Choices, inventories
    from tidewaiter.cli.judging import Filter, exit_code, opened, reports
    from tidewaiter.cli.sink import check, write
    from tidewaiter.report.catalog import check_count, render_reports

    chosen = Filter.of_options(options)
    choices = Choices.of_options(options)
    output = options["output"]
    check(output)
    check_count(options["format"], len(targets))
    with opened(options["db"]) as database:
        done = tuple(reports(inventories(targets, choices), database, chosen))
    write(render_reports(done, options["format"], to_file=output is not None), output)
    return exit_code(done, chosen)

"""`tidewaiter scan`: images, looked through and judged."""

from typing import Any

import click

from tidewaiter.cli.options import image_options, judging_options, output_options

_FORMATS = ("table", "json", "cyclonedx")


@click.command("scan")
@click.argument("targets", nargs=-1, required=True, metavar="TARGET…")
@click.option("--format", "-f", "format_", type=click.Choice(_FORMATS), default="table", show_default=True)
@judging_options
@image_options
@output_options
def command(targets: tuple[str, ...], format_: str, output: str | None, **options: Any) -> int:
    """Scan images for known vulnerabilities.

    TARGET is an archive of `docker save` or `podman save`, an OCI layout (folder or archive), a folder with a root file
    system, or a reference to an image in a registry. A prefix says which, where it is not plain: docker-archive:, oci:,
    dir:, registry:.
    """
    from tidewaiter.cli.inventories import Choices, inventories
    from tidewaiter.cli.judging import Filter, exit_code, opened, reports
    from tidewaiter.cli.sink import write
    from tidewaiter.report.catalog import render_reports

    chosen = Filter.of_options(**{name: options.pop(name) for name in ("severities", "only_fixed", "fail_on")})
    database_path = options.pop("database")
    choices = Choices.of_options(**options)
    with opened(database_path) as database:
        done = tuple(reports(inventories(targets, choices), database, chosen))
    write(render_reports(done, format_, to_file=output is not None), output)
    return exit_code(done, chosen)

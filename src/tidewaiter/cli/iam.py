"""`tidewaiter iam`: what to grant, and whether it works."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from tidewaiter.cli.fleet_options import account_options, identity_options, organization_choice_options
from tidewaiter.cli.grants import extent_options, name_options, place_options, wishes_of
from tidewaiter.cli.options import format_option, output_options
from tidewaiter.iam.formats import FORMATS
from tidewaiter.iam.reference import REFERENCES
from tidewaiter.report.catalog import DIAGNOSIS_FORMATS

if TYPE_CHECKING:
    from tidewaiter.iam.rendered import Rendered

_RENDER_EXAMPLES = """Examples:

\b
  tidewaiter iam render --topology single --account 111122223333
  tidewaiter iam render --topology cross-account --account 111122223333 --target 444455556666 --as terraform
  tidewaiter iam render --topology organization --account 111122223333 --management-account 777788889999 \\
      --as cloudformation --output-dir templates"""
_DOCTOR_EXAMPLES = """Examples:

\b
  tidewaiter iam doctor --region eu-west-1
  tidewaiter iam doctor --role-arn arn:aws:iam::111122223333:role/tidewaiter-reader
  tidewaiter iam doctor --management-role-arn arn:aws:iam::111122223333:role/tidewaiter-management"""


@click.group("iam")
def command() -> None:
    """Render the roles and policies that tidewaiter needs, and try whether they work."""


@command.command("render", short_help="Render roles and policies, no wider than needed.", epilog=_RENDER_EXAMPLES)
@click.option("--as", "as_", type=click.Choice(FORMATS), default="policy", show_default=True, help="In which form.")
@place_options
@name_options
@extent_options
@click.option("--reference", type=click.Choice(REFERENCES), help="Show what another system's guide grants instead.")
@click.option("--part", default="", metavar="NAME", help="Only this part.")
@click.option("--document", default="", metavar="NAME", help="Only this file.")
@click.option(
    "--output-dir", type=click.Path(file_okay=False), metavar="FOLDER", help="Write a file each into this folder."
)
@click.option("--output", "-o", type=click.Path(dir_okay=False), help="Write to this file instead of stdout.")
@click.pass_context
def render_command(context: click.Context, /, **options: Any) -> int:
    """Render the roles and policies of a topology, no wider than needed.

    All that it needs in each account: identities, policies, trust. On a terminal and without options it asks for what
    it has to know, and says which command would give the same.
    """
    from tidewaiter.cli.wizard import ask, is_asked

    if is_asked(context):
        options = {**options, **ask()}
    files = _rendered(options)
    chosen = [file for file in files if options["part"] in ("", file.part) and options["document"] in ("", file.name)]
    if not chosen:
        raise _nothing(files, options)
    if options["output_dir"]:
        _write_all(chosen, options["output_dir"])
        return _done()
    from tidewaiter.cli.sink import check, write

    check(options["output"])
    write(_together(chosen), options["output"])
    return _done()


def _rendered(options: dict[str, Any]) -> "Sequence[Rendered]":
    if options["reference"]:
        from tidewaiter.iam import reference_files
        from tidewaiter.iam.reference import reference

        return reference_files.render(reference(options["reference"]))
    from tidewaiter.iam.formats import render
    from tidewaiter.iam.topologies import blueprint

    return render(blueprint(wishes_of(options)), options["as_"])


def _nothing(files: "Sequence[Rendered]", options: dict[str, Any]) -> Exception:
    from tidewaiter.errors import UsageError

    parts = ", ".join(dict.fromkeys(file.part for file in files))
    names = ", ".join(file.name for file in files if options["part"] in ("", file.part))
    what, known = ("--document", names) if names else ("--part", parts)
    return UsageError(f"there is no such {what.removeprefix('--')}", where=what, advice=f"There are {known}.")


def _together(files: "Sequence[Rendered]") -> str:
    """One file as it is; several after each other, each below a line that names it."""
    if len(files) == 1:
        return files[0].text
    return "\n".join(f"# {file.name} ({file.part})\n\n{file.text}" for file in files)


def _write_all(files: "Sequence[Rendered]", folder: str) -> None:
    import os

    from tidewaiter.cli.sink import check, write
    from tidewaiter.cli.streams import say
    from tidewaiter.errors import UsageError

    for file in files:
        path = os.path.join(folder, file.name)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        except OSError as error:
            raise UsageError(f"the folder cannot be made: {error.strerror}", where=folder) from error
        check(path)
        write(file.text, path)
        say(path)


def _done() -> int:
    from tidewaiter.cli.exit import Exit

    return Exit.CLEAN


@command.command("doctor", short_help="Try with real calls whether it works.", epilog=_DOCTOR_EXAMPLES)
@identity_options
@account_options
@organization_choice_options
@click.option(
    "--repository", multiple=True, metavar="GLOB", help="About these repositories, as for `scan` (team/*); repeatable."
)
@format_option(DIAGNOSIS_FORMATS, "table")
@output_options
@click.pass_context
def doctor_command(context: click.Context, /, **options: Any) -> int:
    """Try with real calls whether a scan would work, and say what to grant where it would not.

    Takes the options of `ecr scan`; those of `org scan`, or --organization, make it about the organization. It reads
    only, pulls nothing, and needs no permission that a scan does not need. Exit code 0 only if all is right.
    """
    from tidewaiter.cli.doctor import examine

    return examine(context, options)

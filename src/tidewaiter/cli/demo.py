"""`tidewaiter demo`: an AWS organization made on this machine, scanned over the whole way."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

    from tidewaiter.simulator.demonstration_organization import Demonstration

_MADE = (
    "An AWS on this machine: an organization of seven accounts, registries in three regions, some 30 small images.",
    "One account lets nobody in, one is suspended; one image is archived, and one was damaged on its way.",
)


@click.command("demo")
@click.option(
    "--keep",
    type=click.Path(file_okay=False),
    help="Leave database, store, reports and two more images in this new folder, to try the other commands on.",
)
@click.option("--serve", is_flag=True, help="Keep the simulated AWS running after the scan, until Ctrl-C.")
def command(keep: str | None, *, serve: bool) -> int:
    """Scan an AWS organization that is simulated on this machine.

    Needs no account and no network. It makes accounts, roles and registries with images, builds an advisory database
    of a few real facts, and runs `tidewaiter org scan` over it: from base credentials to the management role, to a
    role in each account, to every region, repository and image.
    """
    import tempfile
    from pathlib import Path

    from tidewaiter.errors import UsageError

    if keep is None:
        with tempfile.TemporaryDirectory(prefix="tidewaiter-demo-") as folder:
            return _show(Path(folder), kept=False, serve=serve)
    try:
        Path(keep).mkdir(parents=True)
    except OSError as error:
        raise UsageError(f"--keep wants a new folder: {error.strerror}", where=keep) from error
    return _show(Path(keep), kept=True, serve=serve)


def _show(folder: "Path", *, kept: bool, serve: bool) -> int:
    from tidewaiter.cli.streams import say
    from tidewaiter.feeds.database import build
    from tidewaiter.simulator.aws import SimulatedAws
    from tidewaiter.simulator.demonstration import write_advisories
    from tidewaiter.simulator.demonstration_organization import populate

    database = str(folder / "advisories.db")
    with SimulatedAws() as cloud:
        demonstration = populate(cloud)
        environment = cloud.environment(demonstration.keys)
        _say(*_MADE, "", _command("db", "build", "--from", str(folder / "advisories"), "--output", database))
        build([write_advisories(folder / "advisories")], database, warn=say)
        code = _scan(_scan_command(folder, demonstration), environment)
        _say(*_after(folder, kept=kept))
        if serve:
            _serve(folder, demonstration, environment)
    return code


def _scan(arguments: tuple[str, ...], environment: Mapping[str, str]) -> int:
    """Runs the real command line. The demonstration is sound if it ended as it must: with what could not be read."""
    from tidewaiter.cli.exit import Exit
    from tidewaiter.cli.main import run

    _say(_command(*arguments), "")
    with _surroundings(environment):
        code = Exit(run(list(arguments)))
    _say("", f"That command ended with exit code {code.value}: {code.name.lower()}, as it must with such gaps.")
    return Exit.CLEAN if code is Exit.INCOMPLETE else Exit.INCOMPLETE


@contextmanager
def _surroundings(environment: Mapping[str, str]) -> Iterator[None]:
    """These variables, and none of the user's own that could lead to an AWS or change what is scanned."""
    before = dict(os.environ)
    own = [name for name in before if name.startswith(("AWS_", "TIDEWAITER_", "CR_"))]
    with ExitStack() as stack:
        stack.callback(os.environ.update, before)
        for name in own:
            del os.environ[name]
        for name in environment.keys() - before.keys():
            stack.callback(os.environ.pop, name)
        os.environ.update(environment)
        yield


def _scan_command(folder: "Path", demonstration: "Demonstration") -> tuple[str, ...]:
    roles = ("--management-role-arn", demonstration.management_role_arn)
    members = ("--member-role-name", demonstration.member_role_name)
    places = ("--db", str(folder / "advisories.db"), "--store", str(folder / "fleet.db"))
    return ("org", "scan", *roles, *members, *places, "--output-dir", str(folder / "reports"))


def _after(folder: "Path", *, kept: bool) -> Iterator[str]:
    if not kept:
        yield "To try more: tidewaiter demo --keep FOLDER leaves everything there; --serve keeps the simulated AWS up."
        return
    from tidewaiter.simulator.demonstration import write_images

    image = str(write_images(folder)[0])
    database = str(folder / "advisories.db")
    yield f"Left in {folder}: the database, the store, one report an image (reports), two images as files."
    yield "More to try:"
    yield _command("scan", "--db", database, "--fail-on", "critical", image)
    yield _command("sbom", image, "--output", str(folder / "sbom.json"))
    yield _command("match", "--db", database, str(folder / "sbom.json"))
    yield _command("db", "status", "--db", database)


def _serve(folder: "Path", demonstration: "Demonstration", environment: Mapping[str, str]) -> None:
    """Waits for Ctrl-C, having said how another terminal reaches the simulated AWS."""
    import shlex
    import threading

    scan = _scan_command(folder, demonstration)
    _say("", "The simulated AWS goes on until Ctrl-C. In another terminal:")
    _say(*(f"export {name}={shlex.quote(value)}" for name, value in environment.items()))
    _say(_command("org", "list", *scan[2:6]), _command(*scan))
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        _say("Stopped.")


def _command(*arguments: str) -> str:
    """The command line as a shell takes it."""
    import shlex

    return f"$ {shlex.join(('tidewaiter', *arguments))}"


def _say(*lines: str) -> None:
    click.echo("\n".join(lines), err=True)

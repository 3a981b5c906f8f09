"""`tidewaiter demo`: an AWS organization made on this machine, scanned over the whole way."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from tidewaiter.cli.demo_stage import interruptible, spelled, surroundings, tell
from tidewaiter.cli.exit import Exit

if TYPE_CHECKING:
    from pathlib import Path

    from tidewaiter.simulator.demonstration_organization import Demonstration

_MADE = (
    "An AWS on this machine: an organization of seven accounts, registries in three regions, some 30 small images.",
    "One account lets nobody in, one is suspended; one image is archived, and one was damaged on its way.",
)
_BROKERED = (
    "The account that lets nobody in has an agent of its own. Now broker server, agent and broker client start, each a",
    "program of its own: nothing connects into the account, and its credentials and images stay there.",
)
_NO_BROKER = (
    "The account that lets nobody in could be scanned by an agent in it: install tidewaiter[broker] to see how."
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
    role in each account, to every region, repository and image. Then `tidewaiter ecr scan --via` looks through an
    account that lets nobody in, by an agent in it.
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
    with ExitStack() as stack:
        cloud = stack.enter_context(SimulatedAws())
        demonstration = populate(cloud)
        environment = cloud.environment(demonstration.keys)
        tell(*_MADE, "", spelled("db", "build", "--from", str(folder / "advisories"), "--output", database))
        build([write_advisories(folder / "advisories")], database, warn=say)
        command = _scan_command(folder, demonstration)
        sound = _scan(command, environment, ends=Exit.INCOMPLETE, because="as it must with such gaps")
        brokered = demonstration.brokered
        inside = cloud.environment(brokered.keys, region=brokered.region)
        sound &= _scan_brokered(stack, folder, demonstration, inside)
        tell(*_after(folder, kept=kept))
        if serve:
            _serve(command, environment)
    return Exit.CLEAN if sound else Exit.INCOMPLETE


def _scan(arguments: tuple[str, ...], environment: Mapping[str, str], *, ends: Exit, because: str) -> bool:
    """Runs the real command line; gives whether it ended as it must."""
    from tidewaiter.cli.main import run

    tell(spelled(*arguments), "")
    with surroundings(environment), interruptible():
        code = Exit(run(list(arguments)))
    why = because if code is ends else f"where it should have been {ends.value}: {ends.name.lower()}"
    tell("", f"That command ended with exit code {code.value}: {code.name.lower()}, {why}.")
    return code is ends


def _scan_brokered(stack: ExitStack, folder: "Path", demonstration: "Demonstration", inside: Mapping[str, str]) -> bool:
    """Scans the account that lets nobody in, whose environment is `inside`; its programs run until the stack ends."""
    from tidewaiter.cli.demo_brokered import brokerage, is_possible

    if not is_possible():
        tell("", _NO_BROKER)
        return True
    tell("", *_BROKERED)
    way = stack.enter_context(brokerage(folder, demonstration.brokered, inside))
    command = ("ecr", "scan", *way, *_places(folder))
    return _scan(command, {"NO_PROXY": "127.0.0.1"}, ends=Exit.FINDINGS, because="so all of it was looked at")


def _scan_command(folder: "Path", demonstration: "Demonstration") -> tuple[str, ...]:
    roles = ("--management-role-arn", demonstration.management_role_arn)
    members = ("--member-role-name", demonstration.member_role_name)
    return ("org", "scan", *roles, *members, *_places(folder))


def _places(folder: "Path") -> tuple[str, ...]:
    """Where both scans find what they need, and leave what they found."""
    known = ("--db", str(folder / "advisories.db"), "--store", str(folder / "fleet.db"))
    return (*known, "--output-dir", str(folder / "reports"))


def _after(folder: "Path", *, kept: bool) -> Iterator[str]:
    if not kept:
        yield "To try more: tidewaiter demo --keep FOLDER leaves everything there; --serve keeps the simulated AWS up."
        return
    from tidewaiter.simulator.demonstration import write_images

    image = str(write_images(folder)[0])
    database = str(folder / "advisories.db")
    yield f"Left in {folder}: the database, the store, one report an image (reports), two images as files."
    yield "More to try:"
    yield spelled("scan", "--db", database, "--fail-on", "critical", image)
    yield spelled("sbom", image, "--output", str(folder / "sbom.json"))
    yield spelled("match", "--db", database, str(folder / "sbom.json"))
    yield spelled("db", "status", "--db", database)


def _serve(command: tuple[str, ...], environment: Mapping[str, str]) -> None:
    """Waits for Ctrl-C, having said how another terminal reaches the simulated AWS."""
    import shlex
    import threading

    tell("", "The simulated AWS goes on until Ctrl-C, and so do the programs beside it. In another terminal:")
    tell(*(f"export {name}={shlex.quote(value)}" for name, value in environment.items()))
    tell(spelled("org", "list", *command[2:6]), spelled(*command))
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        tell("Stopped.")

"""The `tidewaiter` command: finds the subcommand, imports only that, and turns what happened into an exit code."""

import os
import signal
import sys
from contextlib import suppress
from importlib import import_module

import click

import tidewaiter
from tidewaiter.cli.configuration import default_map, fitted
from tidewaiter.cli.exit import Exit
from tidewaiter.cli.streams import confess, say, settled
from tidewaiter.errors import TidewaiterError, UsageError

_COMMANDS = {
    "scan": "Scan images for known vulnerabilities.",
    "sbom": "List what is installed in an image.",
    "match": "Judge an SBOM or inventory, without an image.",
    "ecr": "Scan or list the registries of AWS accounts.",
    "org": "Scan or list those of a whole AWS organization.",
    "serve": "Run the platform's service: the broker server.",
    "broker": "Reach registries inside another network.",
    "agent": "Look through registries for a platform elsewhere.",
    "iam": "Render what to grant, and try whether it works.",
    "db": "Build and inspect the advisory database.",
    "demo": "Scan an AWS organization simulated on this machine.",
}


class _LazyGroup(click.Group):
    """A group that knows its commands' names and summaries, and imports a command's module when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - the same
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"tidewaiter.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(_no_command(args[0]), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - the same
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


def _no_command(name: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, _COMMANDS, n=1)
    hint = f"Did you mean {close[0]!r}?" if close else f"The commands are {', '.join(_COMMANDS)}."
    return f"No such command {name!r}. {hint}"


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "TIDEWAITER"},
    epilog="Exit codes: 0 clean, 1 findings, 2 the scan is incomplete, 3 usage or configuration.",
)
@click.version_option(tidewaiter.__version__, prog_name="tidewaiter", message="%(prog)s %(version)s")
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False),
    help="Settings as TOML; default: tidewaiter.toml in this folder, if there is one.",
)
@click.pass_context
def command(context: click.Context, config: str | None) -> None:
    """Look through container images for known vulnerabilities, inside your own network.

    Every option can also be set in the environment (TIDEWAITER_SCAN_FORMAT=json) or in tidewaiter.toml.
    """
    context.default_map = default_map(config, commands=_COMMANDS)
    name = context.invoked_subcommand or ""
    subcommand = command.get_command(context, name)
    if subcommand is not None and name in context.default_map:
        context.default_map[name] = fitted(context.default_map[name], subcommand, name, path=config)


def main() -> None:
    """Run the command line of this process, and exit with one of `Exit`'s codes.

    A termination ends it as an interrupt does: temporary files go, and no half report is written. Once all is written
    and closed the process ends at once: to take every module apart first costs a tenth of a small image's time.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    code = run(sys.argv[1:])
    code = code if settled() else max(code, Exit.INCOMPLETE)
    with suppress(OSError, ValueError, AttributeError):  # stderr may be full, closed or none
        sys.stderr.flush()
    os._exit(code)


def run(arguments: list[str]) -> int:
    """The exit code of the command line `arguments`. Errors are told on stderr in one message each."""
    try:
        code = command.main(arguments, prog_name="tidewaiter", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return Exit.USAGE if stop.exit_code else Exit.CLEAN
    except SystemExit:  # how click ends where the reader of stdout went away (`| head`)
        return Exit.INCOMPLETE
    except (click.ClickException, click.Abort, KeyboardInterrupt, TidewaiterError, OSError) as error:
        return _tell(error)
    except Exception as error:  # noqa: BLE001 - Python's own exit code for a mistake, 1, would mean findings
        confess(error)
        return Exit.INCOMPLETE
    return code if isinstance(code, int) else Exit.CLEAN


def _tell(error: BaseException) -> Exit:
    match error:
        case click.UsageError():
            error.show()
            return Exit.USAGE
        case click.ClickException():
            message, code = error.format_message(), Exit.USAGE
        case UsageError():
            message, code = str(error), Exit.USAGE
        case TidewaiterError():
            message, code = str(error), Exit.of_error(error)
        case OSError():
            message, code = f"{error.filename or 'stopped'}: {error.strerror or error}", Exit.INCOMPLETE
        case _:
            message, code = "stopped before the end; nothing was written", Exit.INCOMPLETE
    say(message)
    return code

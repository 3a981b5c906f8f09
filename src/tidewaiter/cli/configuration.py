"""Settings from `tidewaiter.toml`: the defaults below flags and environment."""

import os
from collections.abc import Collection
from typing import TYPE_CHECKING

from tidewaiter.errors import UsageError

if TYPE_CHECKING:
    from click import Command

_FILE = "tidewaiter.toml"


def default_map(path: str | None, *, commands: Collection[str]) -> dict[str, dict[str, object]]:
    """The settings of the file, one table a command: `[scan]` with `format = "json"`.

    Without a path, `tidewaiter.toml` in the current folder is read if it is there. Raises UsageError for what is not
    TOML and for unknown tables.
    """
    if path is None and not os.path.exists(_FILE):  # noqa: PTH110 - pathlib costs start-up time
        return {}
    return _read(path or _FILE, commands)


def _read(path: str, commands: Collection[str]) -> dict[str, dict[str, object]]:
    import tomllib

    try:
        with open(path, "rb") as file:  # noqa: PTH123 - the same
            tables = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"cannot be read as TOML: {error}", where=path) from error
    for name, table in tables.items():
        if name not in commands or not isinstance(table, dict):
            raise UsageError(
                f"unknown table or setting {name!r}", where=path, advice=f"Known are {', '.join(commands)}"
            )
    return {name: _with_option_names(table) for name, table in tables.items()}


def _with_option_names(table: dict[str, object]) -> dict[str, object]:
    """Keys as click knows them; `[db.build]` is a table in a table."""
    return {
        key.replace("-", "_"): _with_option_names(value) if isinstance(value, dict) else value
        for key, value in table.items()
    }


def check(settings: object, command: "Command", name: str) -> None:
    """Raises UsageError for a setting that the command has no option for."""
    if not isinstance(settings, dict):
        raise UsageError(f"[{name}] is a table of settings", where=_FILE)
    options = {parameter.name for parameter in command.params}
    subcommands = getattr(command, "commands", {})
    for key, value in settings.items():
        if key in subcommands:
            check(value, subcommands[key], f"{name}.{key}")
        elif key not in options:
            known = ", ".join(sorted({*(each for each in options if each), *subcommands}))
            raise UsageError(f"[{name}] has no setting {key!r}", where=_FILE, advice=f"Known are {known}")

"""Settings from `tidewaiter.toml`: the defaults below flags and environment."""

import os
from collections.abc import Collection
from typing import TYPE_CHECKING

from tidewaiter.errors import UsageError

if TYPE_CHECKING:
    from click import Command, Parameter

_FILE = "tidewaiter.toml"


def default_map(path: str | None, *, commands: Collection[str]) -> dict[str, dict[str, object]]:
    """The settings of the file, one table a command: `[scan]` with `format = "json"`.

    Without a path, `tidewaiter.toml` in the current folder is read if it is there. Raises UsageError for what is not
    TOML and for unknown tables.
    """
    if path is None and not os.path.exists(_FILE):
        return {}
    return _read(path or _FILE, commands)


def _read(path: str, commands: Collection[str]) -> dict[str, dict[str, object]]:
    import tomllib

    try:
        with open(path, "rb") as file:
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


def fitted(settings: object, command: "Command", name: str, *, path: str | None) -> dict[str, object]:
    """The settings as the command's options take them: one value where several may stand is a list of one.

    `path` is the file's, for messages. Raises UsageError for a setting that the command has no option for, and for a
    list or table where a value belongs.
    """
    if not isinstance(settings, dict):
        raise UsageError(f"[{name}] is a table of settings", where=path or _FILE)
    subcommands = getattr(command, "commands", {})
    options = {parameter.name: parameter for parameter in command.params if parameter.name}
    if unknown := settings.keys() - subcommands.keys() - options.keys():
        known = ", ".join(sorted(key.replace("_", "-") for key in (*options, *subcommands)))
        setting = min(unknown).replace("_", "-")
        raise UsageError(f"[{name}] has no setting {setting!r}", where=path or _FILE, advice=f"Known are {known}")
    return {
        key: fitted(value, subcommands[key], f"{name}.{key}", path=path)
        if key in subcommands
        else _value(value, options[key], f"[{name}] {key.replace('_', '-')}", path or _FILE)
        for key, value in settings.items()
    }


def _value(value: object, option: "Parameter", name: str, path: str) -> object:
    several = getattr(option, "multiple", False) or option.nargs != 1
    if isinstance(value, dict) or (isinstance(value, list) and not several):
        kind = "a list" if isinstance(value, list) else "a table"
        raise UsageError(f"{name} is one value, not {kind}", where=path)
    return [value] if several and not isinstance(value, list) else value

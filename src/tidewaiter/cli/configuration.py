"""Settings from `tidewaiter.toml`: the defaults below flags and environment."""

import os
from collections.abc import Collection

from tidewaiter.errors import UsageError

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
    return {name: {key.replace("-", "_"): value for key, value in table.items()} for name, table in tables.items()}

"""Where a store is: the file or the server that its address names."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from tidewaiter.errors import UsageError

_FORMS = "Give the path of a file, sqlite:///PATH, or postgresql://USER@HOST/DATABASE"


@dataclass(frozen=True, slots=True)
class Address:
    """A store's address. `path` is the file of a SQLite store, None for a server; `shown` has no password."""

    url: URL
    path: Path | None
    shown: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """The address that the text spells. Raises UsageError, which does not repeat what may hold a password."""
        scheme, mark, _ = text.partition("://")
        if not mark:
            return cls._file(Path(text))
        try:
            url = make_url(text)
        except (ArgumentError, ValueError):
            raise UsageError("is not an address of a store", where=f"{scheme}://…", advice=_FORMS) from None
        match url.drivername:
            case "sqlite" if url.database:
                return cls._file(Path(url.database))
            case "postgresql" | "postgres":
                shown = url.set(query={}).render_as_string(hide_password=True)
                return cls(url.set(drivername="postgresql+psycopg"), None, shown)
        raise UsageError("is not an address of a store", where=f"{scheme}://…", advice=_FORMS)

    @classmethod
    def _file(cls, path: Path) -> Self:
        if not path.name:
            raise UsageError("is not an address of a store", where=str(path), advice=_FORMS)
        path = path.expanduser().absolute()
        return cls(URL.create("sqlite", database=str(path)), path, str(path))

"""Rows by what names them: asked for many at a time."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from sqlalchemy import Connection, Table, select

_T = TypeVar("_T")

_CHUNK = 500
"""How many values one statement names. More would not be quicker, and either engine has a limit."""


def chunks(values: Iterable[_T]) -> Iterator[Sequence[_T]]:
    """The distinct values, as many at a time as one statement names."""
    distinct = list(dict.fromkeys(values))
    for start in range(0, len(distinct), _CHUNK):
        yield distinct[start : start + _CHUNK]


def by_key(connection: Connection, table: Table, keys: Iterable[bytes]) -> dict[bytes, int]:
    """The numbers of those rows of the table that are there, by `key`."""
    found: dict[bytes, int] = {}
    for some in chunks(keys):
        rows = connection.execute(select(table.c.id, table.c.key).where(table.c.key.in_(some)))
        found.update((row.key, row.id) for row in rows)
    return found

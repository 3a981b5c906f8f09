"""Accounts, registries and repositories: each remembered once, with the run that saw it last and what it missed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, Table, select, update

from tidewaiter.model.cloud import Account, Registry
from tidewaiter.model.gap import Gap
from tidewaiter.store import schema
from tidewaiter.store.database import insert
from tidewaiter.store.encoding import read_gaps, spelled_gaps


def saw_account(connection: Connection, run: int, account: Account, gaps: Sequence[Gap]) -> None:
    """The account was come upon. Gaps add to those that the run has told of it; the names it had are not forgotten."""
    table = schema.account
    before = connection.execute(select(table).where(table.c.id == account.id)).first()
    known = account
    if before is not None and not (account.name or account.ou_path):
        known = replace(account, name=before.name, ou_path=before.ou_path, management=before.management)
    values = {
        "id": known.id,
        "name": known.name,
        "ou_path": known.ou_path,
        "state": known.state,
        "management": known.management,
        "run": run,
        "gaps": _together(before, run, gaps),
    }
    _put(connection, table, values, ["id"])


def saw_registry(
    connection: Connection, run: int, account_id: str, registry: Registry, gaps: Sequence[Gap] = ()
) -> int:
    """The registry was come upon: its number."""
    table = schema.registry
    key = {"account": account_id, "region": registry.region, "host": registry.host, "public": registry.public}
    before = connection.execute(select(table).filter_by(**key)).first()
    values = {**key, "partition": registry.partition, "run": run, "gaps": _together(before, run, gaps)}
    return _put(connection, table, values, list(key))


def saw_repository(connection: Connection, run: int, registry: int, name: str) -> int:
    """The repository was come upon: its number."""
    table = schema.repository
    key = {"registry": registry, "name": name}
    before = connection.execute(select(table).filter_by(**key)).first()
    return _put(connection, table, {**key, "run": run, "gaps": _together(before, run, ())}, list(key))


def repository_gap(connection: Connection, run: int, repository: int, gap: Gap) -> None:
    """Something of the repository was not looked at."""
    table = schema.repository
    before = connection.execute(select(table).where(table.c.id == repository)).one()
    gaps = _together(before, run, (gap,))
    connection.execute(update(table).where(table.c.id == repository).values(run=run, gaps=gaps))


def _together(before: "Row[*tuple[Any, ...]] | None", run: int, gaps: Sequence[Gap]) -> str:
    """These gaps with those that the same run told before."""
    earlier = read_gaps(before.gaps) if before is not None and before.run == run else ()
    return spelled_gaps(dict.fromkeys((*earlier, *gaps)))


def _put(connection: Connection, table: Table, values: dict[str, object], key: list[str]) -> int:
    """Adds the row, or brings the one of the same key up to date: its number, or whatever else names it."""
    change = {name: value for name, value in values.items() if name not in key}
    statement = insert(connection, table).values(values).on_conflict_do_update(index_elements=key, set_=change)
    number: int = connection.execute(statement.returning(table.c.id)).scalar_one()
    return number

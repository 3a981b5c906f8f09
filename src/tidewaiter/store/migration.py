"""Brings a store's tables to this version's, and refuses those that it does not know."""

from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, Table, Text, inspect, select

from tidewaiter.errors import StoreError
from tidewaiter.store.database import Database
from tidewaiter.store.schema import REVISION, VERSION_TABLE

_SCRIPTS = Path(__file__).with_name("migrations")
_VERSION = Table(VERSION_TABLE, MetaData(), Column("version_num", Text))


def migrate(database: Database) -> None:
    """Makes the tables, or changes those of an older version, in one transaction.

    Raises StoreError for a store of a newer version, and for a database that holds something else.
    """
    if database.read(_revision) != REVISION:
        database.write(lambda connection: _upgrade(connection, database.shown))


def _revision(connection: Connection) -> str | None:
    """The revision of the tables; None where there are none of ours."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(select(_VERSION.c.version_num)).scalar_one_or_none()


def _upgrade(connection: Connection, shown: str) -> None:
    revision = _revision(connection)
    if revision == REVISION:
        return
    _check(connection, revision, shown)
    from alembic import command
    from alembic.config import Config

    configuration = Config()
    configuration.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, REVISION)


def _check(connection: Connection, revision: str | None, shown: str) -> None:
    from alembic.script import ScriptDirectory

    if revision is None:
        if inspect(connection).get_table_names():
            advice = "Name another file, or give tidewaiter a database or schema of its own"
            raise StoreError("holds the tables of something else", where=shown, advice=advice)
        return
    known = {script.revision for script in ScriptDirectory(str(_SCRIPTS)).walk_revisions()}
    if revision not in known:
        what = f"was written by a newer version of tidewaiter (its schema is {revision}, this version's {REVISION})"
        raise StoreError(what, where=shown, advice="Use that version, or another store")

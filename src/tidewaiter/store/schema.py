"""The tables of a fleet's memory, the same in SQLite and in PostgreSQL. A change of them is a migration.

Places are remembered once, with the `run` that saw them last: what that column does not name was not seen by the run.
Manifests are known by digest everywhere; a `listing` is a manifest in a repository. What an image holds is kept in
parcels: the packages that came into it with one layer. Images on the same base share that base's parcels.

Beside that memory stands what the brokered integration's servers share: connections, which tunnels carry them, and
what agents delivered until the platform has fetched it.

Lists of tags, digests and gaps are JSON; inventories are as `inventory/encoding.py` spells them.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from tidewaiter.store.columns import NUMBER, Moment, Words

REVISION = "0002"
"""The migration that makes the tables as they are here."""

VERSION_TABLE = "tidewaiter_schema"
"""Where the schema's revision stands; it also tells that the tables are tidewaiter's."""

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "fk": "%(table_name)s_%(column_0_name)s_fk",
        "uq": "%(table_name)s_%(column_0_name)s_unique",
        "ix": "%(table_name)s_%(column_0_name)s_index",
    }
)


def _id() -> "Column[Any]":
    return Column("id", NUMBER, primary_key=True, autoincrement=True)


def _to(table: str, name: str = "", *, null: bool = False, **more: Any) -> "Column[Any]":
    """A column that names a row of another table by its number."""
    return Column(name or table, NUMBER, ForeignKey(f"{table}.id"), nullable=null, **more)


def _words(name: str, *, default: str | None = "") -> "Column[Any]":
    return Column(name, Words, nullable=False, server_default=default)


def _json(name: str) -> "Column[Any]":
    return Column(name, Text, nullable=False, server_default="[]")


def _count(name: str) -> "Column[Any]":
    return Column(name, BigInteger, nullable=False, server_default="0")


run = Table(
    "run",
    metadata,
    _id(),
    _words("scope"),
    _words("command"),
    Column("started", Moment, nullable=False),
    Column("finished", Moment),
    _to("run", "continues", null=True),
    _count("layers_read"),
    _count("bytes_pulled"),
    _count("looked"),
    _count("known"),
    Index("run_scope_index", "scope", "id"),
)

account = Table(
    "account",
    metadata,
    Column("id", Text, primary_key=True),
    _words("name"),
    _words("ou_path"),
    _words("state"),
    Column("management", Boolean, nullable=False),
    _to("run"),
    _json("gaps"),
)

registry = Table(
    "registry",
    metadata,
    _id(),
    Column("account", Text, ForeignKey("account.id"), nullable=False),
    _words("partition"),
    _words("region"),
    _words("host"),
    Column("public", Boolean, nullable=False),
    _to("run"),
    _json("gaps"),
    UniqueConstraint("account", "region", "host", "public"),
)

repository = Table(
    "repository",
    metadata,
    _id(),
    _to("registry"),
    _words("name"),
    _to("run"),
    _json("gaps"),
    UniqueConstraint("registry", "name"),
)

manifest = Table(
    "manifest",
    metadata,
    _id(),
    Column("digest", Text, nullable=False, unique=True),
    _words("media_type"),
    # An index's list, once it was read: it is part of what the digest means, and so never changes.
    Column("children", Text),
)

listing = Table(
    "listing",
    metadata,
    _id(),
    _to("repository"),
    _to("manifest"),
    # As the registry lists it.
    _to("run"),
    Column("gone", Boolean, nullable=False, server_default=text("false")),
    _json("tags"),
    _count("size"),
    Column("pushed", Moment),
    Column("pulled", Moment),
    _words("media_type"),
    _words("artifact_type"),
    Column("subject", Text),
    _words("status"),
    # How it ended, in the run that settled it last.
    _to("run", "settled", null=True),
    _words("kind"),
    _words("state"),
    Column("why", Text),
    _words("detail"),
    Column("platform", Text),
    _to("manifest", "image", null=True, index=True),
    _json("indexes"),
    _json("names"),
    UniqueConstraint("repository", "manifest"),
)

tag = Table(
    "tag",
    metadata,
    _id(),
    _to("repository"),
    _words("name"),
    _to("manifest"),
    # The runs that saw it first and last, and the one that found it gone or at another manifest.
    _to("run", "since"),
    _to("run"),
    _to("run", "until", null=True),
    Index(
        "tag_current_unique",
        "repository",
        "name",
        unique=True,
        sqlite_where=text("until IS NULL"),
        postgresql_where=text("until IS NULL"),
    ),
    Index("tag_until_index", "until"),
)

layer = Table(
    "layer",
    metadata,
    Column("digest", Text, primary_key=True),
    _words("fingerprint"),
    _count("stored_size"),
    Column("content", LargeBinary, nullable=False),
)

image = Table(
    "image",
    metadata,
    Column("manifest", NUMBER, ForeignKey("manifest.id"), primary_key=True, autoincrement=False),
    _words("fingerprint"),
    # The inventory without its packages, and their order where it is not that of `images.natural`.
    Column("content", LargeBinary, nullable=False),
    Column("arrangement", Text),
)

parcel = Table(
    "parcel",
    metadata,
    _id(),
    Column("key", LargeBinary(32), nullable=False, unique=True),
    Column("content", LargeBinary, nullable=False),
)

image_parcel = Table(
    "image_parcel",
    metadata,
    Column("image", NUMBER, ForeignKey("image.manifest"), primary_key=True, autoincrement=False),
    Column("layer", Integer, primary_key=True, autoincrement=False),
    _to("parcel", index=True),
    sqlite_with_rowid=False,
)

distro = Table(
    "distro",
    metadata,
    _id(),
    Column("key", LargeBinary(32), nullable=False, unique=True),
    _words("title"),
    Column("content", Text, nullable=False),
)

package = Table(
    "package",
    metadata,
    _id(),
    Column("key", LargeBinary(32), nullable=False, unique=True),
    # For look-ups; `content` has them as they are.
    _words("type"),
    _words("name"),
    _words("version"),
    _to("distro", null=True),
    Column("content", Text, nullable=False),
    Index("package_name_index", "name", "type"),
)

parcel_package = Table(
    "parcel_package",
    metadata,
    _to("parcel", primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    _to("package", index=True),
    sqlite_with_rowid=False,
)

advisories = Table(
    "advisories",
    metadata,
    _id(),
    Column("identity", Words, nullable=False, unique=True),
)

judgement = Table(
    "judgement",
    metadata,
    Column("package", NUMBER, ForeignKey("package.id"), primary_key=True, autoincrement=False),
    _to("advisories"),
    # None where nothing was found, and nothing stood in the way of finding it.
    Column("content", LargeBinary),
)

connection = Table(
    "connection",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    # The token itself is known to who holds it, and to nobody else.
    Column("token_hash", LargeBinary(32), nullable=False, unique=True),
    Column("created", Moment, nullable=False),
    Column("revoked", Moment),
)

tunnel = Table(
    "tunnel",
    metadata,
    # Which one: the server that holds it names it.
    Column("key", Text, primary_key=True),
    _to("connection", primary_key=True, autoincrement=False, index=True),
    Column("server", Text, nullable=False, index=True),
    # Where the other servers reach that one; "" where they do not.
    _words("url"),
    _words("replica"),
    _count("load"),
    Column("since", Moment, nullable=False),
    Column("seen", Moment, nullable=False),
    sqlite_with_rowid=False,
)

delivery = Table(
    "delivery",
    metadata,
    # Never used twice, unlike a number: who still adds to one that was dropped adds to nothing.
    Column("key", Text, primary_key=True),
    _to("connection"),
    _words("job"),
    _count("size"),
    # Of the whole, once it is there.
    Column("digest", Text),
    Column("touched", Moment, nullable=False),
    Index(
        "delivery_whole_unique",
        "connection",
        "job",
        unique=True,
        sqlite_where=text("digest IS NOT NULL"),
        postgresql_where=text("digest IS NOT NULL"),
    ),
    Index("delivery_connection_index", "connection", "touched"),
    Index("delivery_touched_index", "touched"),
)

delivery_part = Table(
    "delivery_part",
    metadata,
    Column("delivery", Text, ForeignKey("delivery.key"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
)

"""What the brokered integration's servers share."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_WHOLE = sa.text("digest IS NOT NULL")


def upgrade() -> None:
    """Make the step."""
    _connections()
    _deliveries()


def _connections() -> None:
    """Who may come in, and which tunnels are open."""
    op.create_table(
        "connection",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="connection_pk"),
        sa.UniqueConstraint("name", name="connection_name_unique"),
        sa.UniqueConstraint("token_hash", name="connection_token_hash_unique"),
    )
    op.create_table(
        "tunnel",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("connection", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), server_default="", nullable=False),
        sa.Column("replica", sa.Text(), server_default="", nullable=False),
        sa.Column("load", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["connection"], ["connection.id"], name="tunnel_connection_fk"),
        sa.PrimaryKeyConstraint("key", "connection", name="tunnel_pk"),
        sqlite_with_rowid=False,
    )
    op.create_index("tunnel_connection_index", "tunnel", ["connection"], unique=False)
    op.create_index("tunnel_server_index", "tunnel", ["server"], unique=False)


def _deliveries() -> None:
    """What agents delivered."""
    op.create_table(
        "delivery",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("connection", _NUMBER, nullable=False),
        sa.Column("job", sa.Text(), server_default="", nullable=False),
        sa.Column("size", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("touched", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["connection"], ["connection.id"], name="delivery_connection_fk"),
        sa.PrimaryKeyConstraint("key", name="delivery_pk"),
    )
    op.create_index(
        "delivery_whole_unique",
        "delivery",
        ["connection", "job"],
        unique=True,
        sqlite_where=_WHOLE,
        postgresql_where=_WHOLE,
    )
    op.create_index("delivery_connection_index", "delivery", ["connection", "touched"], unique=False)
    op.create_index("delivery_touched_index", "delivery", ["touched"], unique=False)
    op.create_table(
        "delivery_part",
        sa.Column("delivery", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["delivery"], ["delivery.key"], name="delivery_part_delivery_fk"),
        sa.PrimaryKeyConstraint("delivery", "position", name="delivery_part_pk"),
    )

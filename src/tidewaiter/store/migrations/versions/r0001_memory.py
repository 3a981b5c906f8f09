"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the step."""
    _runs_and_places()
    _listings()
    _contents()
    _packages()


def _runs_and_places() -> None:
    """Who ran when, and where images lie."""
    op.create_table(
        "run",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("scope", sa.Text(), server_default="", nullable=False),
        sa.Column("command", sa.Text(), server_default="", nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished", sa.DateTime(timezone=True), nullable=True),
        sa.Column("continues", _NUMBER, nullable=True),
        sa.Column("layers_read", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("bytes_pulled", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("looked", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("known", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["continues"], ["run.id"], name="run_continues_fk"),
        sa.PrimaryKeyConstraint("id", name="run_pk"),
    )
    op.create_index("run_scope_index", "run", ["scope", "id"], unique=False)
    op.create_table(
        "account",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("ou_path", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), server_default="", nullable=False),
        sa.Column("management", sa.Boolean(), nullable=False),
        sa.Column("run", _NUMBER, nullable=False),
        sa.Column("gaps", sa.Text(), server_default="[]", nullable=False),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name="account_run_fk"),
        sa.PrimaryKeyConstraint("id", name="account_pk"),
    )
    op.create_table(
        "registry",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("partition", sa.Text(), server_default="", nullable=False),
        sa.Column("region", sa.Text(), server_default="", nullable=False),
        sa.Column("host", sa.Text(), server_default="", nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.Column("run", _NUMBER, nullable=False),
        sa.Column("gaps", sa.Text(), server_default="[]", nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name="registry_account_fk"),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name="registry_run_fk"),
        sa.PrimaryKeyConstraint("id", name="registry_pk"),
        sa.UniqueConstraint("account", "region", "host", "public", name="registry_account_unique"),
    )
    op.create_table(
        "repository",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("registry", _NUMBER, nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("run", _NUMBER, nullable=False),
        sa.Column("gaps", sa.Text(), server_default="[]", nullable=False),
        sa.ForeignKeyConstraint(["registry"], ["registry.id"], name="repository_registry_fk"),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name="repository_run_fk"),
        sa.PrimaryKeyConstraint("id", name="repository_pk"),
        sa.UniqueConstraint("registry", "name", name="repository_registry_unique"),
    )


def _listings() -> None:
    """What registries list."""
    op.create_table(
        "manifest",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), server_default="", nullable=False),
        sa.Column("children", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="manifest_pk"),
        sa.UniqueConstraint("digest", name="manifest_digest_unique"),
    )
    op.create_table(
        "listing",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("repository", _NUMBER, nullable=False),
        sa.Column("manifest", _NUMBER, nullable=False),
        sa.Column("run", _NUMBER, nullable=False),
        sa.Column("gone", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("tags", sa.Text(), server_default="[]", nullable=False),
        sa.Column("size", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("pushed", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pulled", sa.DateTime(timezone=True), nullable=True),
        sa.Column("media_type", sa.Text(), server_default="", nullable=False),
        sa.Column("artifact_type", sa.Text(), server_default="", nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), server_default="", nullable=False),
        sa.Column("settled", _NUMBER, nullable=True),
        sa.Column("kind", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), server_default="", nullable=False),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("platform", sa.Text(), nullable=True),
        sa.Column("image", _NUMBER, nullable=True),
        sa.Column("indexes", sa.Text(), server_default="[]", nullable=False),
        sa.Column("names", sa.Text(), server_default="[]", nullable=False),
        sa.ForeignKeyConstraint(["image"], ["manifest.id"], name="listing_image_fk"),
        sa.ForeignKeyConstraint(["manifest"], ["manifest.id"], name="listing_manifest_fk"),
        sa.ForeignKeyConstraint(["repository"], ["repository.id"], name="listing_repository_fk"),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name="listing_run_fk"),
        sa.ForeignKeyConstraint(["settled"], ["run.id"], name="listing_settled_fk"),
        sa.PrimaryKeyConstraint("id", name="listing_pk"),
        sa.UniqueConstraint("repository", "manifest", name="listing_repository_unique"),
    )
    op.create_index("listing_image_index", "listing", ["image"], unique=False)
    op.create_table(
        "tag",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("repository", _NUMBER, nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("manifest", _NUMBER, nullable=False),
        sa.Column("since", _NUMBER, nullable=False),
        sa.Column("run", _NUMBER, nullable=False),
        sa.Column("until", _NUMBER, nullable=True),
        sa.ForeignKeyConstraint(["manifest"], ["manifest.id"], name="tag_manifest_fk"),
        sa.ForeignKeyConstraint(["repository"], ["repository.id"], name="tag_repository_fk"),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name="tag_run_fk"),
        sa.ForeignKeyConstraint(["since"], ["run.id"], name="tag_since_fk"),
        sa.ForeignKeyConstraint(["until"], ["run.id"], name="tag_until_fk"),
        sa.PrimaryKeyConstraint("id", name="tag_pk"),
    )
    op.create_index(
        "tag_current_unique",
        "tag",
        ["repository", "name"],
        unique=True,
        sqlite_where=sa.text("until IS NULL"),
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_index("tag_until_index", "tag", ["until"], unique=False)


def _contents() -> None:
    """What layers and images hold."""
    op.create_table(
        "layer",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), server_default="", nullable=False),
        sa.Column("stored_size", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="layer_pk"),
    )
    op.create_table(
        "image",
        sa.Column("manifest", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("fingerprint", sa.Text(), server_default="", nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("arrangement", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["manifest"], ["manifest.id"], name="image_manifest_fk"),
        sa.PrimaryKeyConstraint("manifest", name="image_pk"),
    )
    op.create_table(
        "parcel",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="parcel_pk"),
        sa.UniqueConstraint("key", name="parcel_key_unique"),
    )
    op.create_table(
        "image_parcel",
        sa.Column("image", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("layer", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("parcel", _NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["image"], ["image.manifest"], name="image_parcel_image_fk"),
        sa.ForeignKeyConstraint(["parcel"], ["parcel.id"], name="image_parcel_parcel_fk"),
        sa.PrimaryKeyConstraint("image", "layer", name="image_parcel_pk"),
        sqlite_with_rowid=False,
    )
    op.create_index("image_parcel_parcel_index", "image_parcel", ["parcel"], unique=False)


def _packages() -> None:
    """Distinct packages, and what is known of them."""
    op.create_table(
        "distro",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="distro_pk"),
        sa.UniqueConstraint("key", name="distro_key_unique"),
    )
    op.create_table(
        "package",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("type", sa.Text(), server_default="", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("version", sa.Text(), server_default="", nullable=False),
        sa.Column("distro", _NUMBER, nullable=True),
        sa.Column("content", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["distro"], ["distro.id"], name="package_distro_fk"),
        sa.PrimaryKeyConstraint("id", name="package_pk"),
        sa.UniqueConstraint("key", name="package_key_unique"),
    )
    op.create_index("package_name_index", "package", ["name", "type"], unique=False)
    op.create_table(
        "parcel_package",
        sa.Column("parcel", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("package", _NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["package"], ["package.id"], name="parcel_package_package_fk"),
        sa.ForeignKeyConstraint(["parcel"], ["parcel.id"], name="parcel_package_parcel_fk"),
        sa.PrimaryKeyConstraint("parcel", "position", name="parcel_package_pk"),
        sqlite_with_rowid=False,
    )
    op.create_index("parcel_package_package_index", "parcel_package", ["package"], unique=False)
    op.create_table(
        "advisories",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="advisories_pk"),
        sa.UniqueConstraint("identity", name="advisories_identity_unique"),
    )
    op.create_table(
        "judgement",
        sa.Column("package", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("advisories", _NUMBER, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["advisories"], ["advisories.id"], name="judgement_advisories_fk"),
        sa.ForeignKeyConstraint(["package"], ["package.id"], name="judgement_package_fk"),
        sa.PrimaryKeyConstraint("package", name="judgement_pk"),
    )

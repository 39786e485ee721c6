"""The access journal: who fetched which file, when, from where, with which client."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "accesses",
        sa.Column("id", number, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("index_name", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("version", sa.Text()),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text()),
        sa.Column("who", sa.Text()),
        sa.Column("address", sa.Text()),
        sa.Column("client", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="accesses_pk"),
    )
    op.create_index("accesses_at_ix", "accesses", ["at"])
    for column in ("project", "filename", "digest"):
        op.create_index(f"accesses_{column}_id_ix", "accesses", [column, "id"])

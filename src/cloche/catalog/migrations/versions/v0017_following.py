"""Following another server's indexes, and the name of this data, by which others know it."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "identity",
        sa.Column("store", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("store", name="identity_pk"),
    )
    op.create_table(
        "following",
        sa.Column("index_name", sa.Text(), nullable=False),
        sa.Column("upstream", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.Column("store", sa.Text()),
        sa.Column("serial", sa.BigInteger(), nullable=False),
        sa.Column("mark", sa.Text(), nullable=False),
        sa.Column("newest", sa.BigInteger(), nullable=False),
        sa.Column("level_at", sa.BigInteger()),
        sa.Column("contact_at", sa.BigInteger()),
        sa.Column("trouble", sa.Text()),
        sa.Column("holder", sa.Text()),
        sa.Column("held_until", sa.BigInteger()),
        sa.Column("promoted_at", sa.BigInteger()),
        sa.Column("promoted_by", sa.Text()),
        sa.PrimaryKeyConstraint("index_name", name="following_pk"),
    )

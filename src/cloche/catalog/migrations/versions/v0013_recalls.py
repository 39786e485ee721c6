"""Kept files that their upstream has taken back."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "recalls",
        sa.Column("upstream", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("serial", number, nullable=False),
        sa.PrimaryKeyConstraint("upstream", "key", "filename", name="recalls_pk"),
        sa.ForeignKeyConstraint(["serial"], ["journal.serial"], name="recalls_serial_fk"),
    )
    op.create_index("recalls_upstream_project_ix", "recalls", ["upstream", "project"])

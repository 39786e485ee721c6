"""Signatures and provenance objects beside uploads, and documentation of projects."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("signature", "provenance"):
        op.add_column("uploads", sa.Column(name, sa.Text()))
        op.create_index(f"uploads_{name}_ix", "uploads", [name])
    op.create_table(
        "documentation",
        sa.Column("index_name", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("index_name", "project", "path", name="documentation_pk"),
    )
    op.create_index("documentation_digest_ix", "documentation", ["digest"])

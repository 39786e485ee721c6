"""Signatures and provenance objects beside uploads."""

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

"""What is found out about upstreams' files: when each was first seen; held files by project."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sightings",
        sa.Column("upstream", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("sighting", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("upstream", "project", "sighting", name="sightings_pk"),
    )
    op.create_index("held_upstream_project_ix", "held", ["upstream", "project"])

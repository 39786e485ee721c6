"""How far mirrors of upstreams have come, and who does what nobody else may do meanwhile."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mirrors",
        sa.Column("upstream", sa.Text(), nullable=False),
        sa.Column("etag", sa.Text()),
        sa.Column("serial", sa.BigInteger(), nullable=False),
        sa.Column("projects", sa.BigInteger(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("journal", sa.BigInteger(), nullable=False),
        sa.Column("listed_at", sa.BigInteger()),
        sa.Column("until", sa.BigInteger()),
        sa.Column("complete_serial", sa.BigInteger(), nullable=False),
        sa.Column("complete_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("upstream", name="mirrors_pk"),
    )
    _projects()
    op.create_table(
        "failures",
        sa.Column("upstream", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("upstream", "project", "filename", name="failures_pk"),
    )
    op.create_table(
        "leases",
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("what", name="leases_pk"),
    )


def _projects() -> None:
    op.create_table(
        "mirrored",
        sa.Column("upstream", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("listed", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.BigInteger()),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger()),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("files", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("lacking", sa.BigInteger(), nullable=False),
        sa.Column("lacking_size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("upstream", "project", name="mirrored_pk"),
    )
    op.create_index(
        "mirrored_upstream_due_at_project_ix", "mirrored", ["upstream", "due_at", "project"]
    )
    op.create_index("mirrored_upstream_state_ix", "mirrored", ["upstream", "state"])

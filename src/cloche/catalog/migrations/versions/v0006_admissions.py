"""What is let past the rules of an index, for a time."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "admissions",
        sa.Column("serial", number, nullable=False),
        sa.Column("index_name", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("version", sa.Text()),
        sa.Column("filename", sa.Text()),
        sa.Column("rule", sa.Text()),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("ended_by", sa.Text()),
        sa.ForeignKeyConstraint(["serial"], ["journal.serial"], name="admissions_serial_fk"),
        sa.PrimaryKeyConstraint("serial", name="admissions_pk"),
    )
    op.create_index("admissions_index_name_project_ix", "admissions", ["index_name", "project"])

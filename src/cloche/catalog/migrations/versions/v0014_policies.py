"""Which rules indexes had."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "policies",
        sa.Column("index_name", sa.Text(), nullable=False),
        sa.Column("serial", number, nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["serial"], ["journal.serial"], name="policies_serial_fk"),
        sa.PrimaryKeyConstraint("index_name", "serial", name="policies_pk"),
    )

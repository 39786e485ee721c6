"""Pages and files of a bundle that is being applied, which nothing shows yet."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "arriving",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("upstream", sa.Text(), nullable=False),
        sa.Column("document", _NUMBER, nullable=False),
        sa.Column("made", sa.Boolean(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run", "project", name="arriving_pk"),
    )
    op.create_index("arriving_document_ix", "arriving", ["document"])
    op.create_index("arriving_upstream_ix", "arriving", ["upstream"])
    op.create_table(
        "arriving_files",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("upstream", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run", "key", "filename", name="arriving_files_pk"),
    )
    op.create_index("arriving_files_upstream_ix", "arriving_files", ["upstream"])

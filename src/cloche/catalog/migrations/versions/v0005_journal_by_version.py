"""The journal is read by place, project and version."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("journal_place_project_serial_ix", "journal")
    op.create_index(
        "journal_place_project_version_serial_ix",
        "journal",
        ["place", "project", "version", "serial"],
    )

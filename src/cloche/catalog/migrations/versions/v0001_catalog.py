"""The first catalog: journal, uploads, upstream documents, held files, tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _journal()
    _uploads()
    _documents()
    _pages()
    _held()
    _tokens()


def _journal() -> None:
    op.create_table(
        "journal",
        sa.Column("serial", _NUMBER, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("place", sa.Text()),
        sa.Column("project", sa.Text()),
        sa.Column("version", sa.Text()),
        sa.Column("filename", sa.Text()),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("serial", name="journal_pk"),
        sqlite_autoincrement=True,
    )


def _uploads() -> None:
    op.create_table(
        "uploads",
        sa.Column("index_name", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("serial", _NUMBER, nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("filetype", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("hashes", sa.Text(), nullable=False),
        sa.Column("metadata", sa.Text()),
        sa.Column("requires_python", sa.Text()),
        sa.Column("uploaded_at", sa.BigInteger(), nullable=False),
        sa.Column("uploaded_by", sa.Text(), nullable=False),
        sa.Column("yanked", sa.Boolean(), nullable=False),
        sa.Column("yanked_reason", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("index_name", "filename", name="uploads_pk"),
        sa.ForeignKeyConstraint(["serial"], ["journal.serial"], name="uploads_serial_fk"),
        sa.UniqueConstraint("serial", name="uploads_serial_uq"),
    )
    op.create_index("uploads_index_name_project_ix", "uploads", ["index_name", "project"])
    op.create_index("uploads_digest_ix", "uploads", ["digest"])
    op.create_index("uploads_metadata_ix", "uploads", ["metadata"])


def _documents() -> None:
    op.create_table(
        "documents",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("upstream", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="documents_pk"),
        sa.UniqueConstraint(
            "upstream", "project", "content", name="documents_upstream_project_content_uq"
        ),
        sqlite_autoincrement=True,
    )


def _pages() -> None:
    op.create_table(
        "pages",
        sa.Column("upstream", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("document", _NUMBER),
        sa.Column("serial", _NUMBER, nullable=False),
        sa.Column("etag", sa.Text()),
        sa.Column("checked_at", sa.BigInteger(), nullable=False),
        sa.Column("fresh_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("upstream", "project", name="pages_pk"),
        sa.ForeignKeyConstraint(["document"], ["documents.id"], name="pages_document_fk"),
        sa.ForeignKeyConstraint(["serial"], ["journal.serial"], name="pages_serial_fk"),
    )
    op.create_index("pages_document_ix", "pages", ["document"])


def _held() -> None:
    op.create_table(
        "held",
        sa.Column("upstream", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("upstream", "key", "filename", name="held_pk"),
    )
    op.create_index("held_digest_ix", "held", ["digest"])


def _tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("indexes", sa.Text(), nullable=False),
        sa.Column("can", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("revoked_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="tokens_pk"),
    )

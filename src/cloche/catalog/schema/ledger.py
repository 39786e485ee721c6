"""What may never be lost: uploads, what was decided, people, and the journal of it all."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, LargeBinary, Table, Text

from cloche.catalog.schema.columns import Instant, Number, metadata

journal = Table(
    "journal",
    metadata,
    Column("serial", Number, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("place", Text),  # the name of an index or an upstream
    Column("project", Text),
    Column("version", Text),
    Column("filename", Text),
    Column("detail", Text, nullable=False),  # JSON
    Index(None, "place", "project", "version", "serial"),
    sqlite_autoincrement=True,
)

uploads = Table(
    "uploads",
    metadata,
    Column("index_name", Text, primary_key=True),
    Column("filename", Text, primary_key=True),
    Column("serial", Number, ForeignKey(journal.c.serial), nullable=False, unique=True),
    Column("project", Text, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("filetype", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("hashes", Text, nullable=False),  # JSON
    Column("metadata", Text),
    Column("requires_python", Text),
    Column("uploaded_at", Instant, nullable=False),
    Column("uploaded_by", Text, nullable=False),
    Column("yanked", Boolean, nullable=False),
    Column("yanked_reason", Text, nullable=False),
    # A deleted file's row stays: its name and its bytes belong together for ever.
    Column("deleted_at", Instant),
    Column("signature", Text),
    Column("provenance", Text),
    Column("first_index", Text),  # where it was uploaded at `uploaded_at`, if it was pushed here
    Index(None, "index_name", "project"),
    Index(None, "digest"),
    Index(None, "metadata"),
    Index(None, "signature"),
    Index(None, "provenance"),
)

statuses = Table(
    "statuses",
    metadata,
    Column("index_name", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

yanks = Table(
    "yanks",  # of files that are not the index's own: those have it in `uploads`
    metadata,
    Column("index_name", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("version", Text, primary_key=True),  # empty where the filename does not tell
    Column("filename", Text, primary_key=True),  # empty for all files of the version
    Column("yanked", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
)

admissions = Table(
    "admissions",  # past the rules of an index
    metadata,
    Column("serial", Number, ForeignKey(journal.c.serial), primary_key=True),
    Column("index_name", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("version", Text),
    Column("filename", Text),
    Column("rule", Text),  # none: all of the index's
    Column("who", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("ended_by", Text),
    Index(None, "index_name", "project"),
)

documentation = Table(
    "documentation",
    metadata,
    Column("index_name", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Index(None, "digest"),
)

policies = Table(
    "policies",  # the rules of indexes, from a serial on
    metadata,
    Column("index_name", Text, primary_key=True),
    Column("serial", Number, ForeignKey(journal.c.serial), primary_key=True),
    Column("said", Text, nullable=False),
)

drawn = Table(
    "drawn",  # whom an index asks, as its settings said last
    metadata,
    Column("index_name", Text, primary_key=True),
    Column("said", Text, nullable=False),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("index_name", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("serial", BigInteger, nullable=False),  # up to which the journal counts; may be 0
    Column("at", Instant, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("made_by", Text, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("indexes", Text, nullable=False),  # JSON
    Column("can", Text, nullable=False),  # JSON
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
)

identity = Table(
    "identity",  # of this data: one row, for ever
    metadata,
    Column("store", Text, primary_key=True),
)

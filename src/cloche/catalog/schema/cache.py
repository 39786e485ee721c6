"""What came from upstreams. It may be lost at any time: it is fetched again."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from cloche.catalog.schema.columns import Foreign, Instant, Number, metadata
from cloche.catalog.schema.ledger import journal

documents = Table(
    "documents",
    metadata,
    Column("id", Number, primary_key=True),
    Column("upstream", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("content", Text, nullable=False),  # sha256 of all that an upstream said
    Column("body", LargeBinary, nullable=False),  # zstandard
    Column("content_type", Foreign, nullable=False),
    Column("url", Foreign, nullable=False),
    Column("first_seen", Instant, nullable=False),
    Column("last_seen", Instant, nullable=False),
    UniqueConstraint("upstream", "project", "content"),
    sqlite_autoincrement=True,
)

pages = Table(
    "pages",
    metadata,
    Column("upstream", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("document", Number, ForeignKey(documents.c.id)),  # none: gone upstream
    Column("serial", Number, ForeignKey(journal.c.serial), nullable=False),
    Column("etag", Foreign),
    Column("checked_at", Instant, nullable=False),
    Column("fresh_until", Instant, nullable=False),
    Index(None, "document"),
)

held = Table(
    "held",
    metadata,
    Column("upstream", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("filename", Text, primary_key=True),
    Column("project", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
    Index(None, "digest"),
    Index(None, "upstream", "project"),
)

sightings = Table(
    "sightings",  # of files of which an upstream states no upload time
    metadata,
    Column("upstream", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("sighting", Text, primary_key=True),  # a file's sha256, or `u` and a hash of its place
    Column("first_seen", Instant, nullable=False),
)

facts = Table(
    "facts",  # what files told of themselves when they were looked at
    metadata,
    Column("place", Text, primary_key=True),  # the name of an index or an upstream
    Column("project", Text, primary_key=True),
    Column("need", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("said", Text, nullable=False),  # JSON
)

recalls = Table(
    "recalls",  # kept files that their upstream has taken back
    metadata,
    Column("upstream", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("filename", Text, primary_key=True),
    Column("project", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("file", Text, nullable=False),  # JSON
    Column("why", Text, nullable=False),
    Column("reason", Foreign, nullable=False),
    Column("at", Instant, nullable=False),
    Column("serial", Number, ForeignKey(journal.c.serial), nullable=False),
    Index(None, "upstream", "project"),
)

absences = Table(
    "absences",  # of projects that an upstream was never seen to have, and that others have
    metadata,
    Column("upstream", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("serial", BigInteger, nullable=False),  # the newest when it was noticed; may be 0
    Column("at", Instant, nullable=False),
)

advisories = Table(
    "advisories",
    metadata,
    Column("feed", Text, primary_key=True),
    Column("document", Text, primary_key=True),  # sha256
    Column("project", Text, primary_key=True),
    Column("advisory", Text, nullable=False),  # JSON
    Index(None, "project"),
)

feeds = Table(
    "feeds",
    metadata,
    Column("name", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("validator", Foreign),
    Column("documents", BigInteger, nullable=False),
    Column("skipped", BigInteger, nullable=False),
    Column("loaded_at", Instant, nullable=False),
    Column("checked_at", Instant, nullable=False),
)

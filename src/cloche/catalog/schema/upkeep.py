"""What the house notes for itself: who fetched what, what was verified, whose turn it is."""

from sqlalchemy import BigInteger, Column, Index, Table, Text

from cloche.catalog.schema.columns import Instant, Number, metadata

version = Table(
    "cloche_version",  # not `alembic_version`: the database may have another tenant
    metadata,
    Column("version_num", Text, primary_key=True),
)

accesses = Table(
    "accesses",  # who fetched what: on SQLite in a file of its own
    metadata,
    Column("id", Number, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("index_name", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("version", Text),
    Column("filename", Text, nullable=False),
    Column("digest", Text),
    Column("who", Text),
    Column("address", Text),
    Column("client", Text, nullable=False),
    Index(None, "at"),
    Index(None, "project", "id"),
    Index(None, "filename", "id"),
    Index(None, "digest", "id"),
)

uses = Table(
    "uses",  # of blobs, by the access journal
    metadata,
    Column("digest", Text, primary_key=True),
    Column("at", Instant, nullable=False),
)

reading = Table(
    "reading",  # how far journals were read on
    metadata,
    Column("name", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
)

verified = Table(
    "verified",  # blobs that had the right bytes, with what their store said of them then
    metadata,
    Column("digest", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("modified", Instant, nullable=False),
    Column("at", Instant, nullable=False),
)

verified_documents = Table(
    "verified_documents",
    metadata,
    Column("document", Number, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
)

endings = Table(
    "endings",  # of rulings: when time alone changes what an index shows of a project next
    metadata,
    Column("index_name", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("at", Instant, nullable=False),
    Index(None, "at"),
)

leases = Table(
    "leases",
    metadata,
    Column("what", Text, primary_key=True),
    Column("who", Text, nullable=False),
    Column("until", Instant, nullable=False),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("serial", BigInteger, nullable=False),  # of the last entry that was told
    Column("holder", Text),  # who tells it
    Column("held_until", Instant),
)

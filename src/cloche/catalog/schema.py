"""The tables, the same on SQLite and PostgreSQL. `migrations` leads older databases here."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator

REVISION = "0020"
"""The newest of `migrations/versions`. Written out here, as importing Alembic takes 0.35 s."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """A moment, as microseconds since 1970: exact, ordered, and never without a zone."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002  # SQLAlchemy's signature
        if value is None:
            return None
        return (value - _EPOCH) // _MICROSECOND  # a datetime without a zone raises TypeError

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  # SQLAlchemy's signature
        return None if value is None else _EPOCH + value * _MICROSECOND


class Foreign(TypeDecorator[str]):
    """Text that an upstream chose, made storable: no NUL (PostgreSQL), no lone surrogates."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002  # SQLAlchemy's signature
        if value is None:
            return None
        return value.replace("\0", "?").encode(errors="replace").decode()


# SQLite numbers rows automatically, and never twice, only in a column of type INTEGER.
_Number = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "fk": "%(table_name)s_%(column_0_name)s_fk",
        "uq": "%(table_name)s_%(column_0_N_name)s_uq",
        "ix": "%(table_name)s_%(column_0_N_name)s_ix",
    }
)

version = Table(
    "cloche_version",  # not `alembic_version`: the database may have another tenant
    metadata,
    Column("version_num", Text, primary_key=True),
)

journal = Table(
    "journal",
    metadata,
    Column("serial", _Number, primary_key=True),
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
    Column("serial", _Number, ForeignKey(journal.c.serial), nullable=False, unique=True),
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
    Column("serial", _Number, ForeignKey(journal.c.serial), primary_key=True),
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

documents = Table(
    "documents",
    metadata,
    Column("id", _Number, primary_key=True),
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
    Column("document", _Number, ForeignKey(documents.c.id)),  # none: gone upstream
    Column("serial", _Number, ForeignKey(journal.c.serial), nullable=False),
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

accesses = Table(
    "accesses",  # who fetched what: on SQLite in a file of its own
    metadata,
    Column("id", _Number, primary_key=True),
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

policies = Table(
    "policies",  # the rules of indexes, from a serial on
    metadata,
    Column("index_name", Text, primary_key=True),
    Column("serial", _Number, ForeignKey(journal.c.serial), primary_key=True),
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

webhooks = Table(
    "webhooks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("serial", BigInteger, nullable=False),  # of the last entry that was told
    Column("holder", Text),  # who tells it
    Column("held_until", Instant),
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
    Column("serial", _Number, ForeignKey(journal.c.serial), nullable=False),
    Index(None, "upstream", "project"),
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

absences = Table(
    "absences",  # of projects that an upstream was never seen to have, and that others have
    metadata,
    Column("upstream", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("serial", BigInteger, nullable=False),  # the newest when it was noticed; may be 0
    Column("at", Instant, nullable=False),
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
    Column("document", _Number, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
)

identity = Table(
    "identity",  # of this data: one row, for ever
    metadata,
    Column("store", Text, primary_key=True),
)

following = Table(
    "following",  # indexes that do what another server does
    metadata,
    Column("index_name", Text, primary_key=True),
    Column("upstream", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("begun_at", Instant, nullable=False),
    Column("store", Text),  # whose journal it is; none: nothing has come yet
    Column("serial", BigInteger, nullable=False),  # there: up to which all is done here
    Column("mark", Text, nullable=False),
    Column("newest", BigInteger, nullable=False),  # there, when it was asked last
    Column("level_at", Instant),  # there: all that happened before is here
    Column("contact_at", Instant),  # here
    Column("trouble", Text),  # since the last contact
    Column("holder", Text),  # the node that follows
    Column("held_until", Instant),
    Column("promoted_at", Instant),
    Column("promoted_by", Text),
)

mirrors = Table(
    "mirrors",  # of upstreams
    metadata,
    Column("upstream", Text, primary_key=True),
    Column("etag", Foreign),
    Column("serial", BigInteger, nullable=False),
    Column("projects", BigInteger, nullable=False),
    Column("policy", Text, nullable=False),
    Column("journal", BigInteger, nullable=False),
    Column("listed_at", Instant),
    Column("until", Instant),
    Column("complete_serial", BigInteger, nullable=False),
    Column("complete_at", Instant),
)

mirrored = Table(
    "mirrored",  # projects
    metadata,
    Column("upstream", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("listed", BigInteger, nullable=False),
    Column("seen", BigInteger),
    Column("tries", BigInteger, nullable=False),
    Column("due_at", Instant),
    Column("cause", Foreign, nullable=False),
    Column("files", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("lacking", BigInteger, nullable=False),
    Column("lacking_size", BigInteger, nullable=False),
    Index(None, "upstream", "due_at", "project"),
    Index(None, "upstream", "state"),
)

failures = Table(
    "failures",  # files of mirrored projects that could not be had
    metadata,
    Column("upstream", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("filename", Foreign, primary_key=True),
    Column("cause", Foreign, nullable=False),
    Column("at", Instant, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("what", Text, primary_key=True),
    Column("who", Text, nullable=False),
    Column("until", Instant, nullable=False),
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

bundles = Table(
    "bundles",  # that were applied last, to upstreams of kind "bundle"
    metadata,
    Column("upstream", Text, primary_key=True),
    Column("bundle", Text, nullable=False),  # sha256 of its header
    Column("index_name", Text, nullable=False),  # where it was made, as the next two
    Column("serial", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
    Column("applied_at", Instant, nullable=False),
)

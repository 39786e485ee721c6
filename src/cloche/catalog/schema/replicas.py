"""What is a copy of something elsewhere, and how far it has come: mirrors, bundles, followers."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Table, Text

from cloche.catalog.schema.columns import Foreign, Instant, Number, metadata

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

arriving = Table(
    "arriving",  # pages of a bundle that is being applied: nothing shows them yet
    metadata,
    Column("run", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("upstream", Text, nullable=False),
    Column("document", Number, nullable=False),
    Column("made", Boolean, nullable=False),  # the document: there was none before
    Column("etag", Foreign, nullable=False),
    Column("detail", Text, nullable=False),  # JSON, for the journal
    Index(None, "document"),
    Index(None, "upstream"),
)

arriving_files = Table(
    "arriving_files",  # that such pages list, and what lies beside them
    metadata,
    Column("run", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("filename", Text, primary_key=True),
    Column("upstream", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Index(None, "upstream"),
)

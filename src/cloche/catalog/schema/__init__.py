"""The tables, the same on SQLite and PostgreSQL. `migrations` leads older databases here."""

from cloche.catalog.schema.cache import (
    absences,
    advisories,
    documents,
    facts,
    feeds,
    held,
    pages,
    recalls,
    sightings,
)
from cloche.catalog.schema.columns import Instant, metadata
from cloche.catalog.schema.ledger import (
    admissions,
    documentation,
    identity,
    journal,
    policies,
    snapshots,
    statuses,
    tokens,
    uploads,
    yanks,
)
from cloche.catalog.schema.replicas import (
    arriving,
    arriving_files,
    bundles,
    failures,
    following,
    mirrored,
    mirrors,
)
from cloche.catalog.schema.upkeep import (
    accesses,
    leases,
    reading,
    uses,
    verified,
    verified_documents,
    version,
    webhooks,
)

REVISION = "0021"
"""The newest of `migrations/versions`. Written out here, as importing Alembic takes 0.35 s."""

__all__ = [
    "REVISION",
    "Instant",
    "absences",
    "accesses",
    "admissions",
    "advisories",
    "arriving",
    "arriving_files",
    "bundles",
    "documentation",
    "documents",
    "facts",
    "failures",
    "feeds",
    "following",
    "held",
    "identity",
    "journal",
    "leases",
    "metadata",
    "mirrored",
    "mirrors",
    "pages",
    "policies",
    "reading",
    "recalls",
    "sightings",
    "snapshots",
    "statuses",
    "tokens",
    "uploads",
    "uses",
    "verified",
    "verified_documents",
    "version",
    "webhooks",
    "yanks",
]

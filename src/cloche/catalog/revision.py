"""The schema that this program knows, by its number."""

REVISION = "0023"
"""The newest of `migrations/versions`. Written out here, as importing Alembic takes 0.35 s."""

"""Runs migrations over the connection, and in the transaction, that `revisions` hands over."""

from alembic import context

from cloche.catalog.schema import metadata, version

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=version.name,
    transactional_ddl=True,  # SQLite's too, as `engine` begins its transactions itself
    render_as_batch=True,  # SQLite alters little; Alembic copies the table instead
)
context.run_migrations()
